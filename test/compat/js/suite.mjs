// A runner of a few lines: node's own reporters differ from version to version, and the Go test wants one line per test.

const tests = [];

export function test(name, run) {
	tests.push({ name, run });
}

export async function runAll() {
	let failed = false;
	for (const { name, run } of tests) {
		let error; // absent: passed
		const began = Date.now();
		try {
			await run();
		} catch (e) {
			failed = true;
			error = e?.stack ?? String(e);
			if (e?.data) error += "\n" + JSON.stringify(e.data);
		}
		console.log(JSON.stringify({ name, error, seconds: (Date.now() - began) / 1000 }));
	}
	process.exitCode = failed ? 1 : 0;
}

// noise returns bytes that do not compress, the same for the same seed.
export function noise(size, seed = 1) {
	const out = new Uint32Array(Math.ceil(size / 4));
	let x = seed * 2654435761 || 1;
	for (let i = 0; i < out.length; i++) {
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		out[i] = x;
	}
	return new Uint8Array(out.buffer, 0, size);
}

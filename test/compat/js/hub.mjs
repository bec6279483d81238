// @huggingface/hub against the hub: node hub.mjs FACTS MODEL_FOLDER

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import * as hub from "@huggingface/hub";
import { noise, runAll, test } from "./suite.mjs";

const facts = JSON.parse(await readFile(process.argv[2], "utf8"));
const model = process.argv[3];
const hubUrl = process.env.HF_ENDPOINT;
const accessToken = process.env.HF_TOKEN;
const me = facts.writer;
const as = { hubUrl, accessToken };

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());
const collect = async (iterable) => {
	const all = [];
	for await (const item of iterable) all.push(item);
	return all;
};

async function requests(pattern) {
	let text = "";
	for (const node of facts.nodes ?? [hubUrl]) { // each counts its own
		const r = await fetch(`${node}/metrics`, { headers: { Authorization: `Bearer ${facts.admin}` } });
		text += (await r.text()) + "\n";
	}
	const lines = text.matchAll(/^cairn_http_requests_total\{operation="([^"]*)",status="2xx"\} (\S+)/gm);
	return [...lines].filter(([, operation]) => pattern.test(operation)).reduce((sum, [, , n]) => sum + Number(n), 0);
}

let repos = 0;
async function fresh(files = {}, type = "model", settings = {}) {
	const repo = { type, name: `${me}/js-${++repos}` };
	await hub.createRepo({ ...as, repo, ...settings });
	const list = Object.entries(files).map(([path, body]) => ({ path, content: new Blob([body]) }));
	if (list.length) await hub.uploadFiles({ ...as, repo, files: list });
	return repo;
}

test("whoAmI", async () => {
	const who = await hub.whoAmI(as);
	assert.equal(who.name, me);
	assert.equal(who.type, "user");
	assert.ok(who.orgs.some((o) => o.name === "guild"));
	assert.equal(who.auth.accessToken.role, "write");
	assert.ok(!Number.isNaN(who.auth.accessToken.createdAt.getTime()));
	await assert.rejects(hub.whoAmI({ hubUrl, accessToken: "hf_" + "x".repeat(34) }), { statusCode: 401 });
});

test("createRepo of every type, repoExists, deleteRepo", async () => {
	for (const [type, more] of [["model", {}], ["dataset", { private: true }], ["space", { sdk: "static" }]]) {
		const repo = { type, name: `${me}/js-${type}` };
		const made = await hub.createRepo({ ...as, repo, ...more });
		assert.equal(made.repoUrl, `${hubUrl}/${type === "model" ? "" : type + "s/"}${repo.name}`);
		assert.equal(await hub.repoExists({ ...as, repo }), true);
		assert.equal(await hub.repoExists({ hubUrl, repo }), type !== "dataset");
		await hub.checkRepoAccess({ ...as, repo });
		await assert.rejects(hub.createRepo({ ...as, repo, ...more }), { statusCode: 409 });
		await hub.deleteRepo({ ...as, repo });
		assert.equal(await hub.repoExists({ ...as, repo }), false);
		await assert.rejects(hub.checkRepoAccess({ ...as, repo }), { statusCode: 404 });
	}
});

test("createRepo with files and a licence", async () => {
	const repo = `${me}/js-files`;
	await hub.createRepo({ ...as, repo, license: "mit", files: [{ path: "a/b.txt", content: new TextEncoder().encode("first").buffer }] });
	assert.equal(await (await hub.downloadFile({ ...as, repo, path: "a/b.txt" })).text(), "first");
	assert.match(await (await hub.downloadFile({ ...as, repo, path: "README.md" })).text(), /license: mit/);
});

test("uploadFiles of the real weights by Xet, downloadFile byte-identical", async () => {
	const repo = await fresh();
	const xorbs = await requests(/xorb/i);
	const weights = await readFile(`${model}/model.safetensors`);
	const other = new Uint8Array(weights.subarray(0, 12_000_000)).map((b) => b ^ 2); // new to the hub
	await hub.uploadFiles({
		...as,
		repo,
		files: [
			pathToFileURL(`${model}/model.safetensors`),
			{ path: "part.safetensors", content: new Blob([other]) },
			{ path: "config.json", content: pathToFileURL(`${model}/config.json`) },
		],
	});
	assert.ok((await requests(/xorb/i)) > xorbs, "no xorb was posted: the weights did not go by Xet");
	const got = await hub.downloadFile({ ...as, repo, path: "model.safetensors" });
	assert.equal(got.constructor.name, "XetBlob");
	assert.equal(got.size, weights.length);
	assert.equal(sha256(await bytesOf(got)), sha256(weights));
	const plain = await hub.downloadFile({ ...as, repo, path: "part.safetensors", xet: false });
	assert.equal(sha256(await bytesOf(plain)), sha256(other));
	const info = (await hub.pathsInfo({ ...as, repo, paths: ["model.safetensors"] }))[0];
	assert.equal(info.lfs.oid, sha256(weights));
	assert.equal(info.xetHash.length, 64);
});

test("downloadFile as a stream and in slices", async () => {
	const body = noise(3_000_000, 2);
	const repo = await fresh({ "w.bin": body, "t.txt": "plain text" });
	for (const [path, want] of [["w.bin", body], ["t.txt", new TextEncoder().encode("plain text")]]) {
		const blob = await hub.downloadFile({ ...as, repo, path });
		const parts = [];
		for await (const chunk of blob.stream()) parts.push(chunk);
		assert.equal(sha256(Buffer.concat(parts)), sha256(want));
		const middle = await bytesOf(blob.slice(2, 9));
		assert.deepEqual([...middle], [...want.slice(2, 9)]);
	}
	const blob = await hub.downloadFile({ ...as, repo, path: "w.bin" });
	assert.equal(sha256(await bytesOf(blob.slice(1_000_000, 2_500_000))), sha256(body.slice(1_000_000, 2_500_000)));
	assert.equal(await hub.downloadFile({ ...as, repo, path: "absent" }), null);
});

test("uploadFiles by LFS with useXet false", async () => {
	const repo = await fresh();
	const [body, xorbs] = [noise(2_000_000, 3), await requests(/xorbUpload/i)];
	await hub.uploadFiles({ ...as, repo, useXet: false, files: [{ path: "w.bin", content: new Blob([body]) }] });
	assert.equal(await requests(/xorbUpload/i), xorbs);
	assert.equal(sha256(await bytesOf(await hub.downloadFile({ ...as, repo, path: "w.bin" }))), sha256(body));
});

test("uploadFilesWithProgress", async () => {
	const repo = await fresh();
	const events = await collect(hub.uploadFilesWithProgress({ ...as, repo, files: [{ path: "w.bin", content: new Blob([noise(2_000_000, 4)]) }] }));
	assert.ok(events.some((e) => e.event === "fileProgress" && e.path === "w.bin" && e.progress === 1));
	assert.equal(await hub.fileExists({ ...as, repo, path: "w.bin" }), true);
});

test("commit with additions and deletions", async () => {
	const repo = await fresh({ "a.txt": "a", "old.txt": "old", "w.bin": noise(5000, 5) });
	const done = await hub.commit({
		...as,
		repo,
		title: "From JavaScript",
		operations: [
			{ operation: "addOrUpdate", path: "a.txt", content: new Blob(["changed"]) },
			{ operation: "addOrUpdate", path: "new/file.bin", content: new Blob([noise(50_000, 6)]) },
			{ operation: "delete", path: "old.txt" },
		],
	});
	assert.match(done.commit.oid, /^[0-9a-f]{40}$/);
	const files = await collect(hub.listFiles({ ...as, repo, recursive: true }));
	assert.deepEqual(files.filter((f) => f.type === "file").map((f) => f.path).sort(), [".gitattributes", "a.txt", "new/file.bin", "w.bin"]);
	assert.equal(await (await hub.downloadFile({ ...as, repo, path: "a.txt" })).text(), "changed");
	await assert.rejects(
		hub.commit({ ...as, repo, title: "Late", parentCommit: "0".repeat(40), operations: [{ operation: "delete", path: "a.txt" }] }),
		{ statusCode: 412 },
	);
	await hub.deleteFile({ ...as, repo, path: "a.txt" });
	await hub.deleteFiles({ ...as, repo, paths: ["new/file.bin", "w.bin"] });
	assert.deepEqual((await collect(hub.listFiles({ ...as, repo, recursive: true }))).map((f) => f.path), [".gitattributes"]);
});

// Node.js 18, which Debian 12 carries, aborts on the client's way of joining Blobs for this.
const joinsBlobs = Number.parseInt(process.versions.node) >= 20;
if (joinsBlobs) {
	test("commit with an edit of a large file", async () => {
		const body = noise(1_000_000, 10);
		const repo = await fresh({ "w.bin": body });
		const originalContent = await hub.downloadFile({ ...as, repo, path: "w.bin" });
		const edits = [{ content: new Blob(["EDIT"]), start: 500_000, end: 500_004 }];
		await hub.commit({ ...as, repo, title: "Edit", operations: [{ operation: "edit", path: "w.bin", originalContent, edits }] });
		const edited = new Uint8Array(body);
		edited.set(new TextEncoder().encode("EDIT"), 500_000);
		assert.equal(sha256(await bytesOf(await hub.downloadFile({ ...as, repo, path: "w.bin" }))), sha256(edited));
	});
}

test("listFiles of folders, with expand and over pages", async () => {
	const files = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`d/${i}.txt`, `${i}`]));
	const repo = await fresh({ ...files, "top.txt": "top" }, "dataset");
	const top = await collect(hub.listFiles({ ...as, repo }));
	assert.deepEqual(top.map((f) => [f.path, f.type]).sort(), [[".gitattributes", "file"], ["d", "directory"], ["top.txt", "file"]]);
	const deep = await collect(hub.listFiles({ ...as, repo, path: "d", expand: true })); // a page has 100 with expand
	assert.equal(deep.length, 150);
	assert.ok(deep.every((f) => f.lastCommit.title === "Add 151 files"));
	await assert.rejects(collect(hub.listFiles({ ...as, repo, path: "absent" })), { statusCode: 404 });
});

test("fileDownloadInfo and fileExists", async () => {
	const repo = await fresh({ "w.bin": noise(100_000, 7), "t.txt": "text", "empty.txt": "", "odd name ü.txt": "odd" });
	const large = await hub.fileDownloadInfo({ ...as, repo, path: "w.bin" });
	assert.equal(large.size, 100_000);
	assert.equal(large.xet.hash.length, 64);
	assert.equal(large.etag.replaceAll('"', ""), sha256(noise(100_000, 7)));
	for (const [path, size] of [["t.txt", 4], ["empty.txt", 0], ["odd name ü.txt", 3]]) {
		const info = await hub.fileDownloadInfo({ ...as, repo, path });
		assert.equal(info.size, size, path);
		assert.equal(info.xet, undefined);
	}
	assert.equal(await hub.fileDownloadInfo({ ...as, repo, path: "absent" }), null);
	assert.equal(await hub.fileExists({ ...as, repo, path: "t.txt" }), true);
	assert.equal(await hub.fileExists({ ...as, repo, path: "absent" }), false);
	const raw = await (await hub.downloadFile({ ...as, repo, path: "w.bin", raw: true })).text();
	assert.match(raw, /^version https:\/\/git-lfs.github.com\/spec\/v1\noid sha256:/);
});

test("pathsInfo with expand", async () => {
	const repo = await fresh({ "a.txt": "a", "d/b.txt": "b" });
	const infos = await hub.pathsInfo({ ...as, repo, paths: ["a.txt", "d", "absent"], expand: true });
	assert.deepEqual(infos.map((i) => [i.path, i.type]).sort(), [["a.txt", "file"], ["d", "directory"]]);
	assert.ok(infos.every((i) => i.lastCommit.date instanceof Date && i.lastCommit.title === "Add 2 files"));
});

test("listModels, listDatasets and listSpaces", async () => {
	const repo = await fresh({ "README.md": "---\ntags: [from-js]\npipeline_tag: text-generation\n---\n" });
	const space = await fresh({}, "space", { sdk: "gradio" });
	const data = await fresh({}, "dataset");
	const found = await collect(hub.listModels({ ...as, search: { owner: me, tags: ["from-js"] }, additionalFields: ["author", "tags"] }));
	assert.deepEqual(found.map((m) => m.name), [repo.name]);
	assert.equal(found[0].task, "text-generation");
	assert.ok(found[0].tags.includes("from-js") && found[0].author === me && found[0].updatedAt instanceof Date);
	assert.ok((await collect(hub.listModels({ ...as, search: { query: "js-", owner: me } }))).length > 3);
	assert.equal((await collect(hub.listModels({ ...as, search: { owner: me }, limit: 3, sort: "createdAt" }))).length, 3);
	assert.ok((await collect(hub.listDatasets({ ...as, search: { owner: me } }))).some((d) => d.name === data.name));
	const spaces = await collect(hub.listSpaces({ ...as, search: { owner: me } }));
	assert.equal(spaces.find((s) => s.name === space.name).sdk, "gradio");
});

test("modelInfo, datasetInfo and spaceInfo", async () => {
	const repo = await fresh({ "README.md": "---\nlicense: mit\n---\n" });
	const info = await hub.modelInfo({ ...as, name: repo.name, additionalFields: ["sha", "cardData", "tags"] });
	assert.equal(info.name, repo.name);
	assert.match(info.sha, /^[0-9a-f]{40}$/);
	assert.equal(info.cardData.license, "mit");
	assert.equal((await hub.datasetInfo({ ...as, name: (await fresh({}, "dataset")).name })).likes, 0);
	assert.equal((await hub.spaceInfo({ ...as, name: (await fresh({}, "space", { sdk: "static" })).name })).sdk, "static");
	await assert.rejects(hub.modelInfo({ ...as, name: `${me}/absent` }), { statusCode: 404 });
});

test("branches and commits", async () => {
	const repo = await fresh({ "a.txt": "1" });
	await hub.createBranch({ ...as, repo, branch: "dev/js" });
	await hub.uploadFile({ ...as, repo, branch: "dev/js", file: { path: "b.txt", content: new Blob(["on dev"]) }, commitTitle: "On dev" });
	assert.equal(await hub.downloadFile({ ...as, repo, path: "b.txt" }), null);
	assert.equal(await (await hub.downloadFile({ ...as, repo, path: "b.txt", revision: "dev/js" })).text(), "on dev");
	assert.equal(await hub.countCommits({ ...as, repo }), 2);
	assert.equal(await hub.countCommits({ ...as, repo, revision: "dev/js" }), 3);
	const commits = await collect(hub.listCommits({ ...as, repo, revision: "dev/js", batchSize: 1 }));
	assert.deepEqual(commits.map((c) => c.title), ["On dev", "Add 1 files", "initial commit"]);
	assert.equal(commits[0].authors[0].username, me);
	await hub.createBranch({ ...as, repo, branch: "bare", empty: true });
	assert.equal((await collect(hub.listFiles({ ...as, repo, revision: "bare" }))).length, 0);
	await hub.createBranch({ ...as, repo, branch: "bare", revision: "main", overwrite: true });
	assert.equal((await collect(hub.listFiles({ ...as, repo, revision: "bare" }))).length, 2);
	await hub.deleteBranch({ ...as, repo, branch: "dev/js" });
	await assert.rejects(hub.countCommits({ ...as, repo, revision: "dev/js" }), { statusCode: 404 });
});

test("downloadFileToCacheDir and snapshotDownload", async () => {
	const files = { "a.txt": "a", "d/w.bin": noise(200_000, 8), "config.json": "{}" };
	const repo = await fresh(files, "dataset");
	const cacheDir = `${process.cwd()}/cache`;
	const one = await hub.downloadFileToCacheDir({ ...as, repo, path: "d/w.bin", cacheDir });
	assert.equal(sha256(await readFile(one)), sha256(files["d/w.bin"]));
	const folder = await hub.snapshotDownload({ ...as, repo, cacheDir });
	for (const [path, body] of Object.entries(files)) {
		assert.equal(sha256(await readFile(`${folder}/${path}`)), sha256(body));
	}
});

test("parseSafetensorsMetadata", async () => {
	const repo = await fresh();
	await hub.uploadFiles({ ...as, repo, files: [pathToFileURL(`${model}/model.safetensors`)] });
	const read = await hub.parseSafetensorsMetadata({ ...as, repo, computeParametersCount: true });
	assert.equal(read.sharded, false);
	assert.equal(Object.values(read.parameterCount).reduce((sum, n) => sum + n), 22713728);
});

test("what a stranger may not", async () => {
	const repo = await fresh({ "a.txt": "a" }, "model", { private: true });
	const thief = { hubUrl, accessToken: facts.stranger };
	assert.equal(await hub.repoExists({ ...thief, repo }), false);
	await assert.rejects(hub.downloadFile({ ...thief, repo, path: "a.txt" }), { statusCode: 404 });
	const open = await fresh({ "a.txt": "a" });
	await assert.rejects(hub.uploadFile({ ...thief, repo: open, file: { path: "b.txt", content: new Blob(["b"]) } }), { statusCode: 403 });
	await assert.rejects(hub.uploadFile({ ...as, accessToken: facts.readonly, repo: open, file: { path: "b.txt", content: new Blob(["b"]) } }), { statusCode: 403 });
	await assert.rejects(hub.deleteRepo({ ...thief, repo: open }), { statusCode: 403 });
});

test("a page in a browser may ask: CORS", async () => {
	const repo = await fresh({ "a.txt": "a", "w.bin": noise(5000, 9) });
	const origin = "https://app.example";
	for (const [method, path] of [["POST", `/api/models/${repo.name}/commit/main`], ["GET", `/${repo.name}/resolve/main/w.bin`], ["POST", `/${repo.name}.git/info/lfs/objects/batch`]]) {
		const r = await fetch(hubUrl + path, {
			method: "OPTIONS",
			headers: { Origin: origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type,range" },
		});
		assert.ok(r.ok, `${path}: ${r.status}`);
		assert.ok(["*", origin].includes(r.headers.get("access-control-allow-origin")), path);
		assert.match(r.headers.get("access-control-allow-methods"), new RegExp(method));
		const allowed = r.headers.get("access-control-allow-headers").toLowerCase();
		for (const h of ["authorization", "content-type", "range"]) assert.ok(allowed.includes(h), `${path}: ${h}`);
	}
	const r = await fetch(`${hubUrl}/${repo.name}/resolve/main/w.bin`, { headers: { Origin: origin } });
	assert.ok(["*", origin].includes(r.headers.get("access-control-allow-origin")));
	const exposed = r.headers.get("access-control-expose-headers").toLowerCase();
	for (const h of ["etag", "link", "x-repo-commit", "x-linked-size", "x-linked-etag", "x-xet-hash", "x-error-code", "x-error-message", "x-total-count", "content-range", "accept-ranges", "x-request-id"]) {
		assert.ok(exposed.includes(h), h);
	}
});

await runAll();

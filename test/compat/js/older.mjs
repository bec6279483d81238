// An older @huggingface/hub, which sends large files by LFS: node older.mjs FACTS PACKAGE. It has the words that all share.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { noise, runAll, test } from "./suite.mjs";

const facts = JSON.parse(await readFile(process.argv[2], "utf8"));
const hub = await import(process.argv[3]);
const accessToken = process.env.HF_TOKEN;
const repo = { type: "model", name: `${facts.writer}/${process.argv[3].replaceAll(".", "-")}` };
const as = { hubUrl: process.env.HF_ENDPOINT, accessToken, credentials: { accessToken }, repo }; // credentials until 0.18
const body = noise(3_000_000, Number(process.argv[3].replace(/\D/g, "")));

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = async (answer) => Buffer.from(await answer.arrayBuffer()); // a Response, later a Blob

async function paths() {
	const all = [];
	for await (const f of hub.listFiles({ ...as, recursive: true })) all.push(f.path);
	return all.sort();
}

test("whoAmI and createRepo", async () => {
	assert.equal((await hub.whoAmI(as)).name, facts.writer);
	await hub.createRepo(as);
	await assert.rejects(hub.createRepo(as), { statusCode: 409 });
});

test("uploadFiles, listFiles, downloadFile", async () => {
	await hub.uploadFiles({ ...as, files: [{ path: "w.bin", content: new Blob([body]) }, { path: "d/a.txt", content: new Blob(["a"]) }] });
	assert.deepEqual(await paths(), [".gitattributes", "d", "d/a.txt", "w.bin"]);
	assert.equal(sha256(await bytesOf(await hub.downloadFile({ ...as, path: "w.bin" }))), sha256(body));
	assert.equal((await bytesOf(await hub.downloadFile({ ...as, path: "d/a.txt" }))).toString(), "a");
	assert.equal(await hub.downloadFile({ ...as, path: "absent" }), null);
	assert.equal((await hub.fileDownloadInfo({ ...as, path: "w.bin" })).size, body.length);
});

test("commit, deleteFile, fileExists, listModels", async () => {
	const operations = [{ operation: "addOrUpdate", path: "b.txt", content: new Blob(["b"]) }, { operation: "delete", path: "d/a.txt" }];
	await hub.commit({ ...as, title: "From an older one", operations });
	assert.deepEqual(await paths(), [".gitattributes", "b.txt", "w.bin"]);
	await hub.deleteFile({ ...as, path: "b.txt" });
	assert.equal(await hub.fileExists({ ...as, path: "b.txt" }), false);
	const names = [];
	for await (const m of hub.listModels({ ...as, search: { owner: facts.writer } })) names.push(m.name);
	assert.ok(names.includes(repo.name));
});

test("deleteRepo", async () => {
	await hub.deleteRepo(as);
	await assert.rejects(hub.uploadFile({ ...as, file: { path: "c.txt", content: new Blob(["c"]) } }), { statusCode: 404 });
});

await runAll();

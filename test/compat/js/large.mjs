// A file of several parts, up and down, by Xet and without: node large.mjs FACTS. It is read from the disk and never whole.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import * as hub from "@huggingface/hub";
import { runAll, test } from "./suite.mjs";

const facts = JSON.parse(await readFile(process.argv[2], "utf8"));
const large = facts.large;
const useXet = facts.way === "batch";
const as = { hubUrl: process.env.HF_ENDPOINT, accessToken: process.env.HF_TOKEN, repo: { type: "model", name: large.repo } };

async function requests(...operations) {
	const r = await fetch(`${as.hubUrl}/metrics`, { headers: { Authorization: `Bearer ${facts.admin}` } });
	const lines = (await r.text()).matchAll(/^cairn_http_requests_total\{operation="([^"]*)",status="2xx"\} (\S+)/gm);
	return [...lines].filter(([, operation]) => operations.includes(operation)).reduce((sum, [, , n]) => sum + Number(n), 0);
}

async function sha256(blob) {
	const sum = createHash("sha256");
	for await (const chunk of blob.stream()) sum.update(chunk);
	return sum.digest("hex");
}

test("upload", async () => {
	await hub.createRepo(as);
	const counted = ["xorbUpload", "lfsUpload", "lfsPart", "lfsBatch"];
	const before = await Promise.all(counted.map((c) => requests(c)));
	await hub.uploadFile({ ...as, useXet, file: { path: large.name, content: pathToFileURL(large.path) } });
	const [xorbs, puts, parts, batches] = (await Promise.all(counted.map((c) => requests(c)))).map((n, i) => n - before[i]);
	assert.equal(xorbs > 0, useXet);
	assert.equal(parts > 1, !useXet);
	assert.equal(puts, 0);
	assert.ok(batches > 0);
	const [info] = await hub.pathsInfo({ ...as, paths: [large.name] });
	assert.equal(info.lfs.oid, large.sha256);
	assert.equal(info.size, large.size);
});

test("download by Xet", async () => {
	const before = await requests("reconstructionV2");
	const blob = await hub.downloadFile({ ...as, path: large.name });
	assert.equal(blob.constructor.name, "XetBlob");
	assert.equal(await sha256(blob), large.sha256);
	assert.ok((await requests("reconstructionV2")) > before);
});

test("download without", async () => {
	const before = await requests("reconstructionV2");
	const blob = await hub.downloadFile({ ...as, path: large.name, xet: false });
	assert.equal(await sha256(blob), large.sha256);
	assert.equal(await requests("reconstructionV2"), before);
});

await runAll();

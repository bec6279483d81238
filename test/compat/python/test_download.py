"""Downloads: the client's cache, resumes after a cut, patterns, ranges."""

import http.server
import os
import pathlib
import threading
import urllib.request

import pytest
from conftest import files_in, noise, put, sha256
from huggingface_hub import HfApi, errors, get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.utils import get_session


def test_revisions(api, new):
    repo = new({"a.txt": b"first"})
    first = api.model_info(repo).sha
    api.create_branch(repo, branch="side/way")
    api.create_tag(repo, tag="v1")
    put(api, repo, {"a.txt": b"second"})
    put(api, repo, {"a.txt": b"third"}, revision="side/way")
    want = {None: b"second", "main": b"second", first: b"first", "v1": b"first", "side/way": b"third", "refs/heads/main": b"second"}
    for revision, body in want.items():
        path = hf_hub_download(repo, "a.txt", revision=revision)
        assert pathlib.Path(path).read_bytes() == body, revision
    assert f"/snapshots/{first}/" in hf_hub_download(repo, "a.txt", revision="v1")


@pytest.mark.parametrize("body", [b"small text", noise(300_000)], ids=["regular", "large"])
def test_cache_hit(api, new, hub, body):
    repo = new({"f.dat": body})
    path = hf_hub_download(repo, "f.dat")
    meta = get_hf_file_metadata(hf_hub_url(repo, "f.dat"))
    assert pathlib.Path(os.readlink(path)).name == meta.etag
    assert meta.size == len(body) and meta.commit_hash == api.model_info(repo).sha
    written = os.stat(os.path.realpath(path)).st_mtime_ns
    put(api, repo, {"other.txt": b"moves main on"})
    again = hf_hub_download(repo, "f.dat")
    assert again != path and os.path.realpath(again) == os.path.realpath(path)
    assert os.stat(os.path.realpath(again)).st_mtime_ns == written, "downloaded again"
    assert hf_hub_download(repo, "f.dat", local_files_only=True) == again


def test_absent_file_is_remembered_at_its_commit(api, new):
    repo = new({"a.txt": b"a"})
    with pytest.raises(errors.EntryNotFoundError):
        hf_hub_download(repo, "optional.json")
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.file_download import _CACHED_NO_EXIST

    assert try_to_load_from_cache(repo, "optional.json") is _CACHED_NO_EXIST


class CuttingProxy(http.server.BaseHTTPRequestHandler):
    """Passes everything on to the hub, but cuts the first body after some bytes."""

    def pass_on(self):
        ask = urllib.request.Request(self.server.hub + self.path, method=self.command)
        for k in ("Authorization", "Range", "If-None-Match", "Accept", "Accept-Encoding"):
            if k in self.headers:
                ask.add_header(k, self.headers[k])
        with urllib.request.urlopen(ask) as r:
            self.server.seen.append((self.command, self.headers.get("Range"), r.status))
            self.send_response(r.status)
            for k, v in r.headers.items():
                if k.lower() not in ("connection", "transfer-encoding", "x-xet-hash", "link"):
                    self.send_header(k, v)
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "GET":
                body = r.read()
                if not self.server.cut_done and len(body) > self.server.cut:
                    self.server.cut_done, body = True, body[: self.server.cut]
                self.wfile.write(body)
        self.close_connection = True

    do_GET = do_HEAD = pass_on

    def log_message(self, *_):
        pass


@pytest.fixture
def cutting(hub):
    server = http.server.ThreadingHTTPServer(("localhost", 0), CuttingProxy)
    server.hub, server.cut, server.cut_done, server.seen = hub.endpoint, 15_000_000, False, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_resume_of_a_cut_download(api, new, cutting, tmp_path):
    """The proxy hides Xet, so that the file comes by plain GET; the client writes parts of 10 MiB."""
    body = noise(24_000_000)
    repo = new({"large.bin": body})
    got = HfApi(endpoint=f"http://localhost:{cutting.server_port}").hf_hub_download(repo, "large.bin", cache_dir=tmp_path)
    assert pathlib.Path(got).read_bytes() == body
    gets = [(asked, status) for method, asked, status in cutting.seen if method == "GET"]
    assert gets == [(None, 200), (f"bytes={10 << 20}-", 206)] and cutting.cut_done


@pytest.mark.parametrize("path", ["text.txt", "large.bin"])
def test_ranges(new, api, path):
    body = noise(200_000) if path == "large.bin" else bytes(i % 64 + 32 for i in range(200_000))
    url = hf_hub_url(new({path: body}), path)
    ask = lambda r, **h: get_session().get(url, headers={"Range": r, **h}, follow_redirects=True)
    for spec, want in {"bytes=0-9": body[:10], "bytes=100000-": body[100000:], "bytes=-7": body[-7:], "bytes=199990-999999": body[199990:]}.items():
        r = ask(spec)
        assert (r.status_code, r.content) == (206, want), spec
        assert r.headers["Content-Range"].endswith("/200000")
    assert ask("bytes=200000-").status_code == 416
    whole = get_session().get(url, follow_redirects=True)
    assert whole.content == body and whole.headers["Accept-Ranges"] == "bytes"
    assert get_session().get(url, headers={"If-None-Match": whole.headers["ETag"]}, follow_redirects=True).status_code == 304


def test_snapshot(api, new):
    files = {"a.txt": b"a", "d/b.txt": b"b", "d/e/c.bin": noise(50_000), "config.json": b"{}", "w.safetensors": noise(100_000, 2)}
    repo = new(files, repo_type="dataset")
    where = pathlib.Path(snapshot_download(repo, repo_type="dataset"))
    assert where.name == api.dataset_info(repo).sha
    assert {p: (where / p).read_bytes() for p in files} == files
    assert set(files_in(where)) == {".gitattributes", *files}


def test_snapshot_patterns(new, tmp_path):
    repo = new({"a.txt": b"a", "d/b.txt": b"b", "d/c.json": b"{}", "w.bin": noise(1000)})
    some = snapshot_download(repo, allow_patterns=["*.txt", "*.json"], ignore_patterns="d/b*", local_dir=tmp_path / "x")
    assert set(files_in(some)) == {"a.txt", "d/c.json"}


def test_snapshot_of_a_commit_and_of_an_update(api, new, tmp_path):
    repo = new({"a.txt": b"1", "w.bin": noise(5000)})
    first = api.model_info(repo).sha
    put(api, repo, {"a.txt": b"2", "w.bin": noise(5000, 2)})
    snapshot_download(repo, revision=first, local_dir=tmp_path)
    assert (tmp_path / "a.txt").read_bytes() == b"1" and (tmp_path / "w.bin").read_bytes() == noise(5000)
    snapshot_download(repo, local_dir=tmp_path)
    assert (tmp_path / "a.txt").read_bytes() == b"2" and (tmp_path / "w.bin").read_bytes() == noise(5000, 2)


def test_private_needs_the_token(hub, new, tmp_path):
    repo = new({"a.txt": b"a", "w.bin": noise(5000)}, private=True)
    for path in ("a.txt", "w.bin"):
        assert os.path.getsize(hf_hub_download(repo, path)) > 0
        with pytest.raises(errors.RepositoryNotFoundError):
            hf_hub_download(repo, path, token=hub.stranger, cache_dir=tmp_path)


def test_checksums(api, new):
    repo = new({"a.txt": b"a", "w.bin": noise(5000)})
    snapshot_download(repo)
    found = api.verify_repo_checksums(repo)
    assert not found.mismatches and not found.missing_paths and found.checked_count == 3

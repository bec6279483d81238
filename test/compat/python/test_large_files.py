"""Stored large files: listed, deleted for good, copied between repositories, all as the client does it."""

import pytest
from conftest import noise, put, sha256
from huggingface_hub import CommitOperationCopy, HfApi, errors, hf_hub_download, snapshot_download


def names(api, repo, **where):
    return sorted(f.filename for f in api.list_lfs_files(repo, **where))


def test_list_and_delete_with_history(api, new):
    repo = new({"checkpoints/1.bin": noise(300_000, 1), "kept.bin": noise(200_000, 2), "config.json": b"{}"})
    first = api.model_info(repo).sha
    put(api, repo, {"checkpoints/2.bin": noise(300_000, 3)}, revision="main")
    api.create_tag(repo, tag="v1", tag_message="annotated")
    files = list(api.list_lfs_files(repo))
    assert names(api, repo) == ["checkpoints/1.bin", "checkpoints/2.bin", "kept.bin"]
    assert {f.size for f in files} == {300_000, 200_000} and all(f.ref == "refs/heads/main" and len(f.file_oid) == 64 for f in files)
    assert all(f.pushed_at.year > 2000 for f in files)

    api.permanently_delete_lfs_files(repo, (f for f in files if f.filename.startswith("checkpoints/")))
    assert names(api, repo) == ["kept.bin"]
    for revision in ("main", "v1"):
        assert sorted(api.list_repo_files(repo, revision=revision)) == [".gitattributes", "config.json", "kept.bin"]
    assert [c.title for c in api.list_repo_commits(repo)] == ["Add files", "Add files", "initial commit"]
    assert api.model_info(repo).sha != first
    with pytest.raises(errors.EntryNotFoundError):
        hf_hub_download(repo, "checkpoints/1.bin")
    assert sha256(hf_hub_download(repo, "kept.bin")) == sha256(snapshot_download(repo) + "/kept.bin")
    with pytest.raises(errors.HfHubHTTPError):
        HfApi(token=False).permanently_delete_lfs_files(repo, files[:1])


def test_delete_without_history(api, new):
    repo = new({"w.bin": noise(300_000, 4)})
    before = api.model_info(repo).sha
    api.permanently_delete_lfs_files(repo, list(api.list_lfs_files(repo)), rewrite_history=False)
    assert api.model_info(repo).sha == before and "w.bin" in api.list_repo_files(repo)
    with pytest.raises(errors.EntryNotFoundError, match="deleted from this repository for good"):
        hf_hub_download(repo, "w.bin")
    put(api, repo, {"w.bin": noise(300_000, 4)})  # the same bytes again
    assert len(open(hf_hub_download(repo, "w.bin", force_download=True), "rb").read()) == 300_000


def test_pages_of_many(api, new, hub, monkeypatch):
    repo = new({f"f{i:04}.bin": noise(64, 1000 + i) for i in range(25)})
    from huggingface_hub import hf_api

    real = hf_api.paginate
    monkeypatch.setattr(hf_api, "paginate", lambda path, params, headers: real(path, params | {"limit": 10}, headers))
    asked = hub.requests("listLargeFiles")
    listed = [f.filename for f in api.list_lfs_files(repo)]
    assert sorted(listed) == [f"f{i:04}.bin" for i in range(25)]
    assert hub.requests("listLargeFiles") - asked == 3


def test_copy_between_repositories(api, hub, new):
    body = noise(2_000_000, 5)
    source, target = new({"a/w.bin": body, "a/small.txt": b"small"}), new(repo_type="dataset", private=True)
    stored, asked = hub.stored(), hub.requests("copyLargeFiles")
    copies = [
        CommitOperationCopy(src_path_in_repo=f"a/{name}", path_in_repo=f"b/{name}", src_repo_id=source, src_repo_type="model")
        for name in ("w.bin", "small.txt")
    ]
    api.create_commit(target, copies, commit_message="copy", repo_type="dataset")
    assert open(hf_hub_download(target, "b/w.bin", repo_type="dataset"), "rb").read() == body
    assert open(hf_hub_download(target, "b/small.txt", repo_type="dataset"), "rb").read() == b"small"
    assert hub.requests("copyLargeFiles") == asked + 1 and hub.stored() - stored < 100_000  # no byte was sent again
    assert names(api, target, repo_type="dataset") == ["b/w.bin"]
    api.delete_repo(source)
    assert open(hf_hub_download(target, "b/w.bin", repo_type="dataset", force_download=True), "rb").read() == body


def test_copy_files(api, new):
    source, target = new({"d/w.bin": noise(300_000, 6), "d/x.json": b"{}"}), new()
    api.copy_files(f"hf://{source}/d/", f"hf://{target}/e/")
    assert {"e/w.bin", "e/x.json"} <= set(api.list_repo_files(target))


def test_nobody_copies_what_they_may_not_read(api, hub, new):
    source = new({"w.bin": noise(300_000, 7)}, private=True)
    thief = HfApi(token=hub.stranger)
    name = thief.whoami()["name"] + "/loot-" + source.split("/")[1]
    thief.create_repo(name)
    copy = CommitOperationCopy(src_path_in_repo="w.bin", path_in_repo="w.bin", src_repo_id=source, src_repo_type="model")
    with pytest.raises(errors.RepositoryNotFoundError):
        thief.create_commit(name, [copy], commit_message="steal")
    lfs = api.get_paths_info(source, ["w.bin"])[0]
    answer = HfApi(token=hub.stranger)._build_hf_headers()
    from huggingface_hub.utils import get_session

    body = {"target": {"type": "model", "name": name}, "files": [{"xetHash": lfs.xet_hash, "sha256": lfs.lfs.sha256, "filename": "w.bin"}]}
    for path in (f"models/{source}", f"models/{name}"):
        done = get_session().post(f"{hub.endpoint}/api/{path}/lfs-files/duplicate", headers=answer, json=body)
        assert done.status_code == 404 if path.endswith(source) else done.json()["succeeded"] == 0

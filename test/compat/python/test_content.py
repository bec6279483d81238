"""Commits, trees, history and refs through HfApi."""

import concurrent.futures
import io
import re

import pytest
from conftest import files_in, noise, put
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    CommitScheduler,
    errors,
    hf_hub_download,
    snapshot_download,
)


def read(repo, path, **where):
    with open(hf_hub_download(repo, path, **where), "rb") as f:
        return f.read()


def test_upload_file_from_bytes_path_and_object(api, new, tmp_path):
    repo = new()
    (tmp_path / "f.txt").write_bytes(b"from a path")
    done = api.upload_file(path_or_fileobj=b"from bytes", path_in_repo="a/bytes.txt", repo_id=repo)
    assert re.fullmatch("[0-9a-f]{40}", done.oid) and done.commit_url.endswith(done.oid)
    api.upload_file(path_or_fileobj=str(tmp_path / "f.txt"), path_in_repo="path.txt", repo_id=repo)
    with open(tmp_path / "f.txt", "rb") as f:
        api.upload_file(path_or_fileobj=f, path_in_repo="object.txt", repo_id=repo)
    assert read(repo, "a/bytes.txt") == b"from bytes" and read(repo, "path.txt") == read(repo, "object.txt") == b"from a path"


def test_large_files_from_bytes_path_and_object(api, hub, new, tmp_path):
    """Bytes and paths go by Xet; the client sends a file object by LFS."""
    repo, body = new(), noise(6_000_000)
    (tmp_path / "f.bin").write_bytes(body)
    xorbs = hub.requests("xorb")
    api.upload_file(path_or_fileobj=body, path_in_repo="bytes.bin", repo_id=repo)
    assert hub.requests("xorb") > xorbs
    api.upload_file(path_or_fileobj=tmp_path / "f.bin", path_in_repo="path.bin", repo_id=repo)
    with open(tmp_path / "f.bin", "rb") as f:
        api.upload_file(path_or_fileobj=f, path_in_repo="object.bin", repo_id=repo)
    fresh = noise(6_000_000, seed=2)
    api.upload_file(path_or_fileobj=io.BytesIO(fresh), path_in_repo="lfs.bin", repo_id=repo)
    for path in ("bytes.bin", "path.bin", "object.bin"):
        assert read(repo, path) == body
    assert read(repo, "lfs.bin") == fresh
    assert all(f.lfs and f.xet_hash for f in api.get_paths_info(repo, ["bytes.bin", "path.bin", "object.bin", "lfs.bin"]))


def test_empty_and_tiny_files(api, new):
    repo = new({"empty.txt": b"", "empty.bin": b"", "one.bin": b"\0", "dir/.gitkeep": b""})
    for path, body in {"empty.txt": b"", "empty.bin": b"", "one.bin": b"\0", "dir/.gitkeep": b""}.items():
        assert read(repo, path) == body


def test_upload_folder_of_2000_files(api, new, tmp_path):
    for i in range(2000):
        p = tmp_path / f"d{i % 40}" / f"{i}.txt"
        p.parent.mkdir(exist_ok=True)
        p.write_text(f"file {i}\n")
    repo = new(repo_type="dataset")
    api.upload_folder(repo_id=repo, repo_type="dataset", folder_path=tmp_path)
    tree = {f.path: f for f in api.list_repo_tree(repo, recursive=True, repo_type="dataset")}
    assert len([f for f in tree if f.endswith(".txt")]) == 2000  # more than one page
    assert tree["d7/7.txt"].size == 7 and len([f for f in tree if "." not in f]) == 40
    assert read(repo, "d39/1999.txt", repo_type="dataset") == b"file 1999\n"
    assert files_in(snapshot_download(repo, repo_type="dataset", ignore_patterns=".gitattributes")) == files_in(tmp_path)
    again = api.list_repo_commits(repo, repo_type="dataset")[0].commit_id
    api.upload_folder(repo_id=repo, repo_type="dataset", folder_path=tmp_path)
    assert api.list_repo_commits(repo, repo_type="dataset")[0].commit_id == again


def test_upload_folder_patterns_ignore_and_delete(api, new, tmp_path):
    for f in ("keep.txt", "drop.log", "sub/keep.txt", "ignored.tmp"):
        (tmp_path / f).parent.mkdir(exist_ok=True)
        (tmp_path / f).write_text(f)
    (tmp_path / ".gitignore").write_text("*.tmp\n")
    repo = new({"old.txt": b"old", "old.bin": b"\0" * 500})
    api.upload_folder(repo_id=repo, folder_path=tmp_path, ignore_patterns="*.log", delete_patterns="*.txt")
    assert sorted(api.list_repo_files(repo)) == [".gitattributes", ".gitignore", "keep.txt", "old.bin", "sub/keep.txt"]
    api.upload_file(path_or_fileobj=b"x", path_in_repo="later.tmp", repo_id=repo)
    assert not api.file_exists(repo, "later.tmp")


def test_every_operation_in_one_commit(api, new):
    big = noise(200_000)
    repo = new({"a.txt": b"a", "b.txt": b"b", "d/1.txt": b"1", "d/2.txt": b"2", "big.bin": big, "gone.bin": noise(1000)})
    done = api.create_commit(repo, [
        CommitOperationAdd("new.txt", b"new"),
        CommitOperationAdd("a.txt", b"a changed"),
        CommitOperationAdd("new.bin", noise(70_000, seed=5)),
        CommitOperationDelete("b.txt"),
        CommitOperationDelete("gone.bin"),
        CommitOperationDelete("d/"),
        CommitOperationCopy("big.bin", "copies/big.bin"),
        CommitOperationCopy("a.txt", "copies/a.txt"),
    ], commit_message="All at once", commit_description="With a description.")
    assert sorted(api.list_repo_files(repo)) == [".gitattributes", "a.txt", "big.bin", "copies/a.txt", "copies/big.bin", "new.bin", "new.txt"]
    assert read(repo, "copies/big.bin") == big and read(repo, "a.txt") == b"a changed" and read(repo, "copies/a.txt") == b"a"
    assert read(repo, "new.bin") == noise(70_000, seed=5)
    last = api.list_repo_commits(repo)[0]
    assert (last.commit_id, last.title, last.message) == (done.oid, "All at once", "With a description.")


def test_copy_between_repositories(api, new):
    body = noise(3_000_000, seed=6)
    source, target = new({"w.bin": body, "t.txt": b"text"}), new()
    api.create_commit(target, [CommitOperationCopy("t.txt", "t.txt", src_repo_id=source, src_repo_type="model")], commit_message="Copy")
    assert read(target, "t.txt") == b"text"
    api.create_commit(target, [CommitOperationCopy("w.bin", "w.bin", src_repo_id=source, src_repo_type="model")], commit_message="Copy")
    assert read(target, "w.bin") == body


def test_copy_of_another_revision(api, new):
    repo = new({"a.txt": b"first"})
    first = api.model_info(repo).sha
    put(api, repo, {"a.txt": b"second"})
    api.create_commit(repo, [CommitOperationCopy("a.txt", "was.txt", src_revision=first)], commit_message="Bring back")
    assert read(repo, "was.txt") == b"first"


def test_delete_file_folder_and_patterns(api, new):
    repo = new({"a.txt": b"a", "d/1.txt": b"1", "d/e/2.txt": b"2", "x.log": b"x", "y/z.log": b"z"})
    api.delete_file("a.txt", repo)
    api.delete_folder("d", repo)
    api.delete_files(repo, ["*.log"])
    assert api.list_repo_files(repo) == [".gitattributes"]
    with pytest.raises(errors.EntryNotFoundError):
        api.delete_file("a.txt", repo)


def test_parent_commit_conflict(api, new):
    repo = new()
    first = api.model_info(repo).sha
    put(api, repo, {"a.txt": b"a"}, parent_commit=first)
    with pytest.raises(errors.HfHubHTTPError) as e:
        put(api, repo, {"b.txt": b"b"}, parent_commit=first)
    assert e.value.response.status_code == 412 and "updated since" in str(e.value)
    assert sorted(api.list_repo_files(repo)) == [".gitattributes", "a.txt"]


def test_commit_to_a_branch_a_tag_and_nowhere(api, new):
    repo = new()
    api.create_branch(repo, branch="dev/one")
    put(api, repo, {"a.txt": b"on dev"}, revision="dev/one")
    assert not api.file_exists(repo, "a.txt") and read(repo, "a.txt", revision="dev/one") == b"on dev"
    with pytest.raises(errors.RevisionNotFoundError):
        put(api, repo, {"a.txt": b"x"}, revision="absent")


def test_commits_at_the_same_time(api, new):
    """All land, none is lost; commits that name the same parent exclude each other."""
    repo = new()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: put(api, repo, {f"{i}.txt": b"%d" % i, f"{i}.bin": noise(2000, i)}), range(24)))
    assert len(api.list_repo_files(repo)) == 49 and len(api.list_repo_commits(repo)) == 25
    parent = api.model_info(repo).sha

    def race(i):
        try:
            return put(api, repo, {"winner.txt": b"%d" % i}, parent_commit=parent).oid
        except errors.HfHubHTTPError as e:
            assert e.response.status_code == 412
            return None

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len([oid for oid in pool.map(race, range(8)) if oid]) == 1
    assert len(api.list_repo_commits(repo)) == 26


def test_future_and_scheduler(api, new, tmp_path):
    repo = new()
    done = api.upload_file(path_or_fileobj=b"later", path_in_repo="later.txt", repo_id=repo, run_as_future=True)
    assert done.result(30).oid == api.model_info(repo).sha
    (tmp_path / "log.txt").write_text("line\n")
    scheduler = CommitScheduler(repo_id=repo, folder_path=tmp_path, every=10, path_in_repo="logs")
    scheduler.trigger().result(30)
    with scheduler.lock:
        (tmp_path / "log.txt").write_text("line\nanother\n")
    scheduler.trigger().result(30)
    scheduler.stop()
    assert read(repo, "logs/log.txt") == b"line\nanother\n"


def test_pull_requests_are_refused_clearly(api, new):
    """Not served yet: nothing may land on main in their place."""
    repo = new({"a.txt": b"a"})
    head = api.model_info(repo).sha
    for try_it in (
        lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=repo, create_pr=True),
        lambda: api.create_pull_request(repo, title="A pull request"),
        lambda: list(api.get_repo_discussions(repo)),
    ):
        with pytest.raises(errors.HfHubHTTPError) as e:
            try_it()
        assert e.value.response.status_code == 501, str(e.value)
    assert api.model_info(repo).sha == head


def test_broken_card_is_refused(api, new):
    repo = new()
    with pytest.raises((errors.BadRequestError, ValueError)):
        put(api, repo, {"README.md": b"---\nlicense: [unclosed\n---\n"})
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_large_commit_body(api, new):
    """Regular files of one commit make a body of more than 144 MB."""
    body = (b"0123456789abcde\n" * 65536)[: 1 << 20]
    repo = new()
    api.create_commit(repo, [CommitOperationAdd(f"{i}.txt", b"%d\n" % i + body * 4) for i in range(27)], commit_message="Large")
    assert len(api.list_repo_files(repo)) == 28
    assert read(repo, "26.txt") == b"26\n" + body * 4


NAMES = ["with space.txt", "a#b.txt", "100%.txt", "50%25.txt", "what?.txt", "ünïcødé/日本語.txt", "plus+and&.txt", "emoji 🤗.bin",
         "semi;colon=.txt", "brackets[1].txt", "quote's.txt", "Case.txt", "case.TXT", "dir with space/x y.txt", "~tilde.txt", "a@b.txt"]


@pytest.mark.parametrize("kind", ["regular", "large"])
def test_odd_names(api, new, kind):
    bodies = {n: (b"\0" * 2000 if kind == "large" else b"") + n.encode() for n in NAMES}
    repo = new(bodies)
    assert set(api.list_repo_files(repo)) == {".gitattributes", *NAMES}
    assert {f.path for f in api.get_paths_info(repo, NAMES)} == set(NAMES)
    for n, body in bodies.items():
        assert read(repo, n) == body
        assert api.file_exists(repo, n) and not api.file_exists(repo, n + "x")
    assert [f.path for f in api.list_repo_tree(repo, "ünïcødé")] == ["ünïcødé/日本語.txt"]
    api.create_commit(repo, [CommitOperationDelete(n) for n in NAMES], commit_message="Away")
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_tree(api, new):
    repo = new({"a.txt": b"a", "d/b.txt": b"bb", "d/e/c.bin": noise(3000)})
    top = {f.path: f for f in api.list_repo_tree(repo)}
    assert set(top) == {".gitattributes", "a.txt", "d"} and len(top["d"].tree_id) == 40
    assert [f.path for f in api.list_repo_tree(repo, "d/e")] == ["d/e/c.bin"]
    everything = {f.path: f for f in api.list_repo_tree(repo, recursive=True, expand=True)}
    assert set(everything) == {".gitattributes", "a.txt", "d", "d/b.txt", "d/e", "d/e/c.bin"}
    head = api.list_repo_commits(repo)[0]
    last = everything["d/e"].last_commit
    assert (last.oid, last.title, last.date) == (head.commit_id, head.title, head.created_at)
    assert everything[".gitattributes"].last_commit.title == "initial commit"
    c = everything["d/e/c.bin"]
    assert c.size == c.lfs.size == 3000 and c.lfs.pointer_size > 100 and len(c.xet_hash) == 64
    assert c.security is None  # nothing scans, so nothing is called safe


def test_paths_info(api, new):
    repo = new({"a.txt": b"a", "d/b.txt": b"bb"})
    found = {f.path: f for f in api.get_paths_info(repo, ["a.txt", "d", "absent", "d/b.txt"], expand=True)}
    assert set(found) == {"a.txt", "d", "d/b.txt"}
    assert found["a.txt"].last_commit.title == "Add files" and found["d"].last_commit.title == "Add files"
    assert api.get_paths_info(repo, "absent") == []


def test_commits(api, new):
    repo = new()
    for i in range(60):
        put(api, repo, {"n.txt": b"%d" % i})
    commits = api.list_repo_commits(repo, formatted=True)
    assert len(commits) == 61 and commits[-1].title == "initial commit"
    assert commits[0].authors == ["ada"] and commits[0].formatted_title == "Add files"
    assert [c.created_at for c in commits] == sorted((c.created_at for c in commits), reverse=True)
    assert len(api.list_repo_commits(repo, revision=commits[10].commit_id)) == 51


def test_branches(api, new):
    repo = new({"a.txt": b"a"})
    first = api.list_repo_commits(repo)[-1].commit_id
    api.create_branch(repo, branch="dev")
    api.create_branch(repo, branch="old", revision=first)
    with pytest.raises(errors.HfHubHTTPError) as e:
        api.create_branch(repo, branch="dev")
    assert e.value.response.status_code == 409
    api.create_branch(repo, branch="dev", exist_ok=True)
    with pytest.raises(errors.RevisionNotFoundError):
        api.create_branch(repo, branch="x", revision="absent")
    refs = {b.name: b for b in api.list_repo_refs(repo).branches}
    assert set(refs) == {"main", "dev", "old"} and refs["old"].target_commit == first and refs["dev"].ref == "refs/heads/dev"
    assert api.list_repo_files(repo, revision="old") == [".gitattributes"]
    api.delete_branch(repo, branch="dev")
    with pytest.raises(errors.HfHubHTTPError):
        api.delete_branch(repo, branch="dev")
    with pytest.raises(errors.HfHubHTTPError, match="Cannot delete refs/heads/main") as e:
        api.delete_branch(repo, branch="main")
    assert e.value.response.status_code == 403


def test_tags(api, new):
    repo = new({"a.txt": b"a"})
    head = api.model_info(repo).sha
    api.create_tag(repo, tag="v1.0", tag_message="First")
    api.create_tag(repo, tag="short", revision=head[:8])
    with pytest.raises(errors.HfHubHTTPError) as e:
        api.create_tag(repo, tag="v1.0")
    assert e.value.response.status_code == 409
    api.create_tag(repo, tag="v1.0", exist_ok=True)
    with pytest.raises(errors.RevisionNotFoundError):
        api.create_tag(repo, tag="x", revision="absent")
    with pytest.raises(errors.HfHubHTTPError):
        api.create_tag(repo, tag="not ok")
    put(api, repo, {"a.txt": b"changed"})
    assert read(repo, "a.txt", revision="v1.0") == read(repo, "a.txt", revision="short") == b"a"
    assert api.model_info(repo, revision="v1.0").sha == head
    assert {t.name: t.ref for t in api.list_repo_refs(repo).tags} == {"v1.0": "refs/tags/v1.0", "short": "refs/tags/short"}
    api.delete_tag(repo, tag="v1.0")
    with pytest.raises(errors.RevisionNotFoundError):
        api.delete_tag(repo, tag="v1.0")


def test_super_squash(api, new):
    repo, big = new(), noise(100_000)
    for i in range(5):
        put(api, repo, {f"{i}.txt": b"%d" % i})
    put(api, repo, {"big.bin": big})
    api.create_branch(repo, branch="kept")
    api.super_squash_history(repo, commit_message="All in one")
    commits = api.list_repo_commits(repo)
    assert [c.title for c in commits] == ["All in one"]
    assert len(api.list_repo_files(repo)) == 7 and read(repo, "big.bin") == big
    assert len(api.list_repo_commits(repo, revision="kept")) == 7

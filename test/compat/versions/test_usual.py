"""What people do with a hub, in the words that every huggingface_hub since 0.25 understands: the same script for all."""

import os
import random

import pytest
from conftest import cli, eventually, files_in, run, sha256
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem, ModelCard, hf_hub_download, snapshot_download
from huggingface_hub.utils import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

LARGE = 12_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory, hub):
    """Text, an odd name, an empty file, and one file that is new to the hub and too large for a plain one."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "data").mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [%s]\n---\n# Tour\n" % hub.variant)
    (folder / "config.json").write_text("{}")
    (folder / "data" / "odd name #1 ü.txt").write_text("odd")
    (folder / "data" / "empty.txt").write_text("")
    (folder / "weights.bin").write_bytes(random.Random(hub.variant).getrandbits(8 * LARGE).to_bytes(LARGE, "big"))
    return folder


@pytest.fixture(scope="module")
def tour(api, me, hub, folder):
    """A repository with the folder in it, and how it was sent."""
    repo = "%s/tour-%s" % (me, hub.variant)
    api.create_repo(repo)
    counted = ("lfsBatch", "lfsUpload", "xorbUpload")
    before = {n: hub.requests(n) for n in counted}
    api.upload_folder(repo_id=repo, folder_path=str(folder), commit_message="The folder")
    sent = {n: hub.requests(n) - before[n] for n in counted}
    return repo, sent


def test_whoami(api, hub):
    who = api.whoami()
    assert who["name"] == hub.writer and who["type"] == "user" and "guild" in [o["name"] for o in who["orgs"]]


def test_whoami_by_command_line(hub):
    assert cli()
    for c in cli():
        assert hub.writer in run(c, *(["auth"] if c == "hf" else []), "whoami")


def test_create_every_type(api, name, hub):
    for repo_type, settings in (("model", {}), ("dataset", {"private": True}), ("space", {"space_sdk": "static"})):
        repo = name()
        url = api.create_repo(repo, repo_type=repo_type, **settings)
        assert str(url) == "%s/%s%s" % (hub.endpoint, "" if repo_type == "model" else repo_type + "s/", repo)
        assert url.repo_id == repo and url.repo_type == repo_type
        with pytest.raises(HfHubHTTPError) as conflict:
            api.create_repo(repo, repo_type=repo_type, **settings)
        assert conflict.value.response.status_code == 409
        assert api.create_repo(repo, repo_type=repo_type, exist_ok=True, **settings).repo_id == repo
        assert api.repo_info(repo, repo_type=repo_type).private is bool(settings.get("private"))
        assert api.repo_exists(repo, repo_type=repo_type)
        api.delete_repo(repo, repo_type=repo_type)
        assert not api.repo_exists(repo, repo_type=repo_type)
        api.delete_repo(repo, repo_type=repo_type, missing_ok=True)


def test_upload_folder_goes_the_way_of_its_version(tour, hub):
    """0.25 knows LFS alone, 0.36 asks by a batch and takes Xet when it has it, the newest goes to the CAS unasked."""
    _, sent = tour
    assert (sent["xorbUpload"] > 0) == (hub.way != "lfs"), sent
    assert (sent["lfsUpload"] > 0) == (hub.way == "lfs"), sent
    assert (sent["lfsBatch"] > 0) == (hub.way != "xet"), sent


def test_list(api, tour, folder):
    repo, _ = tour
    want = files_in(folder)
    assert set(api.list_repo_files(repo)) == {".gitattributes", *want}
    tree = {e.path: e for e in api.list_repo_tree(repo, recursive=True)}
    assert set(tree) == {".gitattributes", "data", *want}
    assert tree["weights.bin"].lfs.sha256 == want["weights.bin"] and tree["weights.bin"].lfs.size == tree["weights.bin"].size == LARGE
    assert tree["config.json"].lfs is None and tree["config.json"].size == 2
    info = api.model_info(repo, files_metadata=True)
    assert {s.rfilename: s.size for s in info.siblings if s.rfilename in want} == {p: os.path.getsize(str(folder / p)) for p in want}
    assert "license:mit" in info.tags and info.card_data.license == "mit"
    paths = api.get_paths_info(repo, ["weights.bin", "data", "absent"], expand=True)
    assert sorted(p.path for p in paths) == ["data", "weights.bin"] and all(p.last_commit.title == "The folder" for p in paths)
    assert repo in [m.id for m in api.list_models(author=repo.split("/")[0], search="tour")]


def test_upload_again_changes_nothing(api, tour, folder):
    repo, _ = tour
    before = api.model_info(repo).sha
    api.upload_folder(repo_id=repo, folder_path=str(folder))
    assert api.model_info(repo).sha == before


def test_download(tour, folder, tmp_path):
    repo, _ = tour
    want = files_in(folder)
    for path in want:
        assert sha256(hf_hub_download(repo, path)) == want[path]
    cached = hf_hub_download(repo, "weights.bin", local_files_only=True)
    assert cached == hf_hub_download(repo, "weights.bin") and sha256(cached) == want["weights.bin"]
    assert sha256(hf_hub_download(repo, "weights.bin", force_download=True)) == want["weights.bin"]
    assert sha256(hf_hub_download(repo, "weights.bin", local_dir=str(tmp_path))) == want["weights.bin"]


def test_snapshot_of_a_revision(api, tour, folder, tmp_path):
    repo, _ = tour
    want = files_in(folder)
    for revision in ("main", api.model_info(repo).sha):
        got = files_in(snapshot_download(repo, revision=revision, cache_dir=str(tmp_path / "cache")))
        got.pop(".gitattributes")
        assert got == want
    api.create_branch(repo, branch="side/line")
    api.upload_file(path_or_fileobj=b"side", path_in_repo="data/side.txt", repo_id=repo, revision="side/line")
    api.create_tag(repo, tag="v1", revision="side/line", tag_message="first")
    for revision in ("side/line", "v1", "refs/heads/side/line"):
        to = tmp_path / revision.replace("/", "-")
        snapshot_download(repo, revision=revision, allow_patterns=["data/*"], local_dir=str(to))
        assert set(files_in(to)) == {"data/side.txt", *(p for p in want if p.startswith("data/"))}
    refs = api.list_repo_refs(repo)
    assert {b.name for b in refs.branches} == {"main", "side/line"} and [t.name for t in refs.tags] == ["v1"]
    with pytest.raises(HfHubHTTPError):
        api.create_branch(repo, branch="side/line")
    api.create_branch(repo, branch="side/line", exist_ok=True)
    api.delete_tag(repo, tag="v1")
    api.delete_branch(repo, branch="side/line")
    with pytest.raises(RevisionNotFoundError):
        api.list_repo_files(repo, revision="v1")


def test_command_line(api, new, folder, tmp_path):
    want = files_in(folder)
    for c in cli():
        repo = new("dataset")
        kind = ["--repo-type", "dataset"]
        run(c, "upload", repo, folder, ".", "--commit-message", "By " + c, *kind)
        run(c, "upload", repo, folder / "config.json", "more/one.json", *kind)
        assert set(api.list_repo_files(repo, repo_type="dataset")) == {".gitattributes", "more/one.json", *want}
        assert [x.title for x in api.list_repo_commits(repo, repo_type="dataset")][1] == "By " + c
        run(c, "download", repo, "--local-dir", tmp_path / c, *kind)
        got = files_in(tmp_path / c)
        assert got.pop("more/one.json") == want["config.json"] and got.pop(".gitattributes") and got == want
        run(c, "download", repo, "weights.bin", "--revision", "main", "--local-dir", tmp_path / (c + "1"), *kind)
        assert files_in(tmp_path / (c + "1")) == {"weights.bin": want["weights.bin"]}


def test_delete(api, tour, new):
    repo = new()
    files = ["a.txt", "b.log", "d/1.txt", "d/e/2.txt", "f/3.txt"]
    api.create_commit(repo, [CommitOperationAdd(p, p.encode()) for p in files], commit_message="Add")
    api.delete_file("a.txt", repo)
    api.delete_folder("d", repo)
    api.delete_files(repo, ["*.log"])
    assert sorted(api.list_repo_files(repo)) == [".gitattributes", "f/3.txt"]
    with pytest.raises(EntryNotFoundError):
        api.delete_file("a.txt", repo)


def test_commits(api, new):
    repo = new()
    first = api.create_commit(repo, [CommitOperationAdd("a.txt", b"1")], commit_message="One", commit_description="Why")
    done = api.create_commit(
        repo,
        [CommitOperationAdd("b.txt", b"2"), CommitOperationDelete("a.txt")],
        commit_message="Two",
        parent_commit=first.oid,
    )
    assert [(c.title, c.message) for c in api.list_repo_commits(repo)][:2] == [("Two", ""), ("One", "Why")]
    with pytest.raises(HfHubHTTPError) as stale:
        api.create_commit(repo, [CommitOperationAdd("c.txt", b"3")], commit_message="Late", parent_commit=first.oid)
    assert stale.value.response.status_code == 412
    assert hf_hub_download(repo, "a.txt", revision=first.oid) != hf_hub_download(repo, "b.txt", revision=done.oid)
    api.super_squash_history(repo, commit_message="All of it")
    assert [c.title for c in api.list_repo_commits(repo)] == ["All of it"]


def test_from_memory_and_from_an_open_file(api, new, folder, tmp_path):
    """Bytes and open files take other ways through the client than paths."""
    repo, body = new(), (folder / "weights.bin").read_bytes()
    api.upload_file(path_or_fileobj=body[::-1], path_in_repo="memory.bin", repo_id=repo)
    with open(str(folder / "weights.bin"), "rb") as f:
        api.upload_file(path_or_fileobj=f, path_in_repo="open.bin", repo_id=repo)
    (tmp_path / "reversed").write_bytes(body[::-1])
    assert sha256(hf_hub_download(repo, "memory.bin")) == sha256(tmp_path / "reversed")
    assert sha256(hf_hub_download(repo, "open.bin")) == sha256(folder / "weights.bin")


def test_resume(tour, folder, tmp_path):
    """A download that broke off goes on where it stopped, and the whole is right."""
    repo, _ = tour
    body = (folder / "weights.bin").read_bytes()
    cache = tmp_path / "models--{}".format(repo.replace("/", "--"))
    blobs = cache / "blobs"
    blobs.mkdir(parents=True)
    (blobs / (sha256(folder / "weights.bin") + ".incomplete")).write_bytes(body[: LARGE // 2])
    assert sha256(hf_hub_download(repo, "weights.bin", cache_dir=str(tmp_path))) == sha256(folder / "weights.bin")


def test_what_is_not_there(api, tour, me):
    repo, _ = tour
    with pytest.raises(EntryNotFoundError) as absent:
        hf_hub_download(repo, "absent.bin")
    assert not isinstance(absent.value, LocalEntryNotFoundError)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(repo, "config.json", revision="absent")
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download(me + "/absent", "config.json")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info(me + "/absent")
    assert api.file_exists(repo, "config.json") and not api.file_exists(repo, "absent.bin")
    assert not api.file_exists(me + "/absent", "config.json")
    assert api.revision_exists(repo, "main") and not api.revision_exists(repo, "absent")


def test_what_others_may_not(api, new, hub, tmp_path):
    repo = new(private=True)
    api.upload_file(path_or_fileobj=b"secret", path_in_repo="a.txt", repo_id=repo)
    for token in (hub.stranger, False):
        with pytest.raises(RepositoryNotFoundError):
            api.model_info(repo, token=token)
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download(repo, "a.txt", token=token, cache_dir=str(tmp_path))
    with pytest.raises(HfHubHTTPError) as refused:
        api.upload_file(path_or_fileobj=b"no", path_in_repo="b.txt", repo_id=repo, token=hub.readonly)
    assert refused.value.response.status_code == 403


def test_card(new, api):
    """Not by push_to_hub: before 1.0 that asks huggingface.co itself whether the card is valid, whatever the endpoint."""
    repo = new()
    card = ModelCard("---\nlicense: apache-2.0\nlanguage: en\n---\n# By the library\n")
    api.upload_file(path_or_fileobj=str(card).encode(), path_in_repo="README.md", repo_id=repo)
    with pytest.raises(ValueError, match="YAML"):
        api.upload_file(path_or_fileobj=b"---\nlicense: [1\n---\n", path_in_repo="README.md", repo_id=repo)
    assert ModelCard.load(repo).data.license == "apache-2.0"
    assert "license:apache-2.0" in api.model_info(repo).tags


def test_settings_and_move(api, new, name):
    repo, to = new(), name()
    getattr(api, "update_repo_visibility", api.update_repo_settings)(repo, private=True)  # renamed on the way to 1.0
    assert api.model_info(repo).private is True
    api.upload_file(path_or_fileobj=b"moved", path_in_repo="a.txt", repo_id=repo)
    api.move_repo(repo, to)
    assert api.model_info(repo).id == to
    with open(hf_hub_download(repo, "a.txt")) as f:
        assert f.read() == "moved"


def test_file_system(tour, folder, new):
    repo, _ = tour
    fs = HfFileSystem()
    assert fs.ls(repo + "/data", detail=False) == [repo + "/data/empty.txt", repo + "/data/odd name #1 ü.txt"]
    with fs.open(repo + "/weights.bin", "rb") as f:
        f.seek(LARGE - 1000)
        assert f.read() == (folder / "weights.bin").read_bytes()[-1000:]
    other = new()
    with fs.open(other + "/notes.txt", "w") as f:
        f.write("written")
    assert HfFileSystem(skip_instance_cache=True).cat(other + "/notes.txt") == b"written"
    assert sorted(fs.glob(repo + "/*.json")) == [repo + "/config.json"]


if hasattr(HfApi, "upload_large_folder"):  # gone from the newest

    def test_upload_large_folder(api, name, folder):
        repo = name()
        api.upload_large_folder(repo_id=repo, folder_path=str(folder), repo_type="model", num_workers=2, print_report=False)
        assert set(api.list_repo_files(repo)) == {".gitattributes", *files_in(folder)}


def test_downloads_take_xet_where_they_can(tour, hub, tmp_path):
    repo, _ = tour
    operations = ("reconstructionV1", "reconstructionV2")
    before = hub.requests(*operations)
    hf_hub_download(repo, "weights.bin", cache_dir=str(tmp_path))
    if hub.way == "lfs":
        assert hub.requests(*operations) == before
    else:
        assert eventually(lambda: hub.requests(*operations) > before)

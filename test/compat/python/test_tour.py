"""The README's tour with the token that the first start printed: create, upload by Xet, list, download."""

import os

from conftest import files_in, hf, hf_json, sha256
from huggingface_hub import HfApi


def test_whoami(hub):
    said = hf_json("auth", "whoami")
    assert said["user"] == "admin" and said["endpoint"] == hub.endpoint


def test_whoami_human(hub):
    assert "Logged in" in (out := hf("auth", "whoami")) and hub.endpoint in out


def test_create_model(hub):
    assert hf_json("repos", "create", "tour-model") == {"repo_id": "admin/tour-model", "url": f"{hub.endpoint}/admin/tour-model"}
    assert "already exists" in hf("repos", "create", "tour-model", ok=False)
    hf("repos", "create", "tour-model", "--exist-ok")


def test_create_dataset_and_space(hub):
    made = hf_json("repos", "create", "tour-data", "--type", "dataset", "--private")
    assert made["url"] == f"{hub.endpoint}/datasets/admin/tour-data"
    assert HfApi().dataset_info("admin/tour-data").private is True
    made = hf_json("repos", "create", "tour-space", "--type", "space", "--space-sdk", "static")
    assert made["url"] == f"{hub.endpoint}/spaces/admin/tour-space"
    assert {"README.md", "index.html", "style.css"} <= set(HfApi().list_repo_files("admin/tour-space", repo_type="space"))


def test_upload_real_model_by_xet(hub, model):
    xorbs, shards, batches = hub.requests("xorb"), hub.requests("shard"), hub.requests("lfs.*batch|batch.*lfs")
    hf("upload", "admin/tour-model", model)
    assert hub.requests("xorb") > xorbs, "no xorb was posted: the weights did not go by Xet"
    assert hub.requests("shard") > shards
    assert hub.requests("lfs.*batch|batch.*lfs") == batches
    assert {f["path"] for f in hf_json("models", "ls", "admin/tour-model", "-R")} == {"1_Pooling", *files_in(model)}
    weights = HfApi().get_paths_info("admin/tour-model", "model.safetensors")[0]
    assert len(weights.xet_hash) == 64
    assert weights.lfs.sha256 == sha256(model / "model.safetensors")
    assert weights.lfs.size == weights.size == (model / "model.safetensors").stat().st_size


def test_upload_again_changes_nothing(model):
    before = HfApi().model_info("admin/tour-model").sha
    hf("upload", "admin/tour-model", model)
    assert HfApi().model_info("admin/tour-model").sha == before


def test_download_byte_identical(model, tmp_path):
    where = hf_json("download", "admin/tour-model")["path"]
    assert files_in(where) == files_in(model)
    hf("download", "admin/tour-model", "--local-dir", tmp_path / "copy")
    assert files_in(tmp_path / "copy") == files_in(model)
    hf("download", "admin/tour-model", "config.json", "--local-dir", tmp_path / "one")
    assert files_in(tmp_path / "one") == {"config.json": sha256(model / "config.json")}


def test_models_ls_and_info(model):
    assert "admin/tour-model" in [m["id"] for m in hf_json("models", "ls", "--author", "admin", "--search", "tour")]
    assert hf("models", "ls", "--author", "admin", "-q").split() == ["admin/tour-model"]
    info = hf_json("models", "info", "admin/tour-model")
    assert info["id"] == "admin/tour-model" and len(info["sha"]) == 40
    assert {s["rfilename"] for s in info["siblings"]} == set(files_in(model))
    assert info["library_name"] == "sentence-transformers" and info["pipeline_tag"] == "sentence-similarity"
    assert info["card_data"]["license"] == "apache-2.0" and "license:apache-2.0" in info["tags"]
    size = hf_json("models", "info", "admin/tour-model", "--expand", "safetensors,usedStorage")
    assert size["safetensors"]["total"] == 22713728
    assert hf("models", "card", "admin/tour-model").strip().endswith((model / "README.md").read_text().strip()[-200:])


def test_models_ls_of_a_repository():
    assert "1_Pooling" in hf("models", "ls", "admin/tour-model")
    assert "1_Pooling" in hf("models", "ls", "admin/tour-model", "--tree", "-R", "-h")


def test_datasets_and_spaces_ls():
    assert [d["id"] for d in hf_json("datasets", "ls", "--author", "admin")] == ["admin/tour-data"]
    assert hf_json("datasets", "info", "admin/tour-data")["private"] is True
    assert [s["id"] for s in hf_json("spaces", "ls", "--author", "admin")] == ["admin/tour-space"]
    assert hf_json("spaces", "info", "admin/tour-space")["sdk"] == "static"


def test_branches_and_tags():
    hf("repos", "branch", "create", "admin/tour-model", "dev")
    hf("repos", "tag", "create", "admin/tour-model", "v1", "-m", "first")
    assert "v1" in hf("repos", "tag", "ls", "admin/tour-model")
    refs = HfApi().list_repo_refs("admin/tour-model")
    assert {b.name for b in refs.branches} == {"main", "dev"} and [t.name for t in refs.tags] == ["v1"]
    assert "config.json" in hf("models", "ls", "admin/tour-model", "--revision", "v1")
    hf("repos", "tag", "delete", "admin/tour-model", "v1", "-y")
    hf("repos", "branch", "delete", "admin/tour-model", "dev")
    refs = HfApi().list_repo_refs("admin/tour-model")
    assert [b.name for b in refs.branches] == ["main"] and not refs.tags


def test_upload_patterns_and_delete_files(tmp_path):
    for f in ("a.txt", "b.txt", "c.log"):
        (tmp_path / f).write_text(f)
    hf("upload", "tour-patterns", tmp_path, "logs", "--include", "*.txt", "--type", "dataset", "--commit-message", "Two of three")
    files = HfApi().list_repo_files("admin/tour-patterns", repo_type="dataset")
    assert sorted(files) == [".gitattributes", "logs/a.txt", "logs/b.txt"]
    assert HfApi().list_repo_commits("admin/tour-patterns", repo_type="dataset")[0].title == "Two of three"
    hf("repos", "delete-files", "admin/tour-patterns", "logs/a.*", "--type", "dataset")
    assert sorted(HfApi().list_repo_files("admin/tour-patterns", repo_type="dataset")) == [".gitattributes", "logs/b.txt"]


def test_upload_one_file_to_a_branch_and_download_a_part(tmp_path):
    hf("repos", "branch", "create", "admin/tour-data", "next", "--type", "dataset")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    hf("upload", "admin/tour-data", tmp_path / "rows.csv", "data/rows.csv", "--type", "dataset", "--revision", "next")
    hf("download", "admin/tour-data", "--type", "dataset", "--revision", "next", "--include", "data/*", "--local-dir", tmp_path / "down")
    assert files_in(tmp_path / "down") == {"data/rows.csv": sha256(tmp_path / "rows.csv")}
    assert "not found" in hf("download", "admin/tour-data", "data/rows.csv", "--type", "dataset", ok=False).lower()
    hf("upload", "admin/tour-data", tmp_path / "down", ".", "--type", "dataset", "--revision", "next", "--delete", "data/*", "--exclude", "data/*")
    assert HfApi().list_repo_files("admin/tour-data", repo_type="dataset", revision="next") == [".gitattributes"]


def test_cp(tmp_path):
    (tmp_path / "up.txt").write_text("copied")
    hf("cp", tmp_path / "up.txt", "hf://admin/tour-model/notes/up.txt")
    assert hf("cp", "hf://admin/tour-model/notes/up.txt", "-") == "copied"


def test_settings_move_delete():
    hf("repos", "create", "tour-short")
    hf("repos", "settings", "admin/tour-short", "--private")
    assert HfApi().model_info("admin/tour-short").private is True
    hf("repos", "settings", "admin/tour-short", "--public")
    assert HfApi().model_info("admin/tour-short").private is False
    hf("repos", "move", "admin/tour-short", "admin/tour-moved")
    assert hf_json("models", "info", "admin/tour-short")["id"] == "admin/tour-moved"
    hf("repos", "duplicate", "admin/tour-moved", "admin/tour-twin")
    assert HfApi().repo_exists("admin/tour-twin")
    for repo in ("admin/tour-moved", "admin/tour-twin"):
        hf("repos", "delete", repo, "-y")
        assert not HfApi().repo_exists(repo)
    assert "not found" in hf("repos", "delete", "admin/tour-moved", "-y", ok=False).lower()


def test_repos_ls(tmp_path):
    """What each repository takes of a quota."""
    (tmp_path / "w.bin").write_bytes(os.urandom(3_000_000))
    hf("repos", "create", "tour-sized")
    hf("upload", "admin/tour-sized", tmp_path / "w.bin", "w.bin")
    sized = [r for r in hf_json("repos", "ls") if r["id"] == "admin/tour-sized"]
    assert [(r["type"], r["visibility"], r["storage"]) for r in sized] == [("model", "public", "3.0 MB")]


def test_wrong_token_is_named():
    assert "Invalid" in (out := hf("auth", "whoami", ok=False, env=wrong_token())) or "invalid" in out


def wrong_token():

    return os.environ | {"HF_TOKEN": "hf_" + "x" * 34}

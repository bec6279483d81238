"""HfFileSystem: list, glob, read ranges, write, remove."""

import pytest
from conftest import noise
from huggingface_hub import HfFileSystem


@pytest.fixture
def fs():
    return HfFileSystem(skip_instance_cache=True)


def test_ls_and_glob(fs, new):
    repo = new({"a.txt": b"a", "d/b.csv": b"b", "d/e/c.csv": b"c", "odd #1?.txt": b"odd"}, repo_type="dataset")
    root = f"datasets/{repo}"
    assert sorted(fs.ls(root, detail=False)) == sorted(f"{root}/{p}" for p in (".gitattributes", "a.txt", "d", "odd #1?.txt"))
    assert {f["name"]: f["type"] for f in fs.ls(f"{root}/d")} == {f"{root}/d/b.csv": "file", f"{root}/d/e": "directory"}
    assert sorted(fs.glob(f"{root}/**/*.csv")) == [f"{root}/d/b.csv", f"{root}/d/e/c.csv"]
    assert fs.glob(f"{root}/*.csv") == [] and sorted(fs.glob(f"{root}/d/*.csv")) == [f"{root}/d/b.csv"]
    assert len(fs.find(root)) == 5
    assert fs.isdir(f"{root}/d") and fs.isfile(f"{root}/a.txt") and not fs.exists(f"{root}/absent") and not fs.exists("datasets/ada/absent")
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{root}/absent")
    assert fs.cat(f"{root}/odd #1?.txt") == b"odd"


@pytest.mark.parametrize("path", ["f.txt", "f.bin"])
def test_read_ranges(fs, new, path):
    body = noise(3_000_000) if path == "f.bin" else bytes(i % 64 + 32 for i in range(3_000_000))
    file = f"{new({path: body})}/{path}"
    with fs.open(file, "rb", block_size=100_000) as f:
        assert f.read(10) == body[:10]
        f.seek(2_500_000)
        assert f.read(1000) == body[2_500_000:2_501_000]
        f.seek(-5, 2)
        assert f.read() == body[-5:]
    assert fs.cat_file(file, start=999_000, end=1_001_000) == body[999_000:1_001_000]
    assert fs.cat(file) == body
    info = fs.info(file)
    assert info["size"] == len(body) and (path == "f.txt") == (info["lfs"] is None)


def test_info_has_last_commit(fs, new):
    file = f"{new({'a.txt': b'a'})}/a.txt"
    info = fs.info(file, expand_info=True)
    assert info["last_commit"].title == "Add files"
    assert fs.modified(file) == info["last_commit"].date


def test_write_and_remove(fs, api, new):
    repo = new()
    with fs.open(f"{repo}/dir/text.txt", "w") as f:
        f.write("written")
    with fs.open(f"{repo}/dir/big.bin", "wb") as f:
        f.write(noise(300_000))
    assert fs.read_text(f"{repo}/dir/text.txt") == "written"
    assert fs.cat(f"{repo}/dir/big.bin") == noise(300_000)
    fs.cp_file(f"{repo}/dir/big.bin", f"{repo}/copy.bin")
    assert fs.cat(f"{repo}/copy.bin") == noise(300_000)
    fs.rm(f"{repo}/dir/text.txt")
    assert not fs.exists(f"{repo}/dir/text.txt")
    fs.rm(f"{repo}/dir", recursive=True)
    assert sorted(api.list_repo_files(repo)) == [".gitattributes", "copy.bin"]


def test_revisions(fs, api, new):
    repo = new({"a.txt": b"main"})
    api.create_branch(repo, branch="dev/x")
    with fs.open(f"{repo}@dev%2Fx/a.txt", "wb") as f:
        f.write(b"dev")
    assert fs.cat(f"{repo}@dev%2Fx/a.txt") == b"dev" and fs.cat(f"{repo}@main/a.txt") == fs.cat(f"{repo}/a.txt") == b"main"


def test_put_get_and_walk(fs, new, tmp_path):
    repo = new()
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "x.txt").write_text("x")
    fs.put(str(tmp_path / "in"), f"{repo}/up", recursive=True)
    assert [(len(d), len(f)) for _, d, f in fs.walk(f"{repo}/up")] == [(1, 0), (0, 1)]
    fs.get(f"{repo}/up/deep/x.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == "x"

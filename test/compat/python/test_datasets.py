"""datasets loads CSV and Parquet from the hub, streaming and not, and pushes to it."""

import pathlib

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
import vega_datasets
from datasets import Dataset, DatasetDict, get_dataset_config_names, load_dataset, load_dataset_builder

CSV = pathlib.Path(vega_datasets.__file__).parent / "_data"
PARQUET = pathlib.Path(pyarrow.__file__).parent / "tests" / "data" / "parquet" / "v0.7.1.parquet"


@pytest.fixture(scope="module")
def csv(api, me):
    """Two splits, told apart by the names of their files."""
    repo = f"{me}/weather"
    api.create_repo(repo, repo_type="dataset")
    api.upload_file(path_or_fileobj=CSV / "seattle-weather.csv", path_in_repo="train.csv", repo_id=repo, repo_type="dataset")
    api.upload_file(path_or_fileobj=CSV / "iowa-electricity.csv", path_in_repo="unused/other.csv", repo_id=repo, repo_type="dataset")
    return repo


@pytest.fixture(scope="module")
def parquet(api, me, tmp_path_factory):
    """A Parquet file as a package carries it, and one that pyarrow makes of a package's CSV."""
    repo = f"{me}/diamonds"
    api.create_repo(repo, repo_type="dataset", private=True)
    api.upload_file(path_or_fileobj=PARQUET, path_in_repo="real/train.parquet", repo_id=repo, repo_type="dataset")
    made = tmp_path_factory.mktemp("made") / "airports.parquet"
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(CSV / "airports.csv"), made, row_group_size=500)
    api.upload_file(path_or_fileobj=made, path_in_repo="made/test-00000-of-00001.parquet", repo_id=repo, repo_type="dataset")
    card = "---\nconfigs:\n- config_name: real\n  data_files: real/*.parquet\n- config_name: made\n  data_files:\n  - split: test\n    path: made/test-*\n---\n"
    api.upload_file(path_or_fileobj=card.encode(), path_in_repo="README.md", repo_id=repo, repo_type="dataset")
    return repo


@pytest.mark.parametrize("streaming", [False, True])
def test_csv(csv, streaming):
    rows = load_dataset(csv, split="train", streaming=streaming)
    want = pyarrow.csv.read_csv(CSV / "seattle-weather.csv")
    assert [r["temp_max"] for r in rows] == want["temp_max"].to_pylist()


@pytest.mark.parametrize("streaming", [False, True])
def test_csv_of_named_files(csv, streaming):
    rows = load_dataset(csv, data_files={"test": "unused/*.csv"}, split="test", streaming=streaming)
    assert [r["net_generation"] for r in rows] == pyarrow.csv.read_csv(CSV / "iowa-electricity.csv")["net_generation"].to_pylist()


@pytest.mark.parametrize("streaming", [False, True])
def test_parquet(parquet, streaming):
    rows = load_dataset(parquet, "real", split="train", streaming=streaming)
    assert [r["carat"] for r in rows] == pyarrow.parquet.read_table(PARQUET)["carat"].to_pylist()
    rows = load_dataset(parquet, "made", split="test", streaming=streaming)
    assert [r["iata"] for r in rows] == pyarrow.csv.read_csv(CSV / "airports.csv")["iata"].to_pylist()


def test_parquet_by_column_and_range(parquet):
    """Only the needed parts of the file are read, as streaming of one column does."""
    from huggingface_hub import HfFileSystem

    with HfFileSystem().open(f"datasets/{parquet}/made/test-00000-of-00001.parquet", block_size=10_000) as f:
        file = pyarrow.parquet.ParquetFile(f)
        assert file.num_row_groups == 7
        assert file.read_row_group(6, ["state"])["state"].to_pylist() == pyarrow.csv.read_csv(CSV / "airports.csv")["state"].to_pylist()[3000:]


def test_configurations(parquet):
    assert sorted(get_dataset_config_names(parquet)) == ["made", "real"]
    assert set(load_dataset_builder(parquet, "made").config.data_files) == {"test"}


def test_revision(api, csv):
    first = [c for c in api.list_repo_commits(csv, repo_type="dataset") if "train.csv" in c.title][0].commit_id
    assert load_dataset(csv, split="train", revision=first).num_rows == 1461


def test_absent():
    with pytest.raises(FileNotFoundError):
        load_dataset("ada/no-such-data")


def test_push_dataset(api, me):
    repo = f"{me}/pushed-rows"
    rows = Dataset.from_dict({"n": list(range(1000)), "text": [f"row {i}" for i in range(1000)]})
    rows.push_to_hub(repo, max_shard_size="5KB", private=True)
    shards = [f for f in api.list_repo_files(repo, repo_type="dataset") if f.endswith(".parquet")]
    assert len(shards) > 1 and all(f.startswith("data/train-") for f in shards)
    back = load_dataset(repo, split="train")
    assert back["n"][:] == list(range(1000)) and back.features == rows.features
    assert api.dataset_info(repo).private is True and api.dataset_info(repo).card_data.dataset_info["splits"][0]["num_examples"] == 1000
    rows.select(range(10)).push_to_hub(repo)
    assert load_dataset(repo, split="train").num_rows == 10


def test_push_dataset_dict_with_configurations(api, me):
    repo = f"{me}/pushed-dict"
    both = DatasetDict({s: Dataset.from_dict({"x": [s] * n}) for s, n in {"train": 30, "test": 5}.items()})
    both.push_to_hub(repo)
    both.push_to_hub(repo, config_name="second", commit_message="Second configuration")
    assert {s: d.num_rows for s, d in load_dataset(repo).items()} == {"train": 30, "test": 5}
    assert {s: d.num_rows for s, d in load_dataset(repo, "second").items()} == {"train": 30, "test": 5}
    assert list(load_dataset(repo, split="test", streaming=True))[0] == {"x": "test"}


def test_push_to_a_branch(api, me):
    repo = f"{me}/pushed-branch"
    rows = Dataset.from_dict({"x": [1, 2, 3]})
    rows.push_to_hub(repo)
    rows.select([0]).push_to_hub(repo, revision="less")
    assert load_dataset(repo, split="train").num_rows == 3 and load_dataset(repo, split="train", revision="less").num_rows == 1

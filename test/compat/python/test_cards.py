"""Cards and what the hub reads from files."""

import json

import pytest
from huggingface_hub import DatasetCard, DatasetCardData, ModelCard, ModelCardData, errors, hf_hub_download, metadata_load, metadata_update


@pytest.mark.parametrize("repo_type", ["model", "dataset"])
def test_push_card(api, new, repo_type):
    repo = new(repo_type=repo_type)
    Card, Data = (ModelCard, ModelCardData) if repo_type == "model" else (DatasetCard, DatasetCardData)
    card = Card(f"---\n{Data(license='apache-2.0', language='en', tags=['pushed']).to_yaml()}\n---\n# Pushed\n\nText.")
    card.push_to_hub(repo, repo_type=repo_type, commit_message="Push the card")
    assert Card.load(repo, repo_type=repo_type).data.tags == ["pushed"]
    info = api.repo_info(repo, repo_type=repo_type)
    assert "license:apache-2.0" in info.tags and info.card_data.language == "en"
    assert api.list_repo_commits(repo, repo_type=repo_type)[0].title == "Push the card"


def test_broken_card_is_refused(new):
    """The hub validates for the client, which asks for plain text."""
    repo = new()
    with pytest.raises((ValueError, errors.HfHubHTTPError)):
        ModelCard("---\nlicense: 1\ntags: not-a-list\nlanguage: {}\n---\n").push_to_hub(repo)


def test_metadata_update(api, new):
    repo = new({"README.md": b"---\nlicense: mit\n---\n# Kept\n"})
    metadata_update(repo, {"tags": ["a-tag"], "pipeline_tag": "text-generation"})
    info = api.model_info(repo)
    assert info.pipeline_tag == "text-generation" and {"a-tag", "license:mit"} <= set(info.tags)
    with pytest.raises(ValueError):
        metadata_update(repo, {"license": "gpl-3.0"})
    metadata_update(repo, {"license": "gpl-3.0"}, overwrite=True)
    path = hf_hub_download(repo, "README.md")
    assert metadata_load(path)["license"] == "gpl-3.0" and "# Kept" in open(path).read()


def test_eval_results(api, new):
    from huggingface_hub import EvalResult

    repo = new()
    data = ModelCardData(license="mit", model_name="m", eval_results=[EvalResult(
        task_type="text-classification", dataset_type="ada/rows", dataset_name="Rows", metric_type="accuracy", metric_value=0.9)])
    api.upload_file(path_or_fileobj=f"---\n{data.to_yaml()}\n---\n".encode(), path_in_repo="README.md", repo_id=repo)
    info = api.model_info(repo)
    assert info.model_index[0]["results"][0]["metrics"][0]["value"] == 0.9
    assert info.card_data.eval_results[0].dataset_name == "Rows"


@pytest.fixture(scope="module")
def weights(api, me, model):
    """A repository with the real weights."""
    repo = f"{me}/weights"
    api.create_repo(repo)
    api.upload_file(path_or_fileobj=model / "model.safetensors", path_in_repo="model.safetensors", repo_id=repo)
    return repo


def test_safetensors_metadata(api, weights):
    """Read by the client in ranges, and by the hub at the commit: they agree."""
    read = api.get_safetensors_metadata(weights)
    assert read.sharded is False and "embeddings.word_embeddings.weight" in read.files_metadata["model.safetensors"].tensors
    told = api.model_info(weights).safetensors
    assert told.parameters == read.parameter_count and told.total == sum(read.parameter_count.values()) == 22713728


def test_sharded_safetensors_metadata(api, new):
    import numpy
    from safetensors.numpy import save

    shards = {f"model-0000{i}-of-00002.safetensors": save({f"w{i}": numpy.ones((10, 10), "float16")}) for i in (1, 2)}
    index = {"metadata": {}, "weight_map": {f"w{i}": f"model-0000{i}-of-00002.safetensors" for i in (1, 2)}}
    repo = new(shards | {"model.safetensors.index.json": json.dumps(index).encode()})
    read = api.get_safetensors_metadata(repo)
    assert read.sharded and read.parameter_count == {"F16": 200}
    assert api.model_info(repo).safetensors.parameters == {"F16": 200}

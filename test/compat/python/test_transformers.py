"""transformers and safetensors load from the hub and push to it."""

import pytest
from conftest import sha256
from huggingface_hub import hf_hub_download, snapshot_download
from safetensors import safe_open
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoTokenizer


@pytest.fixture(scope="module")
def repo(api, me, model):
    repo = f"{me}/sentences"
    api.create_repo(repo, exist_ok=True)
    api.upload_folder(repo_id=repo, folder_path=model)
    return repo


def test_tokenizer(repo, model):
    there, here = AutoTokenizer.from_pretrained(repo), AutoTokenizer.from_pretrained(model)
    text = "A hub of one's own, übrigens!"
    assert there(text)["input_ids"] == here(text)["input_ids"] and there.decode(there(text)["input_ids"], skip_special_tokens=True)


def test_config(repo):
    config = AutoConfig.from_pretrained(repo)
    assert config.model_type == "bert" and config.hidden_size == 384


def test_weights(repo, model):
    path = hf_hub_download(repo, "model.safetensors")
    assert sha256(path) == sha256(model / "model.safetensors")
    with safe_open(path, framework="numpy") as f:
        assert f.get_slice("embeddings.word_embeddings.weight").get_shape() == [30522, 384]
        assert f.get_tensor("embeddings.LayerNorm.weight").shape == (384,)
    assert len(load_file(path)) > 100


def test_revision(api, repo):
    api.create_tag(repo, tag="v1", exist_ok=True)
    assert AutoConfig.from_pretrained(repo, revision="v1").hidden_size == 384
    with pytest.raises(OSError):
        AutoConfig.from_pretrained(repo, revision="absent")
    with pytest.raises(OSError):
        AutoTokenizer.from_pretrained("ada/absent")


def test_push_tokenizer_and_config(api, me, repo):
    tokenizer, config = AutoTokenizer.from_pretrained(repo), AutoConfig.from_pretrained(repo)
    tokenizer.push_to_hub(f"{me}/pushed-tokenizer", private=True)
    config.push_to_hub(f"{me}/pushed-tokenizer")
    assert {"tokenizer.json", "tokenizer_config.json", "config.json"} <= set(api.list_repo_files(f"{me}/pushed-tokenizer"))
    assert api.model_info(f"{me}/pushed-tokenizer").private is True
    assert AutoTokenizer.from_pretrained(f"{me}/pushed-tokenizer")("same")["input_ids"] == tokenizer("same")["input_ids"]


def test_hub_mixin(api, me):
    """What libraries of others build their push_to_hub and from_pretrained on."""
    import pathlib

    from huggingface_hub import ModelHubMixin

    class Tiny(ModelHubMixin, library_name="tiny", tags=["a-mixin"]):
        def __init__(self, size: int = 1, body: str = ""):
            self.size, self.body = size, body

        def _save_pretrained(self, save_directory):
            (pathlib.Path(save_directory) / "body.txt").write_text(self.body)

        @classmethod
        def _from_pretrained(cls, *, model_id, revision, cache_dir, force_download, local_files_only, token, size=1, body="", **_):
            return cls(size, pathlib.Path(hf_hub_download(model_id, "body.txt", revision=revision)).read_text())

    Tiny(size=7, body="saved").push_to_hub(f"{me}/mixin")
    back = Tiny.from_pretrained(f"{me}/mixin")
    assert (back.size, back.body) == (7, "saved")
    info = api.model_info(f"{me}/mixin")
    assert info.library_name == "tiny" and "a-mixin" in info.tags


def test_load_from_snapshot(repo):
    assert AutoTokenizer.from_pretrained(snapshot_download(repo, allow_patterns=["*.json", "*.txt"])).vocab_size == 30522

"""An older hf_xet: its own paths to the CAS, for sending, for sending what is there already, and for fetching."""

import importlib.metadata
import os
import random

import hf_xet
from conftest import eventually, sha256
from huggingface_hub import hf_hub_download

LARGE = 20_000_000


def test_it_is_the_one_meant(hub):
    assert hub.variant == "hf-xet-" + importlib.metadata.version("hf_xet")
    assert hub.variant.replace("hf-xet-", "hf_xet==") in hf_xet.__file__


def test_send_and_fetch(api, hub, new, tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(random.Random(hub.variant).getrandbits(8 * LARGE).to_bytes(LARGE, "big"))
    repo, xorbs = new(), hub.requests("xorbUpload")
    api.upload_file(path_or_fileobj=str(path), path_in_repo="weights.bin", repo_id=repo)
    assert hub.requests("xorbUpload") > xorbs
    info = api.get_paths_info(repo, ["weights.bin"])[0]
    assert info.lfs.sha256 == sha256(path) and info.size == LARGE

    reconstructions = ("reconstructionV1", "reconstructionV2")
    before = hub.requests(*reconstructions)
    got = hf_hub_download(repo, "weights.bin", cache_dir=str(tmp_path / "cache"))
    assert sha256(got) == sha256(path)
    assert eventually(lambda: hub.requests(*reconstructions) > before)


def test_a_change_sends_the_change(api, hub, new, tmp_path):
    body = bytearray(random.Random(hub.variant + "2").getrandbits(8 * LARGE).to_bytes(LARGE, "big"))
    path, repo = tmp_path / "weights.bin", new()
    for _ in range(2):
        path.write_bytes(body)
        api.upload_file(path_or_fileobj=str(path), path_in_repo="weights.bin", repo_id=repo)
        got = hf_hub_download(repo, "weights.bin", cache_dir=str(tmp_path / "cache"))
        assert sha256(got) == sha256(path)
        os.remove(got)
        body[LARGE // 2 : LARGE // 2 + 1000] = bytes(1000)

"""What another version sent, read by Xet."""

import os

from conftest import eventually, sha256
from huggingface_hub import hf_hub_download


def test_read(hub, tmp_path):
    large = hub.large
    before = hub.requests("reconstructionV2")
    path = hf_hub_download(large["repo"], large["name"], local_dir=str(tmp_path))
    assert sha256(path) == large["sha256"]
    os.remove(path)
    assert eventually(lambda: hub.requests("reconstructionV2") > before)

"""A file of several parts: up and down again, each in the way of the version at hand."""

import os

from conftest import eventually, sha256
from huggingface_hub import hf_hub_download


def test_upload(api, hub):
    large = hub.large
    counted = ("lfsBatch", "lfsUpload", "lfsPart", "lfsComplete", "xorbUpload")
    before = {n: hub.requests(n) for n in counted}
    api.create_repo(large["repo"])
    api.upload_file(path_or_fileobj=large["path"], path_in_repo=large["name"], repo_id=large["repo"])
    sent = {n: hub.requests(n) - before[n] for n in counted}
    assert (sent["xorbUpload"] > 0) == (hub.way != "lfs"), sent
    assert (sent["lfsBatch"] > 0) == (hub.way != "xet"), sent
    assert (sent["lfsPart"] > 1) == (sent["lfsComplete"] == 1) == (hub.way == "lfs") and sent["lfsUpload"] == 0, sent
    there = api.get_paths_info(large["repo"], [large["name"]])[0]
    assert there.lfs.sha256 == large["sha256"] and there.size == large["size"]


def test_download(hub, tmp_path):
    large = hub.large
    reconstructions = ("reconstructionV1", "reconstructionV2")
    before = hub.requests(*reconstructions)
    path = hf_hub_download(large["repo"], large["name"], local_dir=str(tmp_path))
    assert sha256(path) == large["sha256"]
    os.remove(path)
    if hub.way == "lfs":
        assert hub.requests(*reconstructions) == before
    else:
        assert eventually(lambda: hub.requests(*reconstructions) > before)

"""Repositories as a whole: creation, settings, moves, listings, info, rights and refusals."""

import time

import pytest
from conftest import put
from huggingface_hub import HfApi, errors, hf_hub_download

CARD = """---
license: mit
language: [en, de]
library_name: transformers
pipeline_tag: text-classification
tags: [special-tag-of-ada]
base_model: ada/base
datasets: [ada/rows]
---
# A card
"""


def test_create_every_type(api, hub, name):
    for repo_type, path in (("model", ""), ("dataset", "datasets/"), ("space", "spaces/")):
        repo = name()
        sdk = {"space_sdk": "static"} if repo_type == "space" else {}
        url = api.create_repo(repo, repo_type=repo_type, **sdk)
        assert str(url) == f"{hub.endpoint}/{path}{repo}"
        assert (url.repo_id, url.repo_type) == (repo, repo_type)
        with pytest.raises(errors.HfHubHTTPError) as e:
            api.create_repo(repo, repo_type=repo_type, **sdk)
        assert e.value.response.status_code == 409 and "already exists" in str(e.value)
        assert api.create_repo(repo, repo_type=repo_type, exist_ok=True, **sdk).repo_id == repo
        assert [c.title for c in api.list_repo_commits(repo, repo_type=repo_type)] == ["initial commit"]


def test_create_in_own_name_and_in_an_organisation(api, me):
    assert api.create_repo("bare-name-of-mine").repo_id == f"{me}/bare-name-of-mine"
    assert api.create_repo("guild/common").repo_id == "guild/common"
    with pytest.raises(errors.HfHubHTTPError) as e:
        api.create_repo("mallory/not-mine")
    assert e.value.response.status_code == 403


def test_names_that_are_refused(api, me):
    from huggingface_hub.utils import get_session

    for bad in ("a..b", "a--b", "-a", "a.", "a.git", "a b", "x" * 97, "a/b", ".."):
        r = get_session().post(f"{api.endpoint}/api/repos/create", json={"name": bad, "organization": me}, headers=api._build_hf_headers())
        assert r.status_code == 400 and r.json()["error"], (bad, r.text)


def test_names_in_wrong_case(api, new, me, name):
    repo = new({"a.txt": b"here"})
    other = repo.upper()
    assert api.model_info(other).id == repo
    assert open(hf_hub_download(other, "a.txt"), "rb").read() == b"here"
    assert api.file_exists(other, "a.txt")
    with pytest.raises(errors.HfHubHTTPError) as e:
        api.create_repo(f"{me}/{other.split('/')[1]}")
    assert e.value.response.status_code == 409


def test_private_is_hidden(api, hub, new):
    repo = new({"a.txt": b"mine"}, private=True)
    assert api.model_info(repo).private is True
    for token in (False, hub.stranger):
        who = HfApi(token=token)
        with pytest.raises(errors.RepositoryNotFoundError):
            who.model_info(repo)
        with pytest.raises(errors.RepositoryNotFoundError):
            who.list_repo_files(repo)
        with pytest.raises(errors.RepositoryNotFoundError):
            who.auth_check(repo)
        assert not who.repo_exists(repo) and not who.file_exists(repo, "a.txt")
        with pytest.raises((errors.RepositoryNotFoundError, errors.LocalEntryNotFoundError)):
            who.hf_hub_download(repo, "a.txt")
        assert repo not in [m.id for m in who.list_models(author=hub.writer)]
    assert repo in [m.id for m in api.list_models(author=hub.writer)]


def test_settings(api, hub, new):
    repo = new()
    api.update_repo_settings(repo, private=True)
    assert api.model_info(repo).private is True
    api.update_repo_settings(repo, visibility="public")
    assert HfApi(token=hub.stranger).model_info(repo).private is False
    with pytest.raises(errors.HfHubHTTPError) as e:
        HfApi(token=hub.stranger).update_repo_settings(repo, private=True)
    assert e.value.response.status_code == 403


def test_move(api, hub, name, new):
    old, to = new({"a.txt": b"moved"}), name()
    api.move_repo(old, to)
    assert api.model_info(old).id == to
    assert open(hf_hub_download(old, "a.txt"), "rb").read() == b"moved"
    put(api, old, {"b.txt": b"by the old name"})
    assert sorted(api.list_repo_files(to)) == [".gitattributes", "a.txt", "b.txt"]
    with pytest.raises(errors.HfHubHTTPError, match="already exists"):
        api.move_repo(new(), to)


def test_move_private_to_organisation(api, hub, new):
    old = new({"a.txt": b"moved"}, private=True, repo_type="dataset")
    to = "guild/" + old.split("/")[1]
    api.move_repo(old, to, repo_type="dataset")
    assert open(hf_hub_download(old, "a.txt", repo_type="dataset"), "rb").read() == b"moved"
    for repo in (old, to):
        assert not HfApi(token=hub.stranger).repo_exists(repo, repo_type="dataset")


def test_duplicate(api, hub, name, new, model):
    repo, twin = new({"a.txt": b"twice"}), name()
    api.upload_file(path_or_fileobj=b"x" * 200_000, path_in_repo="big.bin", repo_id=repo)
    before = hub.stored()
    assert api.duplicate_repo(repo, twin).repo_id == twin
    assert sorted(api.list_repo_files(twin)) == sorted(api.list_repo_files(repo))
    assert open(hf_hub_download(twin, "big.bin"), "rb").read() == b"x" * 200_000
    assert hub.stored() - before < 50_000
    with pytest.raises(errors.HfHubHTTPError) as e:
        api.duplicate_repo(repo, twin)
    assert e.value.response.status_code == 409
    assert api.duplicate_repo(repo, twin, exist_ok=True).repo_id == twin


def test_delete(api, new):
    repo = new({"a.txt": b"gone"})
    api.delete_repo(repo)
    assert not api.repo_exists(repo)
    with pytest.raises(errors.RepositoryNotFoundError):
        api.delete_repo(repo)
    api.delete_repo(repo, missing_ok=True)
    api.create_repo(repo)
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_what_is_not_there(api, new):
    repo = new({"a.txt": b"a"})
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("ada/absent")
    with pytest.raises(errors.RepositoryNotFoundError):
        api.model_info("absent")
    with pytest.raises(errors.RevisionNotFoundError):
        api.model_info(repo, revision="absent")
    with pytest.raises(errors.RevisionNotFoundError):
        api.list_repo_files(repo, revision="absent")
    with pytest.raises(errors.EntryNotFoundError):
        hf_hub_download(repo, "absent.txt")
    with pytest.raises(errors.RevisionNotFoundError):
        hf_hub_download(repo, "a.txt", revision="absent")
    with pytest.raises(errors.RepositoryNotFoundError):
        hf_hub_download("ada/absent", "a.txt")
    with pytest.raises(errors.EntryNotFoundError):
        list(api.list_repo_tree(repo, "absent"))
    assert api.revision_exists(repo, "main") and not api.revision_exists(repo, "absent")
    assert api.file_exists(repo, "a.txt") and not api.file_exists(repo, "absent")
    assert api.repo_exists(repo) and not api.repo_exists("ada/absent") and not api.repo_exists(repo, repo_type="dataset")


def test_wrong_token(hub, new):
    repo, wrong = new(), HfApi(token="hf_" + "w" * 34)
    with pytest.raises(errors.HfHubHTTPError) as e:
        wrong.whoami()
    assert e.value.response.status_code == 401
    with pytest.raises(errors.HfHubHTTPError, match="Invalid credentials in Authorization header") as e:
        wrong.model_info(repo)
    assert e.value.response.status_code == 401 and not isinstance(e.value, errors.RepositoryNotFoundError)


def test_rights(api, hub, new):
    repo = new({"a.txt": b"a"})
    api.auth_check(repo)
    api.auth_check(repo, write=True)
    for who in (HfApi(token=hub.stranger), HfApi(token=hub.readonly)):
        who.auth_check(repo)
        for forbidden in (
            lambda: who.auth_check(repo, write=True),
            lambda: put(who, repo, {"b.txt": b"b"}),
            lambda: put(who, repo, {"b.bin": b"b" * 100_000}),
            lambda: who.create_branch(repo, branch="b"),
            lambda: who.delete_file("a.txt", repo),
            lambda: who.delete_repo(repo),
            lambda: who.move_repo(repo, repo + "x"),
        ):
            with pytest.raises(errors.HfHubHTTPError) as e:
                forbidden()
            assert e.value.response.status_code == 403
    assert sorted(api.list_repo_files(repo)) == [".gitattributes", "a.txt"]


def test_info(api, hub, new):
    repo = new({"README.md": CARD.encode(), "config.json": b'{"model_type": "bert", "architectures": ["BertModel"]}', "w.bin": b"\0" * 5000})
    info = api.model_info(repo)
    assert info.id == repo and info.author == hub.writer and len(info.sha) == 40
    assert info.pipeline_tag == "text-classification" and info.library_name == "transformers"
    assert info.card_data.license == "mit" and info.card_data.language == ["en", "de"]
    assert {"license:mit", "en", "de", "special-tag-of-ada", "transformers", "base_model:ada/base", "dataset:ada/rows"} <= set(info.tags)
    assert info.config["model_type"] == "bert"
    assert info.created_at <= info.last_modified and info.downloads == 0 and info.likes == 0 and info.gated is False
    full = api.repo_info(repo, files_metadata=True)
    files = {s.rfilename: s for s in full.siblings}
    assert files["README.md"].size == len(CARD) and len(files["README.md"].blob_id) == 40 and files["README.md"].lfs is None
    assert files["w.bin"].lfs.size == files["w.bin"].size == 5000 and len(files["w.bin"].lfs.sha256) == 64
    assert api.model_info(repo, securityStatus=True).security_repo_status is None  # nothing scans, so nothing is called safe
    at = api.model_info(repo, revision=info.sha)
    assert at.sha == info.sha
    first = api.list_repo_commits(repo)[-1].commit_id
    assert [s.rfilename for s in api.model_info(repo, revision=first).siblings] == [".gitattributes"]


def test_info_expand(api, new):
    repo = new({"README.md": CARD.encode()})
    info = api.model_info(repo, expand=["downloads", "tags", "sha", "siblings", "usedStorage", "private", "cardData"])
    assert info.downloads == 0 and info.private is False and "license:mit" in info.tags and info.author is None
    assert len(info.sha) == 40 and len(info.siblings) == 2 and info.card_data.license == "mit"
    everything = ["author", "baseModels", "cardData", "childrenModelCount", "config", "createdAt", "disabled", "downloads",
                  "downloadsAllTime", "evalResults", "gated", "gguf", "inference", "inferenceProviderMapping", "lastModified",
                  "library_name", "likes", "mask_token", "model-index", "pipeline_tag", "private", "resourceGroup", "safetensors",
                  "sha", "siblings", "spaces", "tags", "transformersInfo", "trendingScore", "usedStorage", "widgetData"]
    assert api.model_info(repo, expand=everything).library_name == "transformers"
    with pytest.raises(errors.HfHubHTTPError, match='"expand" must be one of') as e:
        api.model_info(repo, expand=["nonsense"])
    assert e.value.response.status_code == 400
    data = new(repo_type="dataset")
    assert api.dataset_info(data, expand=["sha", "likes", "tags"]).likes == 0
    space = new(repo_type="space", space_sdk="gradio")
    assert api.space_info(space, expand=["sdk", "sha"]).sdk == "gradio"


@pytest.fixture(scope="module")
def many(api):
    """A hundred models of an organisation of their own, in the order of their creation."""
    repos = [f"guild/many-{i:03}" for i in range(100)]
    for r in repos:
        api.create_repo(r)
    put(api, repos[42], {"README.md": CARD.encode()})
    return repos


def test_list_pages(api, many):
    """Pages are smaller than the listing: the client follows Link from page to page."""
    listed = [m.id for m in api.list_models(author="guild", search="many-")]
    assert sorted(listed) == many and len(listed) == len(set(listed))
    from huggingface_hub.utils import paginate

    by_seven = [m["id"] for m in paginate(f"{api.endpoint}/api/models", {"author": "guild", "search": "many-", "limit": 7}, api._build_hf_headers())]
    assert sorted(by_seven) == many and len(by_seven) == len(many)
    assert len(list(api.list_models(author="guild", limit=25))) == 25


def test_list_search_and_filter(api, many, me):
    assert [m.id for m in api.list_models(search="MANY-04", author="guild", sort="created_at")][::-1] == many[40:50]
    assert [m.id for m in api.list_models(filter="special-tag-of-ada", author="guild")] == [many[42]]
    assert [m.id for m in api.list_models(filter=["license:mit", "de"], author="guild")] == [many[42]]
    assert [m.id for m in api.list_models(pipeline_tag="text-classification", author="guild")] == [many[42]]
    assert list(api.list_models(filter="no-such-tag")) == []
    assert list(api.list_models(author="nobody")) == []


def test_list_sort(api, many):
    assert [m.id for m in api.list_models(author="guild", search="many-", sort="created_at", limit=5)] == many[:-6:-1]
    assert next(iter(api.list_models(author="guild", search="many-", sort="last_modified"))).id == many[42]
    for sort in ("downloads", "likes", "trending_score"):
        assert len(list(api.list_models(author="guild", search="many-", sort=sort))) == 100


def test_list_full_and_card(api, many):
    m = next(iter(api.list_models(filter="special-tag-of-ada", author="guild", full=True, cardData=True)))
    assert m.card_data.license == "mit" and m.author == "guild" and len(m.sha) == 40 and m.last_modified
    assert {s.rfilename for s in m.siblings} == {".gitattributes", "README.md"}
    m = next(iter(api.list_models(filter="special-tag-of-ada", author="guild", expand=["cardData", "likes"])))
    assert m.card_data.license == "mit" and m.likes == 0 and m.tags is None


def test_list_datasets_and_spaces(api, new, name):
    data, space = new(repo_type="dataset"), name()
    api.create_repo(space, repo_type="space", space_sdk="docker")
    assert data in [d.id for d in api.list_datasets(author=data.split("/")[0], full=True)]
    assert {s.id: s.sdk for s in api.list_spaces(author=space.split("/")[0])}[space] == "docker"


def test_tags_by_type(api, many):
    assert "license:mit" in [t["id"] for t in api.get_model_tags()["license"]]
    assert isinstance(api.get_dataset_tags(), dict)


def test_download_count(api, new):
    repo = new({"config.json": b"{}"})
    hf_hub_download(repo, "config.json")
    for _ in range(100):
        if api.model_info(repo).downloads == 1:
            return
        time.sleep(0.2)
    assert api.model_info(repo).downloads == 1

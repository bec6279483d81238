"""What the scripts for every version share. They must run on Python 3.8 with huggingface_hub 0.25 as with the newest."""

import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.request

import pytest
from huggingface_hub import HfApi

numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--facts", required=True, help="JSON file about the hub, written by the Go test")


class Hub:
    """The hub under test: facts about it, and what it says of itself."""

    def __init__(self, facts):
        self.__dict__.update(facts)
        self.endpoint = os.environ["HF_ENDPOINT"]

    def requests(self, *operations):
        """How many requests it answered with success, in all operations named."""
        ask = urllib.request.Request(self.endpoint + "/metrics", headers={"Authorization": "Bearer " + self.admin})
        with urllib.request.urlopen(ask) as r:
            text = r.read().decode()
        lines = re.findall(r'^cairn_http_requests_total\{operation="([^"]*)",status="2xx"\} (\S+)', text, re.M)
        return sum(float(n) for operation, n in lines if operation in operations)


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
def name(me, hub):
    """A function that returns names of repositories that nobody used before, in any version."""
    return lambda: "%s/%s-%d" % (me, hub.variant, next(numbers))


@pytest.fixture
def new(api, name):
    """A function that makes a fresh repository and returns its id."""

    def make(repo_type="model", **settings):
        repo = name()
        api.create_repo(repo, repo_type=repo_type, **settings)
        return repo

    return make


def sha256(path):
    h = hashlib.sha256()
    with open(str(path), "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            h.update(block)
    return h.hexdigest()


def files_in(folder):
    """path → sha256 of all files below a folder, but for what clients keep there for themselves."""
    folder = pathlib.Path(folder)
    found = ((p.relative_to(folder).as_posix(), p) for p in folder.rglob("*") if p.is_file())
    return {name: sha256(p) for name, p in found if not name.startswith((".cache/", ".git/", ".huggingface/"))}


def cli():
    """The command line: hf since 0.34, huggingface-cli before and beside it until 1.0."""
    return [c for c in ("hf", "huggingface-cli") if os.path.dirname(shutil.which(c) or "") == os.environ["CLIENT_BIN"]]


def run(*args, **settings):
    """Runs a command line, which must succeed, and returns what it printed."""
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **settings)
    if done.returncode:
        raise AssertionError("%s: exit %d\n%s\n%s" % (args, done.returncode, done.stdout.decode(), done.stderr.decode()))
    return done.stdout.decode()


def eventually(happens):
    """Counters are read from another connection than the one that answered."""
    for _ in range(20):
        if happens():
            return True
        time.sleep(0.1)
    return False

"""The examples of the Settings API as its users have them in their scripts, by requests: only the host and the token are
those of the hub under test. None of them looks at a status, so this does."""

import base64
import pathlib
import struct
import zlib

import pytest
import requests
from huggingface_hub import HfApi

HOST = "http://localhost:28080"

EXAMPLES = {
    "who am I": '''
import requests
response = requests.get(
    "http://localhost:28080/api/whoami-v2",
    headers={"Authorization": "Bearer YOUR_TOKEN"}
)
user_info = response.json()
print(f"Logged in as: {user_info['name']}")
''',
    "type of a namespace": '''
response = requests.get("http://localhost:28080/api/users/myorg/type")
data = response.json()
if data["type"] == "org":
    print("This is an organization")
''',
    "profile of a user": '''
response = requests.get("http://localhost:28080/api/users/alice/profile")
profile = response.json()
''',
    "settings of a user": '''
response = requests.put(
    "http://localhost:28080/api/users/alice/settings",
    headers={"Authorization": "Bearer YOUR_TOKEN"},
    json={
        "bio": "ML Engineer and researcher",
        "website": "https://alice.example.com"
    }
)
''',
    "avatar of a user": '''
# Upload avatar
with open("avatar.png", "rb") as f:
    response = requests.post(
        "http://localhost:28080/api/users/alice/avatar",
        headers={"Authorization": "Bearer YOUR_TOKEN"},
        files={"file": f}
    )
# Get avatar URL
avatar_url = "http://localhost:28080/api/users/alice/avatar"
# Delete avatar
response = requests.delete(
    "http://localhost:28080/api/users/alice/avatar",
    headers={"Authorization": "Bearer YOUR_TOKEN"}
)
''',
    "settings of an organization": '''
response = requests.put(
    "http://localhost:28080/api/organizations/myorg/settings",
    headers={"Authorization": "Bearer YOUR_TOKEN"},
    json={
        "description": "Machine Learning Research",
        "website": "https://myorg.example.com"
    }
)
''',
    "avatar of an organization": '''
# Upload organization avatar
with open("org-logo.png", "rb") as f:
    response = requests.post(
        "http://localhost:28080/api/organizations/myorg/avatar",
        headers={"Authorization": "Bearer YOUR_TOKEN"},
        files={"file": f}
    )
''',
    "settings of a repository": '''
# Update repository visibility and LFS settings
response = requests.put(
    "http://localhost:28080/api/models/myorg/mymodel/settings",
    headers={"Authorization": "Bearer YOUR_TOKEN"},
    json={
        "private": False,
        "lfs_threshold_bytes": 10000000,  # 10 MB
        "lfs_keep_versions": 10,
        "lfs_suffix_rules": [".safetensors", ".bin", ".gguf"]
    }
)
# Make repository private
response = requests.put(
    "http://localhost:28080/api/models/myorg/mymodel/settings",
    headers={"Authorization": "Bearer YOUR_TOKEN"},
    json={"private": True}
)
# Reset LFS threshold to server default
response = requests.put(
    "http://localhost:28080/api/models/myorg/mymodel/settings",
    headers={"Authorization": "Bearer YOUR_TOKEN"},
    json={"lfs_threshold_bytes": None}
)
''',
    "LFS settings of a repository": '''
response = requests.get(
    "http://localhost:28080/api/models/myorg/mymodel/settings/lfs",
    headers={"Authorization": "Bearer YOUR_TOKEN"}
)
lfs_settings = response.json()
print(f"Threshold: {lfs_settings['lfs_threshold_bytes_effective']} bytes")
print(f"Keep versions: {lfs_settings['lfs_keep_versions_effective']}")
print(f"Custom suffixes: {lfs_settings['lfs_suffix_rules']}")
print(f"Total suffixes (with defaults): {len(lfs_settings['lfs_suffix_rules_effective'])}")
''',
    "a whole profile": '''
import requests
BASE_URL = "http://localhost:28080"
TOKEN = "YOUR_TOKEN"
headers = {"Authorization": f"Bearer {TOKEN}"}
# Update profile
requests.put(
    f"{BASE_URL}/api/users/alice/settings",
    headers=headers,
    json={
        "full_name": "Alice Smith",
        "bio": "ML Engineer specializing in NLP",
        "website": "https://alice.example.com",
        "social_media": {
            "twitter_x": "alice_ml",
            "github": "alice",
            "huggingface": "alice"
        }
    }
)
# Upload avatar
with open("avatar.jpg", "rb") as f:
    requests.post(
        f"{BASE_URL}/api/users/alice/avatar",
        headers=headers,
        files={"file": f}
    )
''',
    "LFS rules of a repository": '''
# Configure repository to always use LFS for GGUF files
requests.put(
    f"{BASE_URL}/api/models/myorg/mymodel/settings",
    headers=headers,
    json={
        "lfs_threshold_bytes": 10000000,  # 10 MB
        "lfs_suffix_rules": [".gguf", ".ggml"]  # Added to 32 server defaults
    }
)
# Check effective settings
response = requests.get(
    f"{BASE_URL}/api/models/myorg/mymodel/settings/lfs",
    headers=headers
)
settings = response.json()
# All .safetensors files will use LFS (server default)
# All .gguf files will use LFS (custom rule)
# Files > 10 MB will use LFS (threshold)
''',
}

# A JPEG of 16 x 16.
JPEG = base64.b64decode("/9j/2wCEABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2MBERISGBUYLxoaL2NCOEJjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY//AAAsIABAAEAEBEQD/xADSAAABBQEBAQEBAQAAAAAAAAAAAQIDBAUGBwgJCgsQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAAgBAQAAPwDz+iiiv//Z")


def png(width, height):
    """A picture of one colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x20\x80\xc0" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def names():
    """What the examples before this one have defined: they build on each other."""
    return {}


@pytest.fixture(scope="module")
def model(hub):
    HfApi(token=hub.alice).create_repo("myorg/mymodel", exist_ok=True)


@pytest.mark.parametrize("what", EXAMPLES)
def test_example(hub, model, names, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("avatar.png").write_bytes(png(300, 200))
    pathlib.Path("org-logo.png").write_bytes(png(64, 64))
    pathlib.Path("avatar.jpg").write_bytes(JPEG)
    answers = []
    send = requests.Session.send

    def record(self, request, **kwargs):
        answers.append(send(self, request, **kwargs))
        return answers[-1]

    monkeypatch.setattr(requests.Session, "send", record)
    exec(compile(EXAMPLES[what].replace(HOST, hub.endpoint).replace("YOUR_TOKEN", hub.alice), what, "exec"), names)
    assert answers and all(a.status_code == 200 for a in answers), [(a.request.method, a.url, a.status_code, a.text[:300]) for a in answers]
    for a in answers:
        if a.request.method != "GET":
            assert a.json()["success"] is True and a.json()["message"]


def test_what_they_did(hub, names):
    assert names["user_info"]["name"] == "alice" and names["data"]["type"] == "org" and names["profile"]["username"] == "alice"
    profile = requests.get(f"{hub.endpoint}/api/users/alice/profile").json()
    assert profile["full_name"] == "Alice Smith" and profile["bio"] == "ML Engineer specializing in NLP"
    assert profile["social_media"] == {"twitter_x": "alice_ml", "github": "alice", "huggingface": "alice"} and profile["_source"] == "local"
    assert requests.get(f"{hub.endpoint}/api/organizations/myorg/profile").json()["description"] == "Machine Learning Research"
    for url in ["users/alice", "organizations/myorg"]:
        picture = requests.get(f"{hub.endpoint}/api/{url}/avatar")
        assert picture.headers["Content-Type"] == "image/jpeg" and picture.headers["Cache-Control"] == "public, max-age=86400"
    lfs = names["lfs_settings"]
    assert lfs["lfs_threshold_bytes"] is None and lfs["lfs_threshold_bytes_source"] == "server_default" and lfs["lfs_keep_versions_effective"] == 10
    assert len(lfs["server_defaults"]["lfs_suffix_rules_default"]) == 32
    settings = names["settings"]
    assert settings["lfs_threshold_bytes_effective"] == 10_000_000 and settings["lfs_suffix_rules_source"] == "merged"
    assert {".safetensors", ".gguf", ".ggml"} <= set(settings["lfs_suffix_rules_effective"])

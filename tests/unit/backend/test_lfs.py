"""The `lfs` driver against a storage that can do more, or less, than the servers at hand."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.git_remotes import FakeGitRemote
from support.scripted_server import Answer, Asked, ScriptedServer

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend, Capability, NotFound, Stat
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, RemoteUnavailable

DATA = secrets.token_bytes(300_000)


class Storage:
    """A git-lfs server that may know ranges; `objects` by SHA-256."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.has_ranges = True
        self.server = ScriptedServer(self._answer)
        self.remote = FakeGitRemote(self.server.url)

    def open(self, tmp_path: Path | None = None) -> Backend:
        opening = Opening(git_remote=lambda url: self.remote, scratch=tmp_path, idle_timeout_s=5)
        return registry.open("lfs:https://hub.org/a/b", opening)

    def asked(self, method: str) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.method == method]

    def _answer(self, asked: Asked) -> Answer:
        oid = asked.path.rpartition("/")[2]
        if asked.method == "PUT":
            assert hashlib.sha256(asked.body).hexdigest() == oid
            self.objects[oid] = asked.body
            return Answer()
        if asked.method == "GET":
            return self._body(self.objects.get(oid), asked.headers.get("range"))
        request = json.loads(asked.body)
        return Answer(
            200,
            json.dumps({"objects": [self._one(request, o) for o in request["objects"]]}).encode(),
        )

    def _one(self, request: dict[str, str], one: dict[str, str]) -> dict[str, object]:
        action = {request["operation"]: {"href": f"{self.server.url}/o/{one['oid']}"}}
        is_there = one["oid"] in self.objects
        if request["operation"] == "upload":
            return {**one} if is_there else {**one, "actions": action}
        return {**one, "actions": action} if is_there else {**one, "error": {"code": 404}}

    def _body(self, data: bytes | None, wanted: str | None) -> Answer:
        if data is None:
            return Answer(404)
        if wanted is None or not self.has_ranges:
            return Answer(200, data)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted)
        assert found is not None
        start, end = int(found[1]), int(found[2])
        headers = {"Content-Range": f"bytes {start}-{end}/{len(data)}"}
        return Answer(206, data[start : end + 1], headers)


@pytest.fixture
def storage() -> Iterator[Storage]:
    made = Storage()
    with made.server:
        yield made


def test_ranges_are_declared_when_they_were_seen(storage: Storage) -> None:
    backend = storage.open()
    assert Capability.RANGES not in backend.capabilities
    backend.put("packs/ab/x", DATA)
    assert backend.get_range("packs/ab/x", 1000, 500) == DATA[1000:1500]
    assert Capability.RANGES in backend.capabilities
    assert backend.get_range("packs/ab/x", 299_999, 500) == DATA[-1:]
    assert backend.get_range("packs/ab/x", 300_000, 500) == b""
    backend.close()


def test_the_first_body_shows_whether_ranges_are_known(storage: Storage, tmp_path: Path) -> None:
    backend = storage.open()
    backend.put("segments/s", DATA)
    with (tmp_path / "s").open("w+b") as file:
        backend.get_file("segments/s", file.fileno())
    assert (tmp_path / "s").read_bytes() == DATA
    assert Capability.RANGES in backend.capabilities
    assert backend.get("segments/s") == DATA
    assert ["range" in asked.headers for asked in storage.asked("GET")] == [True, False]
    storage.has_ranges = False
    other = storage.open()
    assert other.get("segments/s") == DATA
    assert Capability.RANGES not in other.capabilities
    other.close()
    backend.close()


def test_without_ranges_an_object_comes_once(storage: Storage, tmp_path: Path) -> None:
    storage.has_ranges = False
    backend = storage.open(tmp_path)
    backend.put("packs/ab/x", DATA)
    for start in range(0, 300_000, 10_000):
        assert backend.get_range("packs/ab/x", start, 100) == DATA[start : start + 100]
    assert len(storage.asked("GET")) == 1
    assert Capability.RANGES not in backend.capabilities
    assert list(tmp_path.iterdir()) == []  # what is kept has no name
    backend.close()


@pytest.mark.parametrize("has_ranges", [True, False])
def test_wrong_bytes_are_unknown_and_not_believed(
    storage: Storage, tmp_path: Path, has_ranges: bool
) -> None:
    storage.has_ranges = has_ranges
    backend = storage.open()
    backend.put("packs/ab/x", DATA)
    (oid,) = storage.objects
    storage.objects[oid] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(RemoteUnavailable, match="wrong bytes"):
        backend.get("packs/ab/x")
    with (tmp_path / "x").open("w+b") as file, pytest.raises(RemoteUnavailable):
        backend.get_file("packs/ab/x", file.fileno())
    if not has_ranges:
        with pytest.raises(RemoteUnavailable, match="wrong bytes"):
            backend.get_range("packs/ab/x", 0, 10)
    storage.objects[oid] = DATA[:-1]
    with pytest.raises(RemoteUnavailable):
        backend.get("packs/ab/x")
    backend.close()


def test_a_listing_names_what_both_the_ref_and_the_server_have(storage: Storage) -> None:
    backend = storage.open()
    for number in range(3):
        backend.put(f"packs/ab/{number}", b"%d" % number * 10)
    backend.put("segments/s", b"")
    lost = hashlib.sha256(b"1" * 10).hexdigest()
    del storage.objects[lost]
    assert sorted(found.key for found in backend.list("")) == [
        "packs/ab/0",
        "packs/ab/2",
        "segments/s",
    ]
    assert backend.stat("packs/ab/1") is None
    with pytest.raises(NotFound):
        backend.get("packs/ab/1")
    assert backend.put_if_absent("packs/ab/1", b"1" * 10) is True
    assert backend.stat("packs/ab/1") == Stat(10)
    backend.close()


def test_packs_are_seen_with_the_segment_that_names_them(storage: Storage) -> None:
    backend = storage.open()
    backend.put_if_absent("format", b"format")
    backend.put_if_absent("packs/ab/x", DATA)
    assert storage.open().stat("packs/ab/x") is None
    assert backend.stat("packs/ab/x") == Stat(len(DATA))
    backend.put_if_absent("segments/s", b"names x")
    assert storage.remote.memory.publishes == 1
    other = storage.open()
    assert other.get("packs/ab/x") == DATA
    assert other.get("format") == b"format"
    other.close()
    backend.close()


def test_closing_names_what_was_sent(storage: Storage) -> None:
    backend = storage.open()
    backend.put("packs/ab/x", DATA)
    backend.close()
    assert storage.open().get("packs/ab/x") == DATA


def test_the_same_bytes_are_sent_once(storage: Storage) -> None:
    backend = storage.open()
    for number in range(5):
        backend.put(f"packs/ab/{number}", DATA)
    assert len(storage.asked("PUT")) == 1
    backend.close()


def test_nothing_is_asked_before_it_is_used() -> None:
    backend = registry.open("lfs", Opening())
    assert Capability.WRITE in backend.capabilities
    backend.close()
    with pytest.raises(ConfigError, match="no git remote"):
        backend.get("format")
    with pytest.raises(ConfigError, match="needs a git repository"):
        registry.open("lfs:https://hub.org/a", Opening()).get("format")


def test_logins_in_the_address_are_not_shown() -> None:
    backend = registry.open("lfs:https://ada:secret@hub.org/a", Opening())
    assert backend.url == "lfs:https://hub.org/a"


@pytest.mark.parametrize(
    "ref",
    [
        "main",
        "-x/y/z",
        "refs/x",
        "refs/heads/a..b",
        "refs/heads/a:b",
        "refs/heads/x.lock",
        "refs/h/ä",
    ],
)
def test_what_is_no_ref(ref: str) -> None:
    with pytest.raises(ConfigError, match="not the name of a ref"):
        registry.open("lfs", Opening(options={"ref": ref}))

"""The git-lfs batch API, as servers really speak it and as they should not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.certificate import make_certificate, server_context
from support.git_remotes import FakeGitRemote
from support.scripted_server import Answer, Asked, ScriptedServer

from git_mlvc.backend.base import Denied, NotFound, Throttled
from git_mlvc.backend.git_lfs.batch import LfsServer
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats.lfs_pointer import LfsPointer
from git_mlvc.login import Login

DATA = b"the bytes"
POINTER = LfsPointer(hashlib.sha256(DATA).hexdigest(), len(DATA))
MEDIA = {"Content-Type": "application/vnd.git-lfs+json"}


class Ada:
    """Credentials that count how often they are asked for."""

    def __init__(self) -> None:
        self.filled: list[str] = []

    def fill(self, url: str) -> Login | None:
        self.filled.append(url)
        return Login("ada", "secret")

    def approve(self, url: str, login: Login) -> None: ...

    def reject(self, url: str, login: Login) -> None: ...


def said(status: int = 200, **answer: object) -> Answer:
    return Answer(status, json.dumps(answer).encode(), MEDIA)


def objects(**fields: object) -> Answer:
    return said(objects=[{"oid": POINTER.sha256, "size": POINTER.size_bytes, **fields}])


def action(href: str, **fields: object) -> dict[str, Any]:
    return {"href": href, **fields}


class Place:
    """Two servers: the forge, and the storage it sends us to."""

    def __init__(self) -> None:
        self.batch: Callable[[dict[str, Any]], Answer] = lambda asked: objects()
        self.storage: Callable[[Asked], Answer] = lambda asked: Answer(200, DATA)
        self.forge = ScriptedServer(self._forge)
        self.elsewhere = ScriptedServer(lambda asked: self.storage(asked))
        self.credentials = Ada()
        self.remote = FakeGitRemote(f"{self.forge.url}/o/r.git/info/lfs")
        self.wants_login = False

    def _forge(self, asked: Asked) -> Answer:
        if self.wants_login and "authorization" not in asked.headers:
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        if asked.path.endswith("/objects/batch"):
            return self.batch(json.loads(asked.body))
        return self.storage(asked)

    def server(self, **settings: Any) -> LfsServer:
        opening = Opening(credentials=self.credentials, idle_timeout_s=5, **settings)
        return LfsServer(opening, self.remote, "lfs:forge")


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    with made.forge, made.elsewhere:
        yield made


@pytest.fixture
def server(place: Place) -> Iterator[LfsServer]:
    made = place.server()
    yield made
    made.close()


def body(server: LfsServer) -> bytes:
    with server.fetch(POINTER) as reply:
        return reply.read(100)


def test_what_is_asked_is_what_the_specification_says(place: Place, server: LfsServer) -> None:
    place.batch = lambda asked: objects(actions={"download": action(place.elsewhere.url)})
    assert server.present([POINTER]) == {POINTER}
    (asked,) = place.forge.asked
    assert (asked.method, asked.path) == ("POST", "/o/r.git/info/lfs/objects/batch")
    assert asked.headers["accept"] == asked.headers["content-type"] == MEDIA["Content-Type"]
    assert json.loads(asked.body) == {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": POINTER.sha256, "size": POINTER.size_bytes}],
        "hash_algo": "sha256",
    }


def test_a_hundred_objects_a_call(place: Place, server: LfsServer) -> None:
    def answer(asked: dict[str, Any]) -> Answer:
        assert len(asked["objects"]) <= 100
        found = [{**one, "actions": {"download": action("http://x/")}} for one in asked["objects"]]
        return said(objects=found)

    place.batch = answer
    many = [LfsPointer(f"{n:064x}", n) for n in range(250)]
    assert server.present(many) == set(many)
    assert len(place.forge.asked) == 3


@pytest.mark.parametrize(
    "answer",
    [
        objects(error={"code": 404, "message": "not here"}),
        objects(error={"code": 410, "message": "gone"}),
        said(404, message="Cannot find any of the requested objects"),  # giftless
        objects(size=3, actions={"download": {"href": "http://x/"}}),
    ],
)
def test_an_object_that_is_certainly_not_there(
    place: Place, server: LfsServer, answer: Answer
) -> None:
    place.batch = lambda asked: answer
    assert server.present([POINTER]) == set()
    with pytest.raises(NotFound):
        server.fetch(POINTER)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (said(404, message="Not Found"), RemoteRefused, "no git-lfs server"),
        (said(404, message="Repository or object not found"), RemoteRefused, "no git-lfs server"),
        (Answer(404, b"<html>", {"Content-Type": "text/html"}), RemoteRefused, "no git-lfs server"),
        (said(objects=[]), RemoteUnavailable, "leaves an object out"),
        (said(objects=[{"oid": 3}]), RemoteUnavailable, "leaves an object out"),
        (said(objects="x"), RemoteRefused, "no git-lfs server"),
        (Answer(200, b"hello"), RemoteRefused, "no git-lfs server"),
        (objects(), RemoteRefused, "no git-lfs server"),
        (objects(error={"code": 422, "message": "bad oid"}), RemoteRefused, "bad oid"),
        (objects(error={"code": 507, "message": "full"}), RemoteRefused, "full"),
        (objects(error={"code": 500, "message": "oops"}), RemoteUnavailable, "oops"),
        (objects(error="what"), RemoteRefused, "400"),
        (said(413, message="too many"), RemoteRefused, "too many"),
        (said(422, message="Size must be less"), RemoteRefused, "Size must be less"),
        (
            said(403, message="This repository is over its data quota."),
            Denied,
            "over its data quota",
        ),
        (said(403, message="You have exceeded a secondary rate limit"), Throttled, "rate limit"),
        (said(429, message="slow down"), Throttled, "slow down"),
        (said(501), RemoteRefused, ""),
        (said(503), RemoteUnavailable, "503"),
        (said(transfer="tus", objects=[]), RemoteRefused, "another kind of transfer"),
    ],
)
def test_what_is_no_answer_is_never_absence(
    place: Place, server: LfsServer, answer: Answer, error: type[MlvcError], words: str
) -> None:
    place.batch = lambda asked: answer
    with pytest.raises(MlvcError) as caught:
        server.present([POINTER])
    assert isinstance(caught.value, error)
    assert words in f"{caught.value.what} {caught.value.why}"


def test_bodies_go_where_the_server_says_and_no_login_of_ours_with_them(
    place: Place, server: LfsServer
) -> None:
    place.wants_login = True
    given = {"Authorization": "RemoteAuth abc", "X-Amz": "1", "Transfer-Encoding": "chunked"}
    href = f"{place.elsewhere.url}/bucket/x?sig=1"
    verify = f"{place.forge.url}/verify"
    place.batch = lambda asked: objects(
        actions={"upload": action(href, header=given), "verify": action(verify)}
    )
    place.storage = lambda asked: Answer(200)
    server.upload(POINTER, DATA)
    (put,) = place.elsewhere.asked
    assert (put.method, put.path, put.body) == ("PUT", "/bucket/x?sig=1", DATA)
    assert put.headers["authorization"] == "RemoteAuth abc"
    assert put.headers["x-amz"] == "1"
    assert put.headers["content-length"] == "9"
    assert "transfer-encoding" not in put.headers
    told = place.forge.asked[-1]
    assert (told.path, json.loads(told.body)) == (
        "/verify",
        {"oid": POINTER.sha256, "size": POINTER.size_bytes},
    )
    assert told.headers["authorization"].startswith("Basic ")  # the forge itself
    assert place.credentials.filled == [f"{place.forge.url}/o/r.git"]  # as git itself asks

    place.batch = lambda asked: objects(actions={"download": action(href)})
    place.elsewhere.asked.clear()
    place.storage = lambda asked: Answer(401, headers={"WWW-Authenticate": "Basic"})
    with pytest.raises(Denied):
        server.fetch(POINTER)
    assert all("authorization" not in asked.headers for asked in place.elsewhere.asked)
    assert len(place.credentials.filled) == 1


def test_what_is_there_is_not_sent(place: Place, server: LfsServer) -> None:
    place.batch = lambda asked: objects()
    server.upload(POINTER, DATA)
    assert len(place.forge.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 413, 422, 500, 507])
def test_a_refused_body_or_check_is_an_error(place: Place, server: LfsServer, status: int) -> None:
    href, verify = f"{place.elsewhere.url}/x", f"{place.forge.url}/verify"
    place.batch = lambda asked: objects(actions={"upload": action(href)})
    place.storage = lambda asked: Answer(status, b'{"message": "no thanks"}')
    with pytest.raises(MlvcError) as caught:
        server.upload(POINTER, DATA)
    assert "no thanks" in caught.value.why
    place.batch = lambda asked: objects(actions={"upload": action(href), "verify": action(verify)})
    place.storage = lambda asked: Answer(200 if asked.method == "PUT" else status)
    with pytest.raises(MlvcError):
        server.upload(POINTER, DATA)


def test_an_address_is_used_until_it_grows_old(place: Place, server: LfsServer) -> None:
    href = f"{place.elsewhere.url}/x"
    place.batch = lambda asked: objects(actions={"download": action(href, expires_in=3600)})
    assert body(server) == body(server) == DATA
    assert len(place.forge.asked) == 1
    refused = iter([403])
    place.storage = lambda asked: Answer(next(refused, 200), DATA)
    assert body(server) == DATA
    assert len(place.forge.asked) == 2
    old: Mapping[str, object]
    for old in ({"expires_in": 10}, {"expires_at": "2020-01-01T00:00:00Z"}):
        place.batch = lambda asked, old=old: objects(actions={"download": action(href, **old)})
        server.present([POINTER])
        asked = len(place.forge.asked)
        assert body(server) == DATA
        assert len(place.forge.asked) == asked + 1
    place.batch = lambda asked: objects(
        actions={"download": action(href, expires_at="0001-01-01T00:00:00Z")}
    )
    server.present([POINTER])
    asked = len(place.forge.asked)
    assert body(server) == DATA
    assert len(place.forge.asked) == asked


def test_an_object_that_vanishes_meanwhile(place: Place, server: LfsServer) -> None:
    place.batch = lambda asked: objects(actions={"download": action(f"{place.elsewhere.url}/x")})
    assert body(server) == DATA
    place.batch = lambda asked: objects(error={"code": 404})
    place.storage = lambda asked: Answer(404)
    with pytest.raises(NotFound):
        server.fetch(POINTER)


def test_what_ssh_hands_out_is_renewed(place: Place, server: LfsServer) -> None:
    place.remote.headers = [
        {"Authorization": "RemoteAuth old"},
        {"Authorization": "RemoteAuth new"},
    ]
    good = ["old"]

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"RemoteAuth {good[0]}":
            return Answer(401)
        return objects(actions={"download": action(place.elsewhere.url)})

    place.forge.script = answer
    assert server.present([POINTER]) == {POINTER}
    good[0] = "new"
    assert server.present([POINTER]) == {POINTER}
    assert place.remote.asked == ["download", "download"]
    assert place.credentials.filled == []


def test_an_unencrypted_address_from_an_encrypted_server_is_refused(
    place: Place, tmp_path: Path
) -> None:
    certificate = make_certificate(tmp_path)
    answer = objects(actions={"download": action(place.elsewhere.url)})
    with ScriptedServer(lambda asked: answer, tls=server_context(certificate)) as encrypted:
        place.remote.lfs_url = encrypted.url
        server = place.server(options={"ca-file": str(certificate)})
        with pytest.raises(RemoteRefused) as caught:
            server.fetch(POINTER)
        assert "not encrypted" in caught.value.why
        assert place.elsewhere.asked == []
        server.close()


def test_what_is_no_address_of_a_web_server(place: Place, server: LfsServer) -> None:
    place.batch = lambda asked: objects(actions={"download": action("ftp://x/y")})
    with pytest.raises(RemoteRefused) as caught:
        server.fetch(POINTER)
    assert "no web server" in caught.value.why


def test_a_moved_repository_is_followed_on_its_own_server_only(place: Place) -> None:
    there = f"{place.forge.url}/new/r.git/info/lfs/objects/batch"
    answers: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        answers.append(asked)
        if asked.path.startswith("/o/"):
            return Answer(307, headers={"Location": there})
        return objects(actions={"download": action(place.elsewhere.url)})

    place.forge.script = answer
    server = place.server()
    assert server.present([POINTER]) == server.present([POINTER]) == {POINTER}
    assert len(answers) == 3
    server.close()
    there = f"{place.elsewhere.url}/new/objects/batch"
    server = place.server()
    with pytest.raises(RemoteRefused):
        server.present([POINTER])
    assert place.elsewhere.asked == []
    server.close()


def test_nothing_secret_is_shown(place: Place, server: LfsServer) -> None:
    href = f"{place.elsewhere.url}/x?X-Amz-Signature=abc123"
    place.batch = lambda asked: objects(
        actions={"download": action(href, header={"Authorization": "Bearer topsecret"})}
    )
    place.storage = lambda asked: Answer(500)
    with pytest.raises(MlvcError) as caught:
        server.fetch(POINTER)
    shown = f"{caught.value.what} {caught.value.why} {caught.value.hint} {vars(server)}"
    assert "abc123" not in shown
    assert "topsecret" not in shown

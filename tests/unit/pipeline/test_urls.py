"""URLs: the version that a server tells, and nothing where it tells none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from support.repo import Machine
from support.scripted_server import Answer, Asked, ScriptedServer
from support.states import Place, file

from git_mlvc.backend import registry
from git_mlvc.errors import (
    ConfigError,
    InputError,
    RemoteError,
    RemoteRefused,
    RemoteUnavailable,
)
from git_mlvc.pipeline.facts import WorktreeFacts
from git_mlvc.pipeline.lock_files.locks import Locks
from git_mlvc.pipeline.model import Dep, DepKind, Inputs, Result, Stage, UrlState
from git_mlvc.pipeline.standing.urls import UrlStates

DATE = "Sat, 01 Aug 2026 10:00:00 GMT"
DATA = Answer(200, b"0123456789")


@pytest.fixture
def place(machine: Machine) -> Place:
    return Place(machine.init())


@contextmanager
def asking(place: Place, script: Callable[[Asked], Answer]) -> Iterator[tuple[UrlStates, str]]:
    with ScriptedServer(script) as server:
        yield UrlStates(registry.open, place.states().contents), server.url


def told(headers: Mapping[str, str], body: bytes = DATA.body) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(200, body, headers=headers)


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({"ETag": '"abc"', "Last-Modified": DATE}, 'etag "abc"'),
        ({"ETag": 'W/"abc"', "Last-Modified": DATE}, f'etag W/"abc", modified {DATE}'),
        ({"ETag": 'W/"abc"'}, 'etag W/"abc"'),
        ({"Last-Modified": DATE}, f"modified {DATE}, 10 bytes"),
        ({"ETag": '""', "Last-Modified": DATE}, f"modified {DATE}, 10 bytes"),
    ],
)
def test_a_version_is_an_etag_or_a_date_and_a_size(place, headers, version):
    with asking(place, told(headers)) as (urls, at):
        assert urls.state(f"{at}/Some%20Folder/Data.CSV?x=1#part") == UrlState(version, 10)


def test_the_address_is_asked_for_as_it_is_written_and_once(place):
    asked: list[Asked] = []

    def script(one: Asked) -> Answer:
        asked.append(one)
        return Answer(200, b"", headers={"ETag": '"1"'})

    with asking(place, script) as (urls, at):
        for path in ("/A/b.c?x=1&y=2#z", "/", "", "/A/b.c?x=1&y=2#z"):
            urls.state(at + path)
        assert [(one.method, one.path) for one in asked[:2]] == [
            ("HEAD", "/A/b.c?x=1&y=2"),
            ("HEAD", "/"),
        ]
        assert len(asked) == 3
        urls.forget()
        urls.state(at + "/")
        assert len(asked) == 4


@pytest.mark.parametrize("status", [403, 405, 501])
def test_where_head_is_not_answered_the_first_byte_is_asked_for(place, status):
    def script(one: Asked) -> Answer:
        if one.method == "HEAD":
            return Answer(status)
        assert one.headers["range"] == "bytes=0-0"
        headers = {"Last-Modified": DATE, "Content-Range": "bytes 0-0/1234"}
        return Answer(206, b"0", headers=headers)

    with asking(place, script) as (urls, at):
        assert urls.state(f"{at}/a") == UrlState(f"modified {DATE}, 1234 bytes", 1234)


def test_a_server_that_falls_silent_later_has_said_what_it_said(place):
    """A stage that has run for days is not lost because the server cannot be asked once more."""
    with asking(place, told({"ETag": '"1"'})) as (urls, at):
        urls.state(f"{at}/a")
    urls.forget()
    assert urls.state(f"{at}/a") == UrlState('etag "1"', 10)
    with pytest.raises(RemoteUnavailable):
        urls.state(f"{at}/b")


def test_what_is_not_there_is_not_there(place):
    with asking(place, lambda asked: Answer(404)) as (urls, at):
        assert urls.state(f"{at}/a") is None
    assert UrlStates(registry.open, place.states().contents).state("file:///no/such") is None


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (DATA, RemoteRefused, "neither an ETag nor"),
        (replace(DATA, headers={"Last-Modified": DATE}, is_endless=True), RemoteRefused, "neither"),
        (Answer(401), RemoteRefused, ""),
        (Answer(500), RemoteUnavailable, ""),
        (Answer(503), RemoteUnavailable, ""),
        (
            Answer(200, b"<html>", headers={"Content-Type": "text/html", "ETag": '"1"'}),
            RemoteRefused,
            "web page",
        ),
    ],
)
def test_what_the_server_does_not_say_is_no_version(place, answer, error, says):
    with asking(place, lambda asked: answer) as (urls, at), pytest.raises(error) as caught:
        urls.state(f"{at}/data.csv")
    assert says in str(caught.value)
    assert caught.value.hint or error is RemoteUnavailable


def test_a_page_that_is_asked_for_may_be_one(place):
    page = {"Content-Type": "text/html", "ETag": '"1"'}
    with asking(place, told(page)) as (urls, at):
        for path in ("/", "/index.html", "/about"):
            assert urls.state(at + path) == UrlState('etag "1"', 10)


def test_law_9_a_server_that_does_not_answer_is_unknown_and_not_changed(place):
    with ScriptedServer(lambda asked: Answer(200)) as server:
        gone = server.url
    with pytest.raises(RemoteUnavailable):
        UrlStates(registry.open, place.states().contents).state(f"{gone}/a")


def test_law_9_silence_is_taken_for_no_change_only_by_who_says_so(place):
    before = UrlState('etag "1"')
    dep = Dep("https://host/a", DepKind.URL)
    stage = Stage("s", "s", ("true",), deps=(dep,))
    locks = Locks(place.found, (stage,))

    def silent(url: str) -> UrlState:
        raise RemoteUnavailable("no answer")

    def facts(*, asks_servers: bool = True) -> WorktreeFacts:
        nothing: Any = None  # of a store, params and runs, which are not asked here
        return WorktreeFacts(
            place.found,
            nothing,
            reader=nothing,
            locks=locks,
            states=place.states(url_state=silent),
            elsewhere=nothing,
            run_cache=nothing,
            asks_servers=asks_servers,
        )

    patient = facts()
    patient.allows_missing = True
    for asking in (facts(), patient):
        with pytest.raises(RemoteUnavailable):
            asking.state(stage, dep, {})
    assert facts(asks_servers=False).state(stage, dep, {}) == UrlState("")
    locks.record(stage, Result(Inputs(stage.commands, deps=((dep, before),))))
    with pytest.raises(RemoteUnavailable) as caught:
        facts().state(stage, dep, {})
    assert "--allow-missing" in caught.value.hint
    assert patient.state(stage, dep, {}) == before
    assert facts(asks_servers=False).state(stage, dep, {}) == before


def test_a_file_on_this_machine_is_its_content(place, tmp_path):
    states = place.states()
    urls = UrlStates(registry.open, states.contents)
    at = tmp_path / "a b.csv"
    at.write_bytes(b"1")
    url = at.as_uri()
    assert urls.state(url) == UrlState(str(file(b"1").oid), 1)
    urls.forget()
    urls.state(url)
    assert states.contents.files_read == 1
    with pytest.raises(InputError, match="directory"):
        urls.state(tmp_path.as_uri())


@pytest.mark.parametrize(
    "url",
    [
        "ssh://host/file",
        "exec://touch/owned",
        "rclone://x/y",
        "ftp://host/file",
        "file://host/share",
        "https:///nowhere",
        "https://ada:secret@host/a",
        "https://host/a?X-Amz-Signature=abcdef",
    ],
)
def test_law_12_what_cannot_or_may_not_be_asked_is_not(place, url):
    def refuse(folder: str) -> object:
        raise AssertionError(f"{folder} was opened")

    with pytest.raises(ConfigError) as caught:
        UrlStates(refuse, place.states().contents).state(url)
    assert "secret@" not in str(caught.value) and "abcdef" not in str(caught.value)


def test_a_place_that_knows_no_versions_says_so(place):
    from git_mlvc.backend.base import version_of
    from git_mlvc.backend.memory import MemoryBackend

    with pytest.raises(RemoteError, match="which version"):
        version_of(MemoryBackend(), "a")

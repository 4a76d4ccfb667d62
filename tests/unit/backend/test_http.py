"""The driver for web servers, against servers that answer as a test tells them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.scripted_server import Answer, Asked, ScriptedServer

from git_mlvc.backend import registry
from git_mlvc.backend.base import (
    Capability,
    Denied,
    Listed,
    NotFound,
    Stat,
    Throttled,
    can,
    known_capabilities,
)
from git_mlvc.backend.http import HttpBackend
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.wrap.retry import Retry
from git_mlvc.errors import (
    ConfigError,
    InputError,
    MlvcError,
    RemoteError,
    RemoteRefused,
    RemoteUnavailable,
    StoreError,
)

DATA = bytes(range(256)) * 40
HTML = {"Content-Type": "text/html; charset=utf-8"}
DAV = Answer(200, headers={"DAV": "1, 2"})


@contextmanager
def opened(
    script: Callable[[Asked], Answer], options: Mapping[str, str] | None = None, query: str = ""
) -> Iterator[tuple[HttpBackend, ScriptedServer]]:
    with ScriptedServer(script) as server:
        backend = HttpBackend(f"{server.url}/r{query}", Opening(options=dict(options or {})))
        try:
            yield backend, server
        finally:
            backend.close()


def always(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda asked: answer


def whole_only(asked: Asked) -> Answer:
    """A server without ranged reads."""
    return Answer(200, DATA) if asked.path == "/r/x" else Answer(404)


class TestReading:
    def test_a_mere_read_asks_for_nothing_else(self) -> None:
        with opened(always(Answer(200, DATA)), query="?sig=s3cret") as (backend, server):
            assert known_capabilities(backend) is None
            assert backend.get("packs/ab/x") == DATA
            assert [(one.method, one.path) for one in server.asked] == [
                ("GET", "/r/packs/ab/x?sig=s3cret")
            ]
            assert backend.url == f"{server.url}/r"

    def test_caches_may_answer_for_what_never_changes_only(self) -> None:
        with opened(always(Answer(200, DATA))) as (backend, server):
            backend.get("packs/ab/x")
            backend.get("index")
            backend.stat("packs/ab/x")
            told = [one.headers.get("cache-control") for one in server.asked]
            assert told == [None, "no-cache", "no-cache"]

    @pytest.mark.parametrize("status", [404, 410])
    def test_what_is_not_there_is_not_found(self, status: int, tmp_path: Path) -> None:
        with opened(always(Answer(status, b"nothing"))) as (backend, _):
            assert backend.stat("x") is None
            with pytest.raises(NotFound):
                backend.get("x")
            with pytest.raises(NotFound):
                backend.get_range("x", 0, 0)
            with (tmp_path / "t").open("w+b") as file, pytest.raises(NotFound):
                backend.get_file("x", file.fileno())

    def test_a_folder_is_not_an_object(self) -> None:
        def script(asked: Asked) -> Answer:
            if asked.path.endswith("/"):
                return Answer(200, b"<html>files</html>", HTML)
            return Answer(301, headers={"Location": asked.path + "/"})

        with opened(script) as (backend, _):
            assert backend.stat("packs/ab") is None
            with pytest.raises(NotFound):
                backend.get("packs/ab")

    def test_without_ranges_the_whole_is_cut_and_that_is_remembered(self) -> None:
        with opened(whole_only, {"webdav": "false"}) as (backend, _):
            assert Capability.RANGES in backend.capabilities
            assert backend.get_range("x", 300, 50) == DATA[300:350]
            assert backend.capabilities == frozenset()
            assert backend.get_range("x", len(DATA) - 5, 50) == DATA[-5:]
            assert backend.get_range("x", len(DATA), 1) == b""

    def test_an_object_sent_whole_because_it_is_short_says_nothing_of_ranges(self) -> None:
        answer = Answer(200, b"short", {"Accept-Ranges": "bytes"})
        with opened(always(answer), {"webdav": "false"}) as (backend, _):
            assert backend.get_range("index", 0, 1 << 20) == b"short"
            assert Capability.RANGES in backend.capabilities

    @pytest.mark.parametrize(
        ("told", "body"),
        [
            ("bytes 0-9/100", DATA[:10]),
            ("bytes 10-14/100", DATA[10:15]),
            ("bytes 10-19/100", DATA[10:15]),
            ("bytes 10-29/100", DATA[10:30]),
            ("bytes */100", b""),
            ("nonsense", DATA[10:20]),
        ],
    )
    def test_a_part_that_is_not_the_one_asked_for_is_not_taken(
        self, told: str, body: bytes
    ) -> None:
        answer = Answer(206, body, {"Content-Range": told})
        with opened(always(answer)) as (backend, _), pytest.raises(RemoteUnavailable):
            backend.get_range("x", 10, 10)

    def test_a_part_may_be_short_only_at_the_end(self) -> None:
        answer = Answer(206, DATA[10:15], {"Content-Range": "bytes 10-14/15"})
        with opened(always(answer)) as (backend, _):
            assert backend.get_range("x", 10, 10) == DATA[10:15]

    def test_an_end_that_is_contradicted_is_no_end(self) -> None:
        def script(asked: Asked) -> Answer:
            if asked.method == "HEAD":
                return Answer(200, length=100)
            return Answer(416, headers=told)

        told: dict[str, str] = {}
        with opened(script) as (backend, _):
            assert backend.get_range("x", 100, 10) == b""
            with pytest.raises(RemoteUnavailable):
                backend.get_range("x", 99, 10)
            told["Content-Range"] = "bytes */50"
            assert backend.get_range("x", 50, 10) == b""
            with pytest.raises(RemoteUnavailable):
                backend.get_range("x", 49, 10)

    @pytest.mark.parametrize(
        "head",
        [
            Answer(405),
            Answer(501),
            Answer(200, is_endless=True),
            Answer(200, b"", HTML),
            Answer(200, b"1", {"Content-Encoding": "gzip"}),
        ],
    )
    def test_where_head_does_not_tell_a_byte_is_read(self, head: Answer) -> None:
        def script(asked: Asked) -> Answer:
            if asked.method == "HEAD":
                return head
            return Answer(206, b"x", {"Content-Range": "bytes 0-0/1234"})

        with opened(script) as (backend, _):
            assert backend.stat("x") == Stat(1234)

    @pytest.mark.parametrize("verb", ["get", "get_range", "get_file", "stat"])
    @pytest.mark.parametrize("is_sent_on", [False, True])
    def test_a_page_in_the_place_of_data_is_said_to_be_one(
        self, verb: str, is_sent_on: bool, tmp_path: Path
    ) -> None:
        def script(asked: Asked) -> Answer:
            if is_sent_on and asked.path != "/login":
                return Answer(302, headers={"Location": "/login"})
            return Answer(200, b"\n<!DOCTYPE html><title>Log in</title>", HTML)

        with opened(script) as (backend, _), (tmp_path / "t").open("w+b") as file:
            arguments = {"get_range": (5, 5), "get_file": (file.fileno(),)}.get(verb, ())
            with pytest.raises(RemoteRefused, match="a web page in the place of data") as caught:
                getattr(backend, verb)("packs/ab/x", *arguments)
            assert "login page" in caught.value.hint

    def test_data_that_is_called_a_page_is_data(self) -> None:
        with opened(always(Answer(200, DATA, HTML))) as (backend, _):
            assert backend.get("x") == DATA

    def test_what_the_own_disk_refuses_is_not_the_remotes_fault(self, tmp_path: Path) -> None:
        path = tmp_path / "t"
        path.write_bytes(b"")
        with (
            opened(always(Answer(200, DATA))) as (backend, _),
            path.open("rb") as file,
            pytest.raises(StoreError, match="cannot keep x here"),
        ):
            backend.get_file("x", file.fileno())


class TestMeaning:
    @pytest.mark.parametrize(
        ("answer", "kind", "says"),
        [
            (Answer(403), Denied, "forbids"),
            (Answer(407), RemoteRefused, "proxy"),
            (Answer(413), RemoteRefused, "too large"),
            (Answer(507), RemoteRefused, "full"),
            (Answer(500), RemoteUnavailable, "500"),
            (Answer(423), RemoteUnavailable, "423"),
            (Answer(408), RemoteUnavailable, "408"),
            (Answer(418), RemoteRefused, "418"),
            (Answer(300), RemoteRefused, "somewhere"),
        ],
    )
    def test_of_a_status(self, answer: Answer, kind: type[MlvcError], says: str) -> None:
        with opened(always(answer)) as (backend, _), pytest.raises(kind) as caught:
            backend.get("x")
        assert says in caught.value.why
        assert "cannot read x on http://127.0.0.1" in caught.value.what

    @pytest.mark.parametrize(
        ("status", "headers", "seconds"),
        [
            (429, {"Retry-After": "7"}, 7),
            (503, {"Retry-After": "0"}, 0),
            (429, {}, 1),
            (429, {"Retry-After": "soon"}, 1),
            (
                503,
                {
                    # By the server's own clock, which may be wrong.
                    "Date": "Fri, 31 Dec 1999 23:59:00 GMT",
                    "Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT",
                },
                59,
            ),
            (429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ],
    )
    def test_of_being_asked_to_wait(
        self, status: int, headers: dict[str, str], seconds: float
    ) -> None:
        answer = Answer(status, headers=headers)
        with opened(always(answer)) as (backend, _), pytest.raises(Throttled) as caught:
            backend.get("x")
        assert caught.value.retry_after_s == seconds


class TestCapabilities:
    @pytest.mark.parametrize(
        ("answer", "can_write", "can_list"),
        [
            (DAV, True, True),
            (Answer(200, headers={"Allow": "GET, PUT"}), False, False),
            (Answer(200, headers={"DAV": "access-control"}), False, False),
            (Answer(405), False, False),
            (Answer(403), False, False),
            (Answer(501), False, False),
            (Answer(401), True, False),
        ],
    )
    def test_are_asked_for_once(self, answer: Answer, can_write: bool, can_list: bool) -> None:
        with opened(always(answer)) as (backend, server):
            for _ in range(3):
                assert (Capability.WRITE in backend.capabilities) is can_write
                assert (Capability.LIST in backend.capabilities) is can_list
            assert [(one.method, one.path) for one in server.asked] == [("OPTIONS", "/r/")]
            assert known_capabilities(backend) == backend.capabilities

    def test_a_question_of_ranges_asks_nobody(self) -> None:
        with opened(always(Answer(503))) as (backend, server):
            retrying = Retry(backend, sleep=lambda seconds: None)
            assert can(retrying, Capability.RANGES)
            assert known_capabilities(retrying) is None
            assert server.asked == []
            with pytest.raises(RemoteUnavailable):
                can(retrying, Capability.LIST)
            server.script = always(DAV)
            assert can(retrying, Capability.LIST)
            assert Capability.LIST in (known_capabilities(retrying) or ())

    def test_one_that_does_not_answer_is_unknown(self) -> None:
        with opened(always(Answer(503))) as (backend, server):
            with pytest.raises(RemoteUnavailable):
                _ = backend.capabilities
            server.script = always(DAV)
            assert Capability.WRITE in backend.capabilities

    @pytest.mark.parametrize(("said", "can"), [("true", True), ("false", False), ("True", True)])
    def test_may_be_declared(self, said: str, can: bool) -> None:
        backend = registry.open("http://nowhere.invalid/x", Opening(options={"webdav": said}))
        assert (Capability.WRITE in backend.capabilities) is can
        backend.close()

    def test_are_true_or_false(self) -> None:
        with pytest.raises(ConfigError, match="webdav is true or false"):
            registry.open("http://nowhere.invalid/x", Opening(options={"webdav": "maybe"}))

    def test_who_cannot_write_says_so_and_sends_nothing(self) -> None:
        with opened(always(Answer(405))) as (backend, server):
            for write in (
                lambda: backend.put("x", b"1"),
                lambda: backend.put_if_absent("x", b"1"),
                lambda: backend.delete("x"),
                lambda: list(backend.list("")),
            ):
                with pytest.raises(RemoteRefused, match="this kind of remote has no"):
                    write()
            assert {one.method for one in server.asked} == {"OPTIONS"}


class TestWriting:
    """`steps`: what the server answers to (method, path), in this order."""

    def run(
        self,
        steps: list[tuple[str, str, Answer]],
        ask: Callable[[HttpBackend], object],
        *,
        options: Mapping[str, str] | None = None,
    ) -> ScriptedServer:
        rest = list(steps)

        def script(asked: Asked) -> Answer:
            assert rest, f"{asked.method} {asked.path} was not expected"
            method, path, answer = rest.pop(0)
            assert asked.method == method
            assert re.fullmatch(path.replace("TEMP", "_[0-9a-f]{32}"), asked.path), asked.path
            return answer

        with opened(script, {"webdav": "true", **(options or {})}) as (backend, server):
            ask(backend)
            assert rest == []
            return server

    def test_it_is_sent_to_another_name_and_moved(self) -> None:
        server = self.run(
            [("PUT", "/r/TEMP", Answer(201)), ("MOVE", "/r/TEMP", Answer(204))],
            lambda backend: backend.put("packs/ab/x", DATA),
        )
        put, move = server.asked
        assert put.body == DATA
        assert put.path == move.path
        assert move.headers["destination"] == f"{server.url}/r/packs/ab/x"
        assert move.headers["overwrite"] == "T"

    def test_what_is_there_stays_and_the_upload_is_removed(self) -> None:
        def ask(backend: HttpBackend) -> None:
            assert backend.put_if_absent("segments/x", DATA) is False

        server = self.run(
            [
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(412)),
                ("DELETE", "/r/TEMP", Answer(204)),
            ],
            ask,
        )
        assert server.asked[1].headers["overwrite"] == "F"
        assert server.asked[2].path == server.asked[0].path

    def test_what_is_mostly_there_is_looked_for_first(self) -> None:
        def ask(backend: HttpBackend) -> None:
            assert backend.put_if_absent("format", DATA) is False

        self.run([("HEAD", "/r/format", Answer(200, DATA))], ask)

    @pytest.mark.parametrize("status", [403, 404, 409, 500])
    def test_a_folder_that_is_missing_is_made(self, status: int) -> None:
        self.run(
            [
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(status)),
                ("MKCOL", "/r/packs/ab/", Answer(409)),
                ("MKCOL", "/r/packs/", Answer(201)),
                ("MKCOL", "/r/packs/ab/", Answer(405)),  # somebody else was faster
                ("MOVE", "/r/TEMP", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
            ],
            lambda backend: [backend.put(f"packs/ab/{n}", DATA) for n in range(2)],
        )

    def test_in_a_folder_made_here_no_move_has_to_fail_first(self) -> None:
        self.run(
            [
                ("PUT", "/r/TEMP", Answer(409)),
                ("MKCOL", "/r/", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MKCOL", "/r/packs/", Answer(201)),
                ("MKCOL", "/r/packs/ab/", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MKCOL", "/r/packs/cd/", Answer(405)),  # somebody else was faster
                ("MOVE", "/r/TEMP", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                (
                    "MKCOL",
                    "/r/packs/ef/",
                    Answer(403),
                ),  # does its MOVE make folders? That will tell.
                ("MOVE", "/r/TEMP", Answer(201)),
            ],
            lambda backend: [backend.put(f"packs/{n}/1", DATA) for n in ("ab", "cd", "ef")],
        )

    @pytest.mark.parametrize("status", [403, 404, 409, 500])
    def test_the_remotes_own_folder_is_made(self, status: int) -> None:
        self.run(
            [
                ("PUT", "/r/TEMP", Answer(status)),
                ("MKCOL", "/r/", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
            ],
            lambda backend: backend.put("x", DATA),
        )

    def test_nothing_above_the_remote_is_made(self) -> None:
        def ask(backend: HttpBackend) -> None:
            with pytest.raises(RemoteRefused, match="the folder that it should stand in"):
                backend.put("x", DATA)

        steps = [("PUT", "/r/TEMP", Answer(409)), ("MKCOL", "/r/", Answer(409))]
        self.run([*steps, ("DELETE", "/r/TEMP", Answer(404))], ask)

    def test_a_folder_that_has_gone_since_is_made_again(self) -> None:
        self.run(
            [
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(409)),
                ("MKCOL", "/r/packs/", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
            ],
            lambda backend: [backend.put(f"packs/{n}", DATA) for n in range(2)],
        )

    @pytest.mark.parametrize("status", [403, 500])
    def test_a_refusal_in_a_folder_that_is_there_is_one(self, status: int) -> None:
        def ask(backend: HttpBackend) -> None:
            backend.put("packs/1", DATA)
            with pytest.raises(RemoteError):
                backend.put("packs/2", DATA)

        self.run(
            [
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(status)),
                ("DELETE", "/r/TEMP", Answer(204)),
            ],
            ask,
        )

    @pytest.mark.parametrize("status", [400, 502])
    def test_a_server_that_does_not_know_its_own_address_is_told_the_path(
        self, status: int
    ) -> None:
        server = self.run(
            [
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(status)),
                ("MOVE", "/r/TEMP", Answer(201)),
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(201)),
            ],
            lambda backend: [backend.put(key, DATA) for key in ("x", "y")],
        )
        assert [one.headers.get("destination") for one in server.asked] == [
            None,
            f"{server.url}/r/x",
            "/r/x",
            None,
            "/r/y",
        ]

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (413, RemoteRefused),
            (507, RemoteRefused),
            (503, RemoteUnavailable),
            (423, RemoteUnavailable),
        ],
    )
    def test_an_upload_that_fails_is_cleared_away(self, status: int, kind: type[MlvcError]) -> None:
        def ask(backend: HttpBackend) -> None:
            with pytest.raises(kind):
                backend.put("x", DATA)

        self.run(
            [("PUT", "/r/TEMP", Answer(status)), ("DELETE", "/r/TEMP", Answer(404))],
            ask,
        )
        self.run(
            [
                ("PUT", "/r/TEMP", Answer(201)),
                ("MOVE", "/r/TEMP", Answer(status)),
                ("DELETE", "/r/TEMP", Answer(204)),
            ],
            ask,
        )

    def test_a_file_that_cannot_be_read_is_the_users(self, tmp_path: Path) -> None:
        def ask(backend: HttpBackend) -> None:
            with pytest.raises(InputError):
                backend.put("x", tmp_path / "nothing")

        self.run([], ask)

    @pytest.mark.parametrize("status", [207, 409, 403])
    def test_a_delete_that_is_refused_is_not_done(self, status: int) -> None:
        def ask(backend: HttpBackend) -> None:
            with pytest.raises(RemoteRefused):
                backend.delete("x")

        self.run([("DELETE", "/r/x", Answer(status))], ask)


def told(*entries: str) -> Answer:
    body = f'<?xml version="1.0"?><m:multistatus xmlns:m="DAV:">{"".join(entries)}</m:multistatus>'
    return Answer(207, body.encode(), {"Content-Type": "application/xml"})


def folder(href: str) -> str:
    return _entry(href, "<m:resourcetype><m:collection/></m:resourcetype>")


def file(href: str, size: int | str = 5) -> str:
    return _entry(href, f"<m:resourcetype/><m:getcontentlength>{size}</m:getcontentlength>")


def _entry(href: str, properties: str) -> str:
    return (
        f"<m:response><m:href>{href}</m:href>"
        f"<m:propstat><m:prop>{properties}</m:prop><m:status>HTTP/1.1 200 OK</m:status></m:propstat>"
        "<m:propstat><m:prop><m:getcontentlength>99</m:getcontentlength></m:prop>"
        "<m:status>HTTP/1.1 404 Not Found</m:status></m:propstat></m:response>"
    )


class TestListing:
    def listed(self, answers: Mapping[str, Answer], prefix: str = "packs/") -> list[Listed]:
        """By a server that gives one folder at a time."""

        def script(asked: Asked) -> Answer:
            if asked.headers.get("depth") == "infinity":
                return Answer(403)
            if asked.method == "PROPFIND":
                assert asked.headers["depth"] == "1"
                assert b"getcontentlength" in asked.body
            return answers[asked.path]

        with opened(script, {"webdav": "true"}) as (backend, _):
            return sorted(backend.list(prefix))

    def test_goes_down_folder_by_folder(self) -> None:
        folders = {f"/r/packs/{n:02x}/": n for n in range(40)}
        answers = {
            here: told(folder(here), file(f"{here}y", size)) for here, size in folders.items()
        }
        top = told(folder("/r/packs/"), *map(folder, folders), file("/r/packs/x"))
        assert self.listed({"/r/packs/": top, **answers}) == sorted(
            [Listed("packs/x", 5), *(Listed(f"packs/{n:02x}/y", n) for n in range(40))]
        )

    def test_one_folder_that_cannot_be_listed_is_not_left_out(self) -> None:
        folders = [f"/r/packs/{n:02x}/" for n in range(40)]
        answers = {here: told(folder(here)) for here in folders}
        answers[folders[20]] = Answer(500)
        with pytest.raises(RemoteUnavailable):
            self.listed({"/r/packs/": told(folder("/r/packs/"), *map(folder, folders)), **answers})

    def test_comes_in_one_answer_where_the_server_gives_that(self) -> None:
        answer = told(
            folder("/r/packs/"),
            folder("/r/packs/ab/"),
            file("/r/packs/ab/y", 7),
            file("/r/packs/x"),
        )
        with opened(always(answer), {"webdav": "true"}) as (backend, server):
            assert sorted(backend.list("packs/")) == [
                Listed("packs/ab/y", 7),
                Listed("packs/x", 5),
            ]
            assert [one.headers["depth"] for one in server.asked] == ["infinity"]
            assert can(backend, Capability.FLAT_LIST)

    def test_an_answer_that_is_not_as_deep_as_it_should_be_is_completed(self) -> None:
        def script(asked: Asked) -> Answer:
            if asked.path == "/r/packs/":
                return told(folder("/r/packs/"), folder("/r/packs/ab/"))
            assert asked.headers["depth"] == "1"
            return told(folder("/r/packs/ab/"), file("/r/packs/ab/y"))

        with opened(script, {"webdav": "true"}) as (backend, _):
            assert list(backend.list("packs/")) == [Listed("packs/ab/y", 5)]

    @pytest.mark.parametrize("status", [400, 403, 405, 501, 507])
    def test_what_was_refused_once_is_not_asked_for_again(self, status: int) -> None:
        def script(asked: Asked) -> Answer:
            if asked.headers["depth"] == "infinity":
                return Answer(status)
            return told(folder("/r/"))

        with opened(script, {"webdav": "true"}) as (backend, server):
            assert list(backend.list("")) == list(backend.list("")) == []
            assert [one.headers["depth"] for one in server.asked] == ["infinity", "1", "1"]
            assert Capability.FLAT_LIST not in backend.capabilities

    def test_nginx_is_not_even_asked(self) -> None:
        def script(asked: Asked) -> Answer:
            answer = Answer(200) if asked.method == "HEAD" else told(folder("/r/"))
            return replace(answer, headers={"Server": "nginx/1.22.1"})

        with opened(script, {"webdav": "true"}) as (backend, server):
            backend.stat("x")
            assert list(backend.list("")) == []
            assert [one.headers.get("depth") for one in server.asked] == [None, "1"]

    @pytest.mark.parametrize(
        "top",
        [
            "/r/packs",
            "http://other.example:1/r/packs/",
            "/%72/pack%73/",
            "//r//packs/",
            "/in/packs/",
        ],
    )
    def test_addresses_may_be_written_in_any_way(self, top: str) -> None:
        inside = top.rstrip("/") + "/x"
        if top.startswith("//"):
            top, inside = "http://h//r//packs/", "http://h//r//packs//x"
        assert self.listed({"/r/packs/": told(folder(top), file(inside))}) == [Listed("packs/x", 5)]

    def test_a_folder_that_is_not_there_is_empty(self) -> None:
        assert self.listed({"/r/packs/": Answer(404)}) == []

    def test_a_size_that_is_not_told_is_asked_for(self) -> None:
        assert self.listed(
            {
                "/r/packs/": told(
                    folder("/r/packs/"), file("/r/packs/x", ""), file("/r/packs/y", "")
                ),
                "/r/packs/x": Answer(200, b"123"),
                "/r/packs/y": Answer(404),
            }
        ) == [Listed("packs/x", 3)]

    def test_names_that_are_none_of_ours_are_left_out(self) -> None:
        names = ["_temp", ".x", "A", "a%2Fb", "%2e%2e", "a%00", "", "x" * 250]
        entries = [file(f"/r/packs/{name}") for name in names if name]
        gone = "<m:response><m:href>/r/packs/gone</m:href><m:status>HTTP/1.1 404 Not Found</m:status></m:response>"
        assert self.listed({"/r/packs/": told(folder("/r/packs/"), *entries, gone)}) == []

    @pytest.mark.parametrize(
        "answer",
        [
            told(),
            told(file("/r/packs/x")),  # an empty list must not come of it
            told(folder("/elsewhere/"), file("/elsewhere/x")),
            told(folder("/r/packs/ab/")),
            told(folder("/r/packs/"), file("/r/segments/x")),
            told(folder("/r/packs/"), file("/r/packs/ab/x")),
            Answer(200, b"<html/>", HTML),
            Answer(403),
        ],
    )
    def test_of_another_folder_is_refused(self, answer: Answer) -> None:
        with pytest.raises(RemoteRefused):
            self.listed({"/r/packs/": answer})

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html/>",
            b"not xml",
            b'<multistatus xmlns="DAV:">',
            b'<multistatus xmlns="DAV:"><response></multistatus>',
            b'<!DOCTYPE m [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
            b'<multistatus xmlns="DAV:"><response><href>&b;</href></response></multistatus>',
            b'<!DOCTYPE m SYSTEM "file:///etc/passwd"><multistatus xmlns="DAV:"/>',
            b'<multistatus xmlns="DAV:">' + b"<a>" * 50,
            b'<multistatus xmlns="DAV:"><response><href>' + b"x" * 20_000,
        ],
    )
    def test_what_is_no_listing_is_unknown(self, body: bytes) -> None:
        with pytest.raises(RemoteUnavailable, match="listing"):
            self.listed({"/r/packs/": Answer(207, body)})

    def test_folders_without_end_come_to_one(self) -> None:
        def script(asked: Asked) -> Answer:
            return told(folder(asked.path), folder(asked.path + "a/"))

        with opened(script, {"webdav": "true"}) as (backend, server):
            assert list(backend.list("")) == []
            assert len(server.asked) < 20

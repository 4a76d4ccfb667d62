"""What every driver that speaks HTTP promises when the network or the server has a bad day.

A driver's test class gives it a `faulty` fixture (support/faulty_place.py). Each fault meets each verb at each of the
requests that the verb makes: it ends in the right outcome after a retry, or in one RemoteError of the right
class; never in wrong bytes where the driver can know, never in success for something that is not there.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.fault_proxy import (
    Answer,
    Drip,
    Fault,
    FaultProxy,
    FlipBit,
    Gzip,
    Lost,
    Overlong,
    Reset,
    ResetRequest,
    ResetResponse,
    Stall,
    StallRequest,
    Truncate,
    page,
    redirect,
    retry_after,
)
from support.faulty_place import Faulty

from git_mlvc.backend.base import Capability, Listed, NotFound, Stat
from git_mlvc.errors import RemoteError, RemoteRefused, RemoteUnavailable

HANG_S = 60.0  # no verb may take longer, whatever happens to it
SIZE = 300_000
DATA = secrets.token_bytes(SIZE)
LAST_CENTURY = "Fri, 31 Dec 1999 23:59:59 GMT"

PASSING: dict[str, tuple[Fault, ...]] = {
    "500, then 503": (Answer(500, body=b"oops"), Answer(503)),
    "502 with a page": (Answer(502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>"),),
    "429 with seconds": (retry_after("3"),),
    "429 with a date": (retry_after(LAST_CENTURY),),
    "503 with Retry-After": (retry_after("1", 503),),
    "reset before the answer": (Reset(), Reset()),
    "reset in the answer": (ResetResponse(),),
    "reset after a few bytes": (ResetResponse(10),),
    "reset in the request": (ResetRequest(1000),),
    "the answer is lost": (Lost(),),
    "half of the body": (Truncate(),),
}
SILENT: dict[str, Fault] = {"before the answer": Stall(), "in the body": Stall(1000)}
# What a client cannot always see; where it can, it must.
ALTERED: dict[str, Fault] = {
    "half of the body, called whole": Truncate(honest=False),
    "more than there is": Overlong(),
    "a flipped bit": FlipBit(),
    "compressed unasked": Gzip(),
    "a page": page(),
}
READING = ("get", "get_range", "get_file", "stat", "list")
WRITING = ("put", "put_file", "put_if_absent", "delete")


@dataclass
class Verb:
    """One verb on one key, and how its outcome is judged."""

    faulty: Faulty
    scratch: Path
    key: str

    def prepare(self, verb: str) -> None:
        if verb in READING or verb == "delete":
            self.faulty.truth.put(self.key, DATA)

    def do(self, verb: str) -> Any:
        backend = self.faulty.backend
        match verb:
            case "get":
                return backend.get(self.key)
            case "get_range":
                return backend.get_range(self.key, 100, 50_000)
            case "get_file":
                with (self.scratch / "target").open("w+b") as target:
                    backend.get_file(self.key, target.fileno())
                return (self.scratch / "target").read_bytes()
            case "stat":
                return backend.stat(self.key)
            case "list":
                return list(backend.list(self.folder))
            case "put":
                return backend.put(self.key, DATA)
            case "put_file":
                (self.scratch / "source").write_bytes(DATA)
                return backend.put(self.key, self.scratch / "source")
            case "put_if_absent":
                return backend.put_if_absent(self.key, DATA)
            case "delete":
                return backend.delete(self.key)

    @property
    def folder(self) -> str:
        return self.key.rpartition("/")[0] + "/"

    def check(self, verb: str, came: Any) -> None:
        """Judge what a verb returned without an error."""
        match verb:
            case "get" | "get_file":
                assert came == DATA
            case "get_range":
                assert came == DATA[100:50_100]
            case "stat":
                assert came == Stat(SIZE)
            case "list":
                assert came == [Listed(self.key, SIZE)]
            case "put_if_absent" if came is False:
                # Whoever is told this compares: there are servers that keep what broke off.
                assert self.faulty.truth.stat(self.key) is not None
            case "put" | "put_file" | "put_if_absent":
                assert self.faulty.truth.get(self.key) == DATA
            case "delete":
                assert self.faulty.truth.stat(self.key) is None


class QuickFaultContract:
    """What takes no waiting."""

    # Requests after the first of a verb are met as well; more than so many are not.
    requests_met = 4

    @pytest.fixture(autouse=True)
    def no_rules_of_others(self, faulty: Faulty) -> Iterator[None]:
        faulty.proxy.rules.clear()
        yield
        faulty.proxy.rules.clear()

    @pytest.fixture
    def met(
        self, faulty: Faulty, tmp_path: Path
    ) -> Callable[[str, tuple[Fault, ...]], Iterator[Verb]]:
        """Return what yields a prepared verb for each request that it makes, the faults waiting there."""

        def verbs(verb: str, faults: tuple[Fault, ...], times: int = 1) -> Iterator[Verb]:
            _need(faulty, verb)
            plain = Verb(faulty, tmp_path, _key())
            plain.prepare(verb)
            faulty.proxy.rules.clear()
            before = len(faulty.proxy.requests)
            plain.check(verb, plain.do(verb))
            requests = len(faulty.proxy.requests) - before
            assert requests
            for at in range(min(requests, self.requests_met)):
                one = Verb(faulty, tmp_path, _key())
                one.prepare(verb)
                faulty.proxy.rules.clear()
                for fault in faults:
                    faulty.proxy.rules.add(fault, skip=at, times=times)
                yield one
                faulty.proxy.rules.clear()

        return verbs

    @pytest.mark.parametrize("name", PASSING)
    @pytest.mark.parametrize("verb", (*READING, *WRITING))
    def test_what_passes_is_overcome(self, met: Any, verb: str, name: str) -> None:
        for one in met(verb, PASSING[name]):
            one.check(verb, within(HANG_S, lambda one=one: one.do(verb)))

    @pytest.mark.parametrize("name", ALTERED)
    @pytest.mark.parametrize("verb", READING)
    def test_what_was_altered_is_right_or_refused_where_that_can_be_seen(
        self, met: Any, verb: str, name: str
    ) -> None:
        times = -1 if name == "a page" else 1  # who has to log in first sees nothing else
        for one in met(verb, (ALTERED[name],), times=times):
            try:
                came = within(HANG_S, lambda one=one: one.do(verb))
            except RemoteError as exc:
                self.check_message(one.faulty, exc)
                continue
            if name == "compressed unasked" and verb != "stat":
                one.check(verb, came)
            elif verb == "get_range":
                assert len(came) <= 50_000
                assert name in {"a flipped bit", "a page"} or came == DATA[100:50_100]
            elif verb == "list":
                # A flipped bit may stand in what a listing says of a date; never is half of it all of it.
                assert came == [Listed(one.key, SIZE)] or name == "a flipped bit"

    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize("verb", (*READING, *WRITING))
    def test_who_is_not_let_in_is_refused_at_once(
        self, faulty: Faulty, tmp_path: Path, verb: str, status: int
    ) -> None:
        _need(faulty, verb)
        one = Verb(faulty, tmp_path, _key())
        one.prepare(verb)
        faulty.proxy.rules.add(
            Answer(status, body=b"<Error><Code>AccessDenied</Code></Error>"), times=-1
        )
        before = len(faulty.proxy.requests)
        with pytest.raises(RemoteRefused) as caught:
            within(HANG_S, lambda: one.do(verb))
        assert not isinstance(caught.value, NotFound)
        assert len(faulty.proxy.requests) - before <= 3  # no burst of tries: accounts get locked
        self.check_message(faulty, caught.value)

    @pytest.mark.parametrize("verb", ["put", "put_if_absent"])
    @pytest.mark.parametrize("status", [400, 404, 405, 409, 412, 413, 501, 507])
    def test_a_put_that_is_refused_is_not_reported_as_done(
        self, faulty: Faulty, tmp_path: Path, verb: str, status: int
    ) -> None:
        _need(faulty, verb)
        one = Verb(faulty, tmp_path, _key())
        faulty.proxy.rules.add(Answer(status), method="PUT|POST|MOVE", times=-1)
        try:
            said = within(HANG_S, lambda: one.do(verb))
        except RemoteError as exc:
            self.check_message(faulty, exc)
        else:
            assert verb == "put_if_absent" and said is False  # something is there: look and compare

    def test_what_appears_late_is_found_when_asked_again(self, met: Any) -> None:
        for one in met("get", (Answer(404), Answer(404))):
            with pytest.raises(RemoteError):
                within(HANG_S, lambda one=one: one.do("get"))
            one.faulty.proxy.rules.clear()
            one.check("get", one.do("get"))
            return

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("verb", ["get", "stat", "put"])
    def test_another_host_gets_no_credentials(
        self, faulty: Faulty, tmp_path: Path, verb: str, status: int
    ) -> None:
        _need(faulty, verb)
        one = Verb(faulty, tmp_path, _key())
        one.prepare(verb)
        with FaultProxy(None) as elsewhere:
            where = f"http://localhost:{elsewhere.port}/x"
            faulty.proxy.rules.add(redirect(where, status), times=-1)
            try:
                within(HANG_S, lambda: one.do(verb))
            except RemoteError as exc:
                self.check_message(faulty, exc)
            told = [*(str(dict(one.headers)) for one in elsewhere.requests)]
            assert not any(one.sent_authorization for one in elsewhere.requests)
            assert not any(secret in text for secret in faulty.secrets for text in told)

    def check_message(self, faulty: Faulty, error: RemoteError) -> None:
        """What happened and why, without secrets, on few lines."""
        said = f"{error.what}\n{error.why}\n{error.hint}\n{error!r}\n{faulty.backend.url}"
        assert error.what and len(said) < 2000
        for secret in faulty.secrets:
            assert secret not in said


class FaultContract(QuickFaultContract):
    """All of it: silence, slowness and long outages as well."""

    @pytest.mark.parametrize("name", SILENT)
    @pytest.mark.parametrize("verb", ["get_file", "stat", "list", "put"])
    def test_silence_ends(self, met: Any, verb: str, name: str) -> None:
        for one in met(verb, (SILENT[name],)):
            one.check(verb, within(HANG_S, lambda one=one: one.do(verb)))

    def test_a_server_that_stops_reading_is_noticed(self, met: Any, tmp_path: Path) -> None:
        for one in met("put", (StallRequest(1000),)):
            one.check("put", within(HANG_S, lambda one=one: one.do("put")))

    def test_silence_for_ever_is_unavailable(self, met: Any) -> None:
        for one in met("stat", (Stall(),), times=-1):
            with pytest.raises(RemoteUnavailable):
                within(HANG_S, lambda one=one: one.do("stat"))
            return

    @pytest.mark.parametrize("verb", ["get", "get_file"])
    def test_slow_is_not_silent(self, met: Any, verb: str) -> None:
        for one in met(verb, (Drip(pieces=12, pause_s=0.15),)):
            one.check(verb, within(HANG_S, lambda one=one: one.do(verb)))
            return

    @pytest.mark.parametrize("verb", (*READING, *WRITING))
    def test_who_is_down_is_unavailable(self, faulty: Faulty, tmp_path: Path, verb: str) -> None:
        _need(faulty, verb)
        one = Verb(faulty, tmp_path, _key())
        one.prepare(verb)
        faulty.proxy.rules.add(Answer(503), times=-1)
        before = len(faulty.proxy.requests)
        with pytest.raises(RemoteUnavailable) as caught:
            within(HANG_S, lambda: one.do(verb))
        assert 2 <= len(faulty.proxy.requests) - before <= 60
        self.check_message(faulty, caught.value)

    @pytest.mark.parametrize("verb", READING)
    def test_nobody_there_is_unavailable(self, faulty: Faulty, tmp_path: Path, verb: str) -> None:
        _need(faulty, verb)
        one = Verb(faulty, tmp_path, _key())
        with faulty.proxy.refusing(), pytest.raises(RemoteUnavailable) as caught:
            within(HANG_S, lambda: one.do(verb))
        self.check_message(faulty, caught.value)


def within(seconds: float, ask: Callable[[], Any]) -> Any:
    """Return or raise what `ask` does; fail the test when it hangs."""
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, ask()))
        except BaseException as exc:
            outcome.append((False, exc))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"nothing came back for {seconds} s"
    is_value, value = outcome[0]
    if is_value:
        return value
    raise value


def _key() -> str:
    return f"packs/{secrets.token_hex(6)}/{secrets.token_hex(12)}"


def _need(faulty: Faulty, verb: str) -> None:
    wanted = {
        "list": Capability.LIST,
        "delete": Capability.DELETE,
        **dict.fromkeys(("put", "put_file", "put_if_absent"), Capability.WRITE),
    }.get(verb)
    if wanted is not None and wanted not in faulty.backend.capabilities:
        pytest.skip(f"{faulty.backend.url} does not declare: {wanted.value}")

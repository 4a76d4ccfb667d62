"""Trying again, and backends that are only read."""

from __future__ import annotations

import pytest
from support.faulty_backend import FaultyBackend

from git_mlvc.backend.base import Capability, Listed, Offline, Stat, Throttled
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.read_only import ReadOnly
from git_mlvc.backend.wrap.retry import Retry
from git_mlvc.errors import RemoteRefused, RemoteUnavailable


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def retry(faulty: FaultyBackend, clock: Clock, **options: float) -> Retry:
    return Retry(faulty, sleep=clock.sleep, clock=clock, jitter=lambda: 1.0, **options)  # type: ignore[arg-type]


def test_pauses_grow_twofold() -> None:
    clock = Clock()
    faulty = FaultyBackend(MemoryBackend(), "EEEE.")
    retry(faulty, clock).put("format", b"x")
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


def test_patience_ends_with_the_last_error() -> None:
    clock = Clock()
    faulty = FaultyBackend(MemoryBackend(), then="E")
    with pytest.raises(RemoteUnavailable, match="503"):
        retry(faulty, clock).get("format")
    assert faulty.calls["get"] == 5


def test_a_refusal_is_not_repeated() -> None:
    faulty = FaultyBackend(MemoryBackend(), "R")
    with pytest.raises(RemoteRefused):
        retry(faulty, Clock()).put("format", b"x")
    assert faulty.calls["put"] == 1


class Unplugged(MemoryBackend):
    def get(self, key: str) -> bytes:
        raise Offline("the disk is not mounted")


def test_what_is_not_there_at_all_is_not_waited_for() -> None:
    clock = Clock()
    with pytest.raises(Offline):
        Retry(Unplugged(), sleep=clock.sleep, clock=clock).get("format")
    assert clock.slept == []


class Busy(MemoryBackend):
    asked = 0

    def get(self, key: str) -> bytes:
        self.asked += 1
        if self.asked < 3:
            raise Throttled("slow down", retry_after_s=30)
        return b"x"


def patient(busy: MemoryBackend, clock: Clock, **options: float) -> Retry:
    return Retry(busy, sleep=clock.sleep, clock=clock, jitter=lambda: 0.0, **options)  # type: ignore[arg-type]


def test_what_the_remote_asks_for_is_waited_for() -> None:
    clock = Clock()
    assert patient(Busy(), clock).get("format") == b"x"
    assert clock.slept == [30, 30]


def test_a_remote_that_asks_for_more_than_patience_ends_it_and_is_named_as_the_reason() -> None:
    clock = Clock()
    with pytest.raises(Throttled, match="slow down") as caught:
        patient(Busy(), clock, patience_s=45).get("format")
    assert clock.slept == [30]
    assert "30 s" in caught.value.why
    assert "more than is waited" in caught.value.why


def test_a_remote_that_says_no_number_is_left_alone_longer_each_time() -> None:
    clock = Clock()

    class Full(MemoryBackend):
        def get(self, key: str) -> bytes:
            raise Throttled("503 SlowDown", retry_after_s=0)

    with pytest.raises(Throttled):
        patient(Full(), clock, patience_s=60).get("format")
    assert clock.slept == [0.25 * 2**n for n in range(7)]  # more often than other failures


def test_several_threads_leave_a_busy_remote_alone_together() -> None:
    clock = Clock()
    complaints: list[float] = []
    busy = Busy()
    remote = Retry(
        busy,
        sleep=clock.sleep,
        clock=clock,
        jitter=lambda: 0.0,
        on_throttled=lambda: complaints.append(clock.now),
    )
    asked_at: list[float] = []

    class Elsewhere(MemoryBackend):
        def stat(self, key: str) -> Stat | None:
            asked_at.append(clock.now)
            return None

    busy.stat = Elsewhere().stat  # type: ignore[method-assign]
    first_pause = clock.sleep

    def sleep(seconds: float) -> None:
        if not asked_at and not complaints[1:]:
            # While this thread waits, another one wants something else: it waits as well.
            remote._sleep = first_pause
            remote.stat("format")
        else:
            first_pause(seconds)

    remote._sleep = sleep
    remote.get("format")
    assert asked_at == [30.0]
    assert complaints == [0.0, 30.0]


def test_a_body_that_takes_longer_than_patience_is_tried_again_all_the_same() -> None:
    clock = Clock()

    class Slow(MemoryBackend):
        tries = 0

        def get(self, key: str) -> bytes:
            self.tries += 1
            clock.now += 600
            if self.tries < 3:
                raise RemoteUnavailable("reset at the last byte")
            return b"x"

    assert retry(FaultyBackend(Slow()), clock).get("format") == b"x"


def test_each_pause_is_told() -> None:
    told: list[tuple[str, float]] = []
    remote = Retry(
        FaultyBackend(MemoryBackend(), "EE."),
        sleep=lambda seconds: None,
        jitter=lambda: 1.0,
        on_pause=lambda failure, pause_s: told.append((failure.what, pause_s)),
    )
    remote.put("format", b"x")
    assert told == [("put format failed", 0.5), ("put format failed", 1.0)]


def test_a_put_whose_reply_was_lost_succeeds() -> None:
    memory = MemoryBackend()
    faulty = FaultyBackend(memory, "T.")
    assert retry(faulty, Clock()).put_if_absent("segments/aa", b"x") is False
    assert memory.get("segments/aa") == b"x"


class BreaksInTheMiddle(MemoryBackend):
    asked = 0

    def list(self, prefix: str):  # type: ignore[no-untyped-def]
        self.asked += 1
        yield Listed("segments/aa", 1)
        if self.asked == 1:
            raise RemoteUnavailable("reset")
        yield Listed("segments/bb", 1)


def test_a_listing_that_broke_is_asked_for_again_from_the_start() -> None:
    listing = list(Retry(BreaksInTheMiddle(), sleep=lambda seconds: None).list("segments/"))
    assert [found.key for found in listing] == ["segments/aa", "segments/bb"]


def test_read_only_refuses_writes_and_says_so_in_its_capabilities() -> None:
    memory = MemoryBackend()
    memory.put("format", b"x")
    backend = ReadOnly(memory)
    assert backend.get("format") == b"x"
    assert Capability.WRITE not in backend.capabilities
    for ask in (
        lambda: backend.put("format", b""),
        lambda: backend.put_if_absent("index", b""),
        lambda: backend.delete("format"),
    ):
        with pytest.raises(RemoteRefused, match="reading only"):
            ask()

"""Retry, limit, read-only."""

from __future__ import annotations

import pytest
from support.faulty_backend import FaultyBackend

from git_mlvc.backend.base import Capability, Listed, Offline, Throttled
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.limit import Limit
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


def test_what_the_remote_asks_for_is_waited_for_within_patience() -> None:
    clock = Clock()
    assert Retry(Busy(), sleep=clock.sleep, clock=clock).get("format") == b"x"
    assert clock.slept == [30, 30]
    clock = Clock()
    with pytest.raises(Throttled):
        Retry(Busy(), sleep=clock.sleep, clock=clock, patience_s=45).get("format")
    assert clock.slept == [30]


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


def test_limit_spaces_requests_out() -> None:
    clock = Clock()
    limited = Limit(MemoryBackend(), 100, sleep=clock.sleep, clock=clock)
    limited.put("packs/a", b"x" * 200)
    limited.put("packs/b", b"x" * 100)
    limited.get("packs/a")
    limited.get("packs/b")
    assert clock.slept == [2.0, 1.0, 2.0]


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

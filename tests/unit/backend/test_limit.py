"""What passes: the limit that holds for all threads, and what a progress line shows of it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from git_mlvc.backend.base import Backend
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.meter import BURST_S, Traffic
from git_mlvc.backend.opening import METERED_BYTES
from git_mlvc.errors import RemoteUnavailable
from git_mlvc.progress import Silent


class Clock:
    """Time that passes only in `sleep`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Watched(Silent):
    def __init__(self) -> None:
        self.size_bytes = 0
        self.highest = 0
        self.remarks: list[str] = []

    def advance(self, *, size_bytes: int = 0, files: int = 0) -> None:
        self.size_bytes += size_bytes
        self.highest = max(self.highest, self.size_bytes)

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def limited(rate: int) -> tuple[Traffic, Clock]:
    clock = Clock()
    return Traffic(rate, sleep=clock.sleep, clock=clock), clock


# -- the limit


def test_without_a_limit_nothing_waits() -> None:
    traffic, clock = limited(0)
    traffic.meter(1 << 40)
    assert clock.slept == []


def test_bytes_pass_at_the_rate() -> None:
    traffic, clock = limited(1000)
    for _ in range(100):
        traffic.meter(100)
    assert clock.now - 100.0 == pytest.approx(10.0, abs=BURST_S)
    assert max(clock.slept) == pytest.approx(0.1)  # smoothly: each block for itself


def test_a_silence_does_not_save_up_more_than_a_moment() -> None:
    traffic, clock = limited(1000)
    traffic.meter(1000)
    clock.now += 3600
    before = clock.now
    for _ in range(20):
        traffic.meter(100)
    assert clock.now - before == pytest.approx(2.0 - BURST_S)


def test_threads_share_one_limit() -> None:
    slept: list[float] = []
    traffic = Traffic(1000, sleep=slept.append, clock=lambda: 0.0)  # time stands still
    threads = [threading.Thread(target=traffic.meter, args=(100,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(slept) == pytest.approx(2.0)
    assert len({round(wait, 6) for wait in slept}) == len(slept)  # each after the other


@pytest.mark.parametrize(
    "way", ["put", "put_if_absent", "put bytes", "get", "get_range", "get_file"]
)
def test_a_directory_passes_the_meter_block_by_block(tmp_path: Path, way: str) -> None:
    data = os.urandom(3 * METERED_BYTES + 5)
    source = tmp_path / "source"
    source.write_bytes(data)
    FileBackend(tmp_path / "remote").put("packs/a", data)
    blocks: list[int] = []
    remote: Backend = FileBackend(tmp_path / "remote", meter=blocks.append)
    if way.startswith("get"):
        with (tmp_path / "target").open("w+b") as target:
            got = {
                "get": lambda: remote.get("packs/a"),
                "get_range": lambda: remote.get_range("packs/a", 0, 1 << 30),
                "get_file": lambda: remote.get_file("packs/a", target.fileno()),
            }[way]()
            assert (target.read() if got is None else got) == data
    elif way == "put_if_absent":
        assert remote.put_if_absent("packs/b", source)
    else:
        remote.put("packs/b", data if way == "put bytes" else source)
    assert sum(blocks) == len(data)
    if way not in ("get", "get_range"):  # what is small
        assert max(blocks) <= METERED_BYTES


# -- what is shown


def test_what_is_on_its_way_is_shown_and_taken_back_at_the_end() -> None:
    traffic, watched = Traffic(), Watched()
    with traffic.shown_in(watched):
        with traffic.journey(1000, 4000):
            traffic.meter(250)
            assert watched.size_bytes == 1000
            traffic.meter(10_000)  # more than there is (a handshake, a head) shows as all of it
            assert watched.size_bytes == 4000
        assert watched.size_bytes == 0  # whoever received it counts it


def test_a_try_that_failed_is_not_shown_twice() -> None:
    traffic, watched = Traffic(), Watched()
    with traffic.shown_in(watched), traffic.journey(1000):
        traffic.meter(900)
        traffic.pausing(RemoteUnavailable("reset"), 0.5)
        assert watched.size_bytes == 0
        traffic.meter(600)
        assert watched.size_bytes == 600
    assert watched.highest == 900
    assert watched.remarks == []


def test_a_pause_that_is_felt_is_explained() -> None:
    traffic, watched = Traffic(), Watched()
    with traffic.shown_in(watched):
        traffic.pausing(RemoteUnavailable("cannot reach lab", why="connection refused"), 4.0)
    assert watched.remarks == ["trying again in 4.0 s: cannot reach lab (connection refused)"]


def test_bytes_that_a_library_moves_on_threads_of_its_own_are_shown_too() -> None:
    traffic, watched = Traffic(), Watched()
    with traffic.shown_in(watched), traffic.journey(1000):
        thread = threading.Thread(target=traffic.meter, args=(300,))
        thread.start()
        thread.join()
        assert watched.size_bytes == 300


def test_nobody_watches_after_the_end() -> None:
    traffic, watched = Traffic(), Watched()
    with traffic.shown_in(watched):
        pass
    with traffic.journey(10):
        traffic.meter(10)
    assert watched.highest == 0

"""The pool: bounded, honest about errors, over when its caller is."""

from __future__ import annotations

import threading

import pytest

from git_mlvc.errors import RemoteUnavailable
from git_mlvc.transfer.queue import FEW, MOST, Lanes, Pool


def test_every_job_comes_back_with_its_result() -> None:
    pool: Pool[int, int] = Pool(lambda n: n * n, cost=lambda n: 1)
    assert sorted(pool.run(range(1, 500))) == [(n, n * n) for n in range(1, 500)]


def test_no_jobs_start_no_threads() -> None:
    before = threading.active_count()
    assert list(Pool(lambda n: n, cost=lambda n: 1).run([])) == []
    assert threading.active_count() == before


def test_no_more_bytes_are_in_flight_than_the_budget_allows() -> None:
    lock = threading.Lock()
    taken: list[int] = []
    flying = highest = 0

    def jobs():  # type: ignore[no-untyped-def]
        nonlocal flying, highest
        for _ in range(50):
            with lock:
                flying += 10
                highest = max(highest, flying)
            yield 10

    pool: Pool[int, int] = Pool(lambda n: n, cost=lambda n: n, budget_bytes=35)
    for job, _ in pool.run(jobs()):
        taken.append(job)
        with lock:
            flying -= job
    assert len(taken) == 50
    assert highest <= 50  # 30 in flight, the next one waiting, one being handed over


def test_a_job_dearer_than_the_budget_still_runs() -> None:
    pool: Pool[int, int] = Pool(lambda n: n, cost=lambda n: n, budget_bytes=5)
    assert sorted(pool.run([100, 200])) == [(100, 100), (200, 200)]


def test_our_errors_are_results_and_others_are_raised() -> None:
    def work(n: int) -> int:
        if n == 2:
            raise RemoteUnavailable("no answer")
        if n == 3:
            raise ZeroDivisionError
        return n

    pool: Pool[int, int] = Pool(work, cost=lambda n: 1)
    outcomes = dict(pool.run([1, 2]))
    assert outcomes[1] == 1
    assert isinstance(outcomes[2], RemoteUnavailable)
    with pytest.raises(ZeroDivisionError):
        list(pool.run([3]))


def test_a_caller_that_stops_stops_the_rest() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(n: int) -> int:
        begun.append(n)
        if n:
            gate.wait(10)
        return n

    pool: Pool[int, int] = Pool(work, cost=lambda n: 1, lanes=Lanes(2))
    running = pool.run(range(100))
    next(running)
    running.close()
    gate.set()
    assert len(begun) <= 4


# -- after the request


def test_what_follows_a_request_keeps_no_other_from_the_remote() -> None:
    lanes = Lanes(1)
    begun = {n: threading.Event() for n in range(3)}

    def work(n: int) -> bool:
        begun[n].set()
        pool.leave_lane()
        return n == 2 or begun[n + 1].wait(10)

    pool: Pool[int, bool] = Pool(work, cost=lambda n: 1, lanes=lanes, goes_on=True)
    assert dict(pool.run(range(3))) == {0: True, 1: True, 2: True}


def test_a_lane_is_given_back_once() -> None:
    lanes = Lanes(1)
    lock = threading.Lock()
    at_once = highest = 0

    def work(n: int) -> int:
        nonlocal at_once, highest
        with lock:
            at_once += 1
            highest = max(highest, at_once)
        with lock:
            at_once -= 1
        if n % 3:
            pool.leave_lane()
            pool.leave_lane()
        if n % 2:
            raise RemoteUnavailable("no answer")
        return n

    pool: Pool[int, int] = Pool(work, cost=lambda n: 1, lanes=lanes, goes_on=True)
    assert len(list(pool.run(range(200)))) == 200
    assert highest == 1


# -- how many at once


class Busy:
    """Work that is begun by as many threads as there are lanes before any of it is done."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lock = threading.Lock()
        self._begun = threading.Condition(self._lock)
        self._at_once = 0
        self.highest = 0
        self.released = False

    def __call__(self, n: int) -> int:
        with self._lock:
            self._at_once += 1
            self.highest = max(self.highest, self._at_once)
            self._begun.notify_all()
            self._begun.wait_for(lambda: self.highest >= self._lanes.width or self.released, 10)
            self._at_once -= 1
        return n


@pytest.mark.parametrize("jobs", [1, 3, 11])
def test_a_number_of_jobs_is_kept_to(jobs: int) -> None:
    lanes = Lanes(jobs)
    work = Busy(lanes)
    pool: Pool[int, int] = Pool(work, cost=lambda n: 1, lanes=lanes)
    assert len(list(pool.run(range(50)))) == 50
    assert work.highest == lanes.width == jobs


def test_two_pools_of_one_remote_share_its_lanes() -> None:
    lanes = Lanes(2)
    lock = threading.Lock()
    at_once = highest = 0

    def work(n: int) -> int:
        nonlocal at_once, highest
        with lock:
            at_once += 1
            highest = max(highest, at_once)
        with lock:
            at_once -= 1
        return n

    def run() -> None:
        assert len(list(Pool(work, cost=lambda n: 1, lanes=lanes).run(range(200)))) == 200

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert highest <= 2


class Server:
    """Answers of one size; `seconds(lanes)` is how long one takes when so many are asked at once."""

    def __init__(self, seconds) -> None:  # type: ignore[no-untyped-def]
        self.now = 0.0
        self.lanes = Lanes(clock=lambda: self.now)
        self._seconds = seconds

    def answer(self, rounds: int) -> int:
        for _ in range(rounds):
            width = self.lanes.width
            for _ in range(width):
                self.lanes.enter()
            self.now += self._seconds(width)
            for _ in range(width):
                # All are asked anew at once, as those of a pool with enough to do.
                self.lanes.leave(1 << 20)
                if self.lanes.width == width:
                    self.lanes.enter()
            while self.lanes._taken:
                self.lanes.leave(0)
        return self.lanes.width


def test_lanes_grow_as_long_as_more_comes_through() -> None:
    server = Server(lambda width: 1.0)
    assert server.lanes.width == FEW
    assert server.answer(20) == MOST


def test_lanes_stay_as_they_are_where_more_of_them_gain_nothing() -> None:
    server = Server(lambda width: width / 8)
    assert server.answer(20) <= 2 * FEW


def test_lanes_are_halved_when_the_remote_says_that_it_is_too_much() -> None:
    server = Server(lambda width: 1.0)
    server.answer(20)
    server.lanes.throttled()
    assert server.lanes.width == MOST // 2
    assert server.answer(60) < MOST  # never again as many
    for _ in range(10):
        server.lanes.throttled()
    assert server.lanes.width == 1


def test_a_number_of_jobs_that_was_asked_for_is_not_changed() -> None:
    lanes = Lanes(6)
    lanes.throttled()
    assert lanes.width == 6


def test_too_little_to_do_says_nothing_about_the_remote() -> None:
    lanes = Lanes(clock=lambda: 0.0)
    for _ in range(100):
        lanes.enter()
        lanes.leave(1 << 20)
    assert lanes.width == FEW

"""The pool: bounded, honest about errors, over when its caller is."""

from __future__ import annotations

import threading

import pytest

from git_mlvc.errors import RemoteUnavailable
from git_mlvc.transfer.queue import Pool


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

    pool: Pool[int, int] = Pool(work, cost=lambda n: 1, threads=2)
    running = pool.run(range(100))
    next(running)
    running.close()
    gate.set()
    assert len(begun) <= 4

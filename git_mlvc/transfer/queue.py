"""The only thread pool: many requests at once, bounded by the bytes they hold.

Threads are daemons: Ctrl-C ends the program at once, whatever a server is still thinking about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from git_mlvc.errors import MlvcError

THREADS = 8
BUDGET_BYTES = 32 << 20  # measured: a fetch then stays below 150 MiB and loses no speed
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


class Pool(Generic[_Job, _Result]):
    """Runs `work` over jobs, `threads` at a time, while their `cost` in bytes stays within `budget`.

    A job dearer than the whole budget runs alone.
    """

    def __init__(
        self,
        work: Callable[[_Job], _Result],
        *,
        cost: Callable[[_Job], int],
        threads: int = THREADS,
        budget_bytes: int = BUDGET_BYTES,
    ) -> None:
        self._work = work
        self._cost = cost
        self._threads = threads
        self._budget_bytes = budget_bytes

    def run(self, jobs: Iterable[_Job]) -> Iterator[tuple[_Job, _Result | MlvcError]]:
        """Yield each job with its result as it is done, or with the MlvcError that it raised.

        `jobs` is iterated on the caller's thread, no further ahead than the budget allows. A job's
        bytes count until the caller asks for the next result. Any other exception is raised here.
        """
        tasks: SimpleQueue[_Job | None] = SimpleQueue()
        done: SimpleQueue[tuple[_Job, _Result | BaseException]] = SimpleQueue()
        started = 0
        flying = 0
        flying_bytes = 0
        source = iter(jobs)
        waiting = next(source, None)
        try:
            while waiting is not None or flying:
                while waiting is not None and (
                    not flying
                    or (
                        flying < 2 * self._threads
                        and flying_bytes + self._cost(waiting) <= self._budget_bytes
                    )
                ):
                    flying += 1
                    flying_bytes += self._cost(waiting)
                    tasks.put(waiting)
                    if started < min(self._threads, flying):
                        threading.Thread(
                            target=self._serve, args=(tasks, done), name="transfer", daemon=True
                        ).start()
                        started += 1
                    waiting = next(source, None)
                job, outcome = done.get()
                if isinstance(outcome, BaseException) and not isinstance(outcome, MlvcError):
                    raise outcome
                yield job, outcome
                flying -= 1
                flying_bytes -= self._cost(job)
                del outcome
        finally:
            while not tasks.empty():  # what nobody has begun is not begun
                tasks.get()
            for _ in range(started):
                tasks.put(None)

    def _serve(
        self,
        tasks: SimpleQueue[_Job | None],
        done: SimpleQueue[tuple[_Job, _Result | BaseException]],
    ) -> None:
        while (job := tasks.get()) is not None:
            outcome: _Result | BaseException
            try:
                outcome = self._work(job)
            except BaseException as exc:  # noqa: BLE001 (raised again on the caller's thread)
                outcome = exc
            done.put((job, outcome))
            del job, outcome

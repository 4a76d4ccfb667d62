"""The only thread pool: many requests at once, bounded by the bytes they hold.

How many at once is a value that the workspace hands down (`Lanes`), one for all pools of a remote. Threads are
daemons: Ctrl-C ends the program at once, whatever a server is still thinking about.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Generic, TypeVar

from git_mlvc.errors import MlvcError

FEW = 4
MOST = 32
BUDGET_BYTES = 32 << 20  # measured: a fetch then stays below 150 MiB and loses no speed
REQUEST_BYTES = 64 << 10  # that a request counts for, however small it is
_WORTH_IT = 1.1  # so much faster, or more lanes are no gain
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


class Lanes:
    """How many requests a remote is asked at once, by all pools together.

    `jobs`: so many, always. 0: found out: a few at first, more as long as more come through for it, half as many when
    the remote says that it is too much.
    """

    def __init__(self, jobs: int = 0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._is_fixed = jobs > 0
        self._width = jobs or FEW
        self._most = MOST
        self._clock = clock
        self._free = threading.Condition()
        self._taken = 0
        self._best_rate = 0.0
        self._is_growing = True
        self._begin_window()

    @property
    def width(self) -> int:
        return self._width

    def enter(self) -> None:
        """Wait for a lane and take it."""
        with self._free:
            while self._taken >= self._width:
                self._free.wait()
            self._taken += 1

    def leave(self, size_bytes: int) -> None:
        """Give the lane back, after a request of about so many bytes."""
        with self._free:
            if not self._is_fixed:
                self._learn(max(size_bytes, REQUEST_BYTES))
            self._taken -= 1
            self._free.notify_all()

    def throttled(self) -> None:
        """The remote asks for less: from now on half as many at once, and never again as many."""
        with self._free:
            if self._is_fixed:
                return
            self._most = max(1, self._width - 1)
            self._width = max(1, self._width // 2)
            self._is_growing = True
            self._best_rate = 0.0
            self._begin_window()

    def _learn(self, size_bytes: int) -> None:
        if self._taken < self._width:
            self._begin_window()  # there was not enough to do: that says nothing
            return
        self._window_bytes += size_bytes
        self._window_requests += 1
        if self._window_requests < self._width:
            return
        elapsed_s = self._clock() - self._window_began
        rate = self._window_bytes / elapsed_s if elapsed_s > 0 else float("inf")
        if self._is_growing and rate >= _WORTH_IT * self._best_rate:
            # Doubling until the remote has complained once, then one by one.
            step = self._width if self._most == MOST else 1
            self._width = min(self._width + step, self._most)
        else:
            self._is_growing = False
        self._best_rate = max(self._best_rate, rate)
        self._begin_window()

    def _begin_window(self) -> None:
        self._window_began = self._clock()
        self._window_bytes = 0
        self._window_requests = 0


class Pool(Generic[_Job, _Result]):
    """Runs `work` over jobs, in so many `lanes`, while their `cost` in bytes stays within `budget`.

    A job dearer than the whole budget runs alone. `work` must not run a pool in the same lanes.
    `goes_on`: it has more to do when its request is over, and calls `leave_lane` then.
    """

    def __init__(
        self,
        work: Callable[[_Job], _Result],
        *,
        cost: Callable[[_Job], int],
        lanes: Lanes | None = None,
        budget_bytes: int = BUDGET_BYTES,
        goes_on: bool = False,
    ) -> None:
        self._work = work
        self._cost = cost
        self._lanes = lanes or Lanes()
        self._budget_bytes = budget_bytes
        self._goes_on = goes_on
        self._here = threading.local()  # `cost`: of the request that this thread holds a lane for

    def leave_lane(self) -> None:
        """For `work`, on its own thread: the request is over, somebody else's may begin."""
        cost: int | None = getattr(self._here, "cost", None)
        if cost is not None:
            self._here.cost = None
            self._lanes.leave(cost)

    def run(self, jobs: Iterable[_Job]) -> Iterator[tuple[_Job, _Result | MlvcError]]:
        """Yield each job with its result as it is done, or with the MlvcError that it raised.

        `jobs` is iterated on the caller's thread, no further ahead than the budget allows. A job's
        bytes count until the caller asks for the next result. Any other exception is raised here.
        """
        tasks: SimpleQueue[_Job | None] = SimpleQueue()
        done: SimpleQueue[tuple[_Job, _Result | BaseException]] = SimpleQueue()
        stopped = threading.Event()
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
                        flying < 2 * self._lanes.width
                        and flying_bytes + self._cost(waiting) <= self._budget_bytes
                    )
                ):
                    flying += 1
                    flying_bytes += self._cost(waiting)
                    tasks.put(waiting)
                    width = self._lanes.width
                    if started < min(2 * width if self._goes_on else width, flying):
                        threading.Thread(
                            target=self._serve,
                            args=(tasks, done, stopped),
                            name="transfer",
                            daemon=True,
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
            stopped.set()  # what nobody has begun is not begun
            while not tasks.empty():
                tasks.get()
            for _ in range(started):
                tasks.put(None)

    def _serve(
        self,
        tasks: SimpleQueue[_Job | None],
        done: SimpleQueue[tuple[_Job, _Result | BaseException]],
        stopped: threading.Event,
    ) -> None:
        while (job := tasks.get()) is not None:
            outcome: _Result | BaseException
            self._lanes.enter()
            self._here.cost = self._cost(job)
            try:
                if stopped.is_set():
                    return
                outcome = self._work(job)
            except BaseException as exc:  # noqa: BLE001 (raised again on the caller's thread)
                outcome = exc
            finally:
                self.leave_lane()
            done.put((job, outcome))
            del job, outcome

"""All jobs that run at once, looked after by one thread: their output, their ends, their time limits."""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum

from git_mlvc.pipeline.running.guardian import Guardian
from git_mlvc.pipeline.running.running_job import Ended, Job, Listener, RunningJob


class Haste(IntEnum):
    """How what runs is to end."""

    NONE = 0
    STOP = 1
    KILL = 2


@dataclass(eq=False, slots=True)
class _Entry:
    job: RunningJob
    listener: Listener
    future: Future[Ended]
    registered: set[int] = field(default_factory=set)


class Processes:
    """`run` from any thread; all listeners are told from the one thread in here.

    `held_fds`: gives the descriptors of locks that stay locked while anything of ours runs, even if we are killed.
    `tick` is called every `tick_s` seconds while something runs, from that thread too.
    """

    def __init__(
        self,
        held_fds: Callable[[], Sequence[int]] = tuple,
        *,
        tick: Callable[[], None] | None = None,
        tick_s: float | None = None,
    ) -> None:
        self._guardian = Guardian(held_fds)
        self._tick = tick
        self._tick_s = tick_s
        self._next_tick = 0.0
        self._orders: deque[tuple[Job, Listener, Future[Ended]]] = deque()
        self._haste = self._haste_seen = Haste.NONE
        self._is_paused = False
        self._pauses_s: deque[float] = deque()
        self._is_closing = self._is_broken = False
        self._entries: set[_Entry] = set()
        self._selector = selectors.DefaultSelector()
        self._wake_fd, self._waker_fd = os.pipe()
        for fd in (self._wake_fd, self._waker_fd):
            os.set_blocking(fd, False)
        self._selector.register(self._wake_fd, selectors.EVENT_READ, None)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, job: Job, listener: Listener) -> Ended:
        """Run to the end of all that it started. If this is interrupted, what runs is stopped first."""
        future: Future[Ended] = Future()
        with self._starting:
            if self._is_broken:
                return _never_started(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_after, name="stages", daemon=True)
                self._thread.start()
            self._orders.append((job, listener, future))
        self._wake()
        try:
            return future.result()
        except BaseException:
            if not future.done():
                self.stop()
                future.result()
            raise

    def stop(self, *, at_once: bool = False) -> None:
        """Stop all that runs, or kill it, and start nothing any more.

        Returns at once. May be called from any thread, and from a signal handler.
        """
        self._haste = max(self._haste, Haste.KILL if at_once else Haste.STOP)
        self._wake()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing runs meanwhile, and no time passes for it. May be used in a signal handler."""
        self._is_paused = True
        began = time.monotonic()
        for entry in list(self._entries):
            entry.job.pause()
        try:
            yield
        finally:
            self._pauses_s.append(time.monotonic() - began)
            for entry in list(self._entries):
                entry.job.resume()
            self._is_paused = False
            self._wake()

    @property
    def is_stopping(self) -> bool:
        return self._haste > Haste.NONE

    @property
    def is_busy(self) -> bool:
        return bool(self._entries or self._orders)

    def close(self) -> None:
        """Kill what still runs, and wait for it."""
        self._is_closing = True
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self._guardian.close()
        self._selector.close()
        os.close(self._wake_fd)
        os.close(self._waker_fd)

    # -- in the thread

    def _look_after(self) -> None:
        try:
            while not (self._is_closing and not self.is_busy):
                self._turn()
        except BaseException as exc:  # noqa: BLE001 - carried to those who wait for an end
            self._fail(exc)

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._wait_s()):
            entry: _Entry | None = key.data
            if entry is None:
                self._drain_wake()
            elif key.fd == entry.job.output_fd:
                entry.job.read()
            elif key.fd == entry.job.exit_fd:
                entry.job.see_exit(time.monotonic())
        if self._is_paused:
            return
        while self._pauses_s:
            paused_s = self._pauses_s.popleft()
            for entry in self._entries:
                entry.job.forget_time(paused_s)
        self._take_orders()
        now = time.monotonic()
        self._take_stops(now)
        for entry in list(self._entries):
            if (due := entry.job.due) is not None and due <= now:
                entry.job.look(now)
            self._follow(entry)
        if self._tick is not None and self._entries and now >= self._next_tick:
            self._next_tick = now + (self._tick_s or 0.0)
            self._tick()

    def _take_orders(self) -> None:
        while self._orders:
            job, listener, future = self._orders[0]
            if self._haste or self._is_closing:
                future.set_result(_never_started(job))
            else:
                now = time.monotonic()
                running = RunningJob(job, listener, self._guardian, now)
                entry = _Entry(running, listener, future)
                self._entries.add(entry)
                listener.started()
                entry.job.start(now)
            self._orders.popleft()

    def _take_stops(self, now: float) -> None:
        if self._is_closing:
            self._haste = Haste.KILL
        if self._haste > self._haste_seen:
            self._haste_seen = self._haste
            for entry in self._entries:
                entry.job.stop(now, at_once=self._haste is Haste.KILL)

    def _follow(self, entry: _Entry) -> None:
        """Listen to the descriptors that the job has now."""
        job = entry.job
        wanted = {fd for fd in (job.output_fd, job.exit_fd) if fd is not None}
        if job.ended is not None:
            wanted = set()
        for fd in entry.registered - wanted:
            self._selector.unregister(fd)
        while job.done_fds:
            os.close(job.done_fds.pop())
        for fd in wanted - entry.registered:
            self._selector.register(fd, selectors.EVENT_READ, entry)
        entry.registered = wanted
        if job.ended is not None:
            job.close()
            entry.listener.ended(job.ended)
            self._entries.discard(entry)
            entry.future.set_result(job.ended)

    def _wait_s(self) -> float | None:
        if self._is_paused:
            return None
        times = [due for entry in self._entries if (due := entry.job.due) is not None]
        if self._tick is not None and self._entries:
            times.append(self._next_tick)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _fail(self, exc: BaseException) -> None:
        self._haste = Haste.KILL
        futures = {entry.future for entry in self._entries}
        for entry in self._entries:
            entry.job.give_up()
        self._entries.clear()
        with self._starting:
            self._is_broken = True
            while self._orders:  # the one that was being started is in both
                futures.add(self._orders.popleft()[2])
        for future in futures:
            if not future.done():
                future.set_exception(exc)

    def _drain_wake(self) -> None:
        try:
            while os.read(self._wake_fd, 512):
                pass
        except BlockingIOError:
            pass

    def _wake(self) -> None:
        try:
            os.write(self._waker_fd, b"!")
        except BlockingIOError:
            pass  # it has been told often enough


def _never_started(job: Job) -> Ended:
    return Ended(job.commands[0], None, was_interrupted=True)

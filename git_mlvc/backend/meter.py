"""What passes between this process and its remotes: how fast it may, and what a person sees of it.

One `Traffic` for all remotes and threads. Drivers call its `meter` for each block of a body (`Opening.meter`); it
waits where there is a limit. Who has something transferred wraps that in a `journey`, so that a progress line moves
while a pack is on its way. Bytes of a journey are shown for as long as it lasts: what counts in the end
is counted by whoever received or sent it, and a try that failed is not counted twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from git_mlvc.errors import RemoteError
from git_mlvc.progress import Progress, Silent
from git_mlvc.units import seconds_text

BURST_S = 0.25  # of the limit may pass at once after a silence
SAID_FROM_S = 2.0  # a pause this long is worth a word


class Traffic:
    """`limit_bytes_per_s` holds for all threads together, both ways; 0: no limit."""

    def __init__(
        self,
        limit_bytes_per_s: int = 0,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit_bytes_per_s
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()
        self._progress: Progress = Silent()
        self._here = threading.local()
        self._journeys: list[_Journey] = []

    def meter(self, size_bytes: int) -> None:
        """Note that so many bytes of a body have passed; wait until the limit allows more. From any thread."""
        wait_s = 0.0
        with self._lock:
            journey = self._journey_of_this_thread()
            shown = journey.pass_on(size_bytes) if journey is not None else 0
            progress = self._progress
            if self._limit > 0:
                now = self._clock()
                self._free_at = max(self._free_at, now - BURST_S) + size_bytes / self._limit
                wait_s = self._free_at - now
        if shown:
            progress.advance(size_bytes=shown)
        if wait_s > 0:
            self._sleep(wait_s)

    @contextmanager
    def shown_in(self, progress: Progress) -> Iterator[None]:
        """Let `progress` move with the bytes of journeys, and say there why nothing moves."""
        before, self._progress = self._progress, progress
        try:
            yield
        finally:
            self._progress = before

    @contextmanager
    def journey(self, size_bytes: int, shown_bytes: int | None = None) -> Iterator[None]:
        """Around one transfer of `size_bytes`, on the thread that makes it.

        While it lasts, progress shows its share of `shown_bytes` (of `size_bytes`, if None); afterwards none of it.
        """
        journey = _Journey(size_bytes, size_bytes if shown_bytes is None else shown_bytes)
        with self._lock:
            self._journeys.append(journey)
        self._here.journey = journey
        try:
            yield
        finally:
            self._here.journey = None
            with self._lock:
                self._journeys.remove(journey)
                taken_back = journey.begin_again()
                progress = self._progress
            if taken_back:
                progress.advance(size_bytes=taken_back)

    def rest(self, pause_s: float) -> None:
        """Wait, as long as this thread's clock says."""
        self._sleep(pause_s)

    def pausing(self, failure: RemoteError, pause_s: float) -> None:
        """Note that a request failed on this thread and is made again after a pause."""
        journey: _Journey | None = getattr(self._here, "journey", None)
        with self._lock:
            taken_back = journey.begin_again() if journey is not None else 0
            progress = self._progress
        if taken_back:
            progress.advance(size_bytes=taken_back)
        if pause_s >= SAID_FROM_S:
            why = f" ({failure.why})" if failure.why else ""
            progress.remark(f"trying again in {seconds_text(pause_s)}: {failure.what}{why}")

    def _journey_of_this_thread(self) -> _Journey | None:
        own: _Journey | None = getattr(self._here, "journey", None)
        if own is not None:
            return own
        # A library that moves bytes on threads of its own: whose they are matters little for the sum.
        return next((one for one in self._journeys if not one.is_over), None)


class _Journey:
    def __init__(self, size_bytes: int, shown_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._most_shown = shown_bytes
        self._passed = 0
        self._shown = 0

    @property
    def is_over(self) -> bool:
        return self._passed >= self._size_bytes

    def pass_on(self, size_bytes: int) -> int:
        """Return by how much what is shown grows."""
        self._passed = min(self._passed + size_bytes, self._size_bytes)
        before = self._shown
        self._shown = self._most_shown * self._passed // max(1, self._size_bytes)
        return self._shown - before

    def begin_again(self) -> int:
        """Return by how much what is shown changes: to nothing."""
        taken_back, self._shown, self._passed = -self._shown, 0, 0
        return taken_back

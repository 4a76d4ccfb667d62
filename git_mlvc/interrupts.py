"""Ctrl-C, heard once: as KeyboardInterrupt, and its echo not at all.

A terminal sends Ctrl-C to git and to us, and git hands what it got on to the programs it started: `git mlvc …` and
every hook hear each Ctrl-C twice. The second would fall into the cleaning up that the first began, so whatever
comes within a second of it is taken for its echo. Somebody who asks again later means it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

ECHO_S = 1.0


class Hearing:
    """Tells a signal from the echo of one before it."""

    def __init__(self) -> None:
        self._heard_s: float | None = None

    @property
    def is_first(self) -> bool:
        """Whether no signal has been heard yet."""
        return self._heard_s is None

    def hears(self) -> bool:
        """Note that a signal came, and return False if it is the echo of one heard before."""
        now = time.monotonic()
        if self._heard_s is not None and now - self._heard_s <= ECHO_S:
            return False
        self._heard_s = now
        return True


_hearing = Hearing()


def hear_ctrl_c() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt once, where it would have done so at all."""
    _take([signal.SIGINT], signal.default_int_handler)


def heard() -> None:
    """Say from a handler of one's own that a signal came: its echo may come after that handler has gone."""
    _hearing.hears()


@contextmanager
def ending_as_ctrl_c(numbers: Iterable[int] = (signal.SIGTERM, signal.SIGHUP)) -> Iterator[None]:
    """Let the signals `numbers` end us as Ctrl-C does, where nobody ignores or handles them (nohup does).

    In the main thread only: elsewhere it does nothing.
    """
    taken = _take(numbers, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _take(numbers: Iterable[int], held_by: object) -> list[int]:
    """Handle those of `numbers` that `held_by` has handled so far. Returns them."""
    taken = []
    with suppress(
        ValueError
    ):  # another thread than the main one; asked so, `threading` is not imported
        for number in numbers:
            if signal.getsignal(number) == held_by:
                signal.signal(number, _interrupt)
                taken.append(number)
    return taken


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _hearing.hears():
        raise KeyboardInterrupt

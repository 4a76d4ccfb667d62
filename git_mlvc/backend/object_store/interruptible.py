"""Calls into libraries that are deaf to Ctrl-C while they run, made so that it is heard at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

_T = TypeVar("_T")


def interruptible(call: Callable[[], _T]) -> _T:
    """Return what `call` returns, or raise what it raises; Ctrl-C is heard meanwhile.

    Signals reach the main thread only, so there the call runs in a daemon thread of its own, which an
    interrupted process leaves behind. Elsewhere it is made as it is: the main thread is free.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    done: SimpleQueue[tuple[_T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            done.put((call(), None))
        except BaseException as exc:  # noqa: BLE001 (raised again below)
            done.put((None, exc))

    threading.Thread(target=run, name="remote", daemon=True).start()
    result, failure = done.get()
    if failure is not None:
        raise failure
    return result  # type: ignore[return-value]

"""Trying again: the only loop of its kind in the program.

What may be tried again is in the type: RemoteUnavailable, but not Offline. Waiting grows twofold
with jitter, or is what the remote asked for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from git_mlvc.backend.base import Backend, Capability, Listed, Offline, Stat, Throttled
from git_mlvc.errors import RemoteUnavailable

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
_T = TypeVar("_T")


class Retry:
    """A backend that asks `inner` up to `attempts` times, for `patience_s` at most between answers.

    A `put_if_absent` whose reply was lost is asked again and may then return False for our own
    bytes; that is what False means everywhere: look and compare.
    """

    def __init__(
        self,
        inner: Backend,
        *,
        attempts: int = ATTEMPTS,
        patience_s: float = 180.0,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._inner = inner
        self._attempts = attempts
        self._patience_s = patience_s
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._inner.capabilities

    def put(self, key: str, source: bytes | Path) -> None:
        self._again(lambda: self._inner.put(key, source))

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        return self._again(lambda: self._inner.put_if_absent(key, source))

    def get(self, key: str) -> bytes:
        return self._again(lambda: self._inner.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._again(lambda: self._inner.get_range(key, start, length))

    def get_file(self, key: str, target: int) -> None:
        self._again(lambda: self._inner.get_file(key, target))

    def stat(self, key: str) -> Stat | None:
        return self._again(lambda: self._inner.stat(key))

    def list(self, prefix: str) -> Iterator[Listed]:
        # Whole listings: one that broke in the middle must not be mistaken for the end.
        yield from self._again(lambda: list(self._inner.list(prefix)))

    def delete(self, key: str) -> None:
        self._again(lambda: self._inner.delete(key))

    def close(self) -> None:
        self._inner.close()

    def _again(self, ask: Callable[[], _T]) -> _T:
        started = self._clock()
        attempt = 0
        while True:
            try:
                return ask()
            except Offline:
                raise
            except RemoteUnavailable as exc:
                attempt += 1
                pause = self._pause(attempt, exc)
                waited = self._clock() - started
                if attempt >= self._attempts or waited + pause > self._patience_s:
                    raise
                self._sleep(pause)

    def _pause(self, attempt: int, failure: RemoteUnavailable) -> float:
        pause: float = min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S)
        pause *= (
            0.5 + self._jitter() / 2
        )  # many clients that failed together do not return together
        if isinstance(failure, Throttled):
            return max(pause, failure.retry_after_s)
        return pause

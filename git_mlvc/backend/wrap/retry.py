"""Trying again: the only loop of its kind in the program.

What may be tried again is in the type: RemoteUnavailable, but not Offline. Waiting grows twofold
with jitter, or is what the remote asked for. Threads of a transfer are daemons, so that Ctrl-C ends a
pause at once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from git_mlvc.backend.base import (
    Backend,
    Capability,
    Listed,
    Offline,
    Stat,
    Throttled,
    Version,
    can,
    folders_in,
    known_capabilities,
    version_of,
)
from git_mlvc.errors import RemoteUnavailable
from git_mlvc.units import seconds_text

ATTEMPTS = 5
FEWEST_ATTEMPTS = 3  # however long each of them took: a large body may
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
PATIENCE_S = 180.0
_T = TypeVar("_T")
OnPause = Callable[[RemoteUnavailable, float], object]


class Retry:
    """A backend that asks `inner` up to `attempts` times, for `patience_s` at most between answers.

    When the remote asks to be left alone, all threads leave it alone together, for as long as it says and as often
    as patience allows. `on_pause` is told of each failure that is waited for, and `on_throttled` once for each time
    the remote complains. A `put_if_absent` whose reply was lost is asked again and may then return False for our own
    bytes; that is what False means everywhere: look and compare.
    """

    def __init__(
        self,
        inner: Backend,
        *,
        attempts: int = ATTEMPTS,
        patience_s: float = PATIENCE_S,
        on_pause: OnPause = lambda failure, pause_s: None,
        on_throttled: Callable[[], object] = lambda: None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._inner = inner
        self._attempts = attempts
        self._patience_s = patience_s
        self._on_pause = on_pause
        self._on_throttled = on_throttled
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self._quiet_until = clock()

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._again(lambda: self._inner.capabilities)  # some ask the server

    @property
    def known_capabilities(self) -> frozenset[Capability] | None:
        return known_capabilities(self._inner)

    def can(self, capability: Capability) -> bool:
        return self._again(lambda: can(self._inner, capability))

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

    def version(self, name: str) -> Version | None:
        return self._again(lambda: version_of(self._inner, name))

    def list(self, prefix: str) -> Iterator[Listed]:
        # Whole listings: one that broke in the middle must not be mistaken for the end.
        yield from self._again(lambda: list(self._inner.list(prefix)))

    def folders(self, prefix: str) -> frozenset[str] | None:
        return self._again(lambda: folders_in(self._inner, prefix))

    def delete(self, key: str) -> None:
        self._again(lambda: self._inner.delete(key))

    def close(self) -> None:
        self._inner.close()

    def _again(self, ask: Callable[[], _T]) -> _T:
        started = self._clock()
        attempt = 0
        paused_s = 0.0
        while True:
            self._wait_while_quiet()
            try:
                return ask()
            except Offline:
                raise
            except RemoteUnavailable as exc:
                attempt += 1
                pause_s = self._pause(attempt, exc)
                if isinstance(exc, Throttled):
                    if paused_s + pause_s > self._patience_s:
                        raise self._too_long(exc) from exc
                    self._quieten(pause_s)
                elif attempt >= self._attempts or (
                    attempt >= FEWEST_ATTEMPTS
                    and self._clock() - started + pause_s > self._patience_s
                ):
                    raise
                paused_s += pause_s
                self._on_pause(exc, pause_s)
                self._sleep(pause_s)

    def _pause(self, attempt: int, failure: RemoteUnavailable) -> float:
        # Many clients, and many threads, that failed together do not return together.
        pause_s: float = min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S)
        if isinstance(failure, Throttled) and failure.retry_after_s > pause_s:
            return failure.retry_after_s * (1 + self._jitter() / 8)
        return pause_s * (0.5 + self._jitter() / 2)

    def _quieten(self, pause_s: float) -> None:
        """Let other threads wait as well before they ask."""
        with self._lock:
            now = self._clock()
            is_news = now >= self._quiet_until  # requests that were on their way fail together
            self._quiet_until = max(self._quiet_until, now + pause_s)
        if is_news:
            self._on_throttled()

    def _wait_while_quiet(self) -> None:
        with self._lock:
            wait_s = self._quiet_until - self._clock()
        if wait_s > 0:
            self._sleep(wait_s * (1 + self._jitter() / 8))

    def _too_long(self, failure: Throttled) -> Throttled:
        asked = failure.retry_after_s
        return Throttled(
            failure.what,
            retry_after_s=asked,
            why=(
                f"{failure.why or 'it has too much to do'}; it asks to be left alone"
                f" for {seconds_text(asked) if asked else 'longer'}, and that is more than is waited"
            ),
            hint="try again later: what has come or gone by then is not sent twice",
        )

"""A limit on the rate at which bytes pass, over all threads that share the wrapper."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from git_mlvc.backend.base import Backend, Capability, Listed, Stat


class Limit:
    """Waits before a request until what went before it would have passed at `bytes_per_s`."""

    def __init__(
        self,
        inner: Backend,
        bytes_per_s: float,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if bytes_per_s <= 0:
            raise ValueError("a rate is above zero")
        self._inner = inner
        self._bytes_per_s = bytes_per_s
        self._sleep = sleep
        self._clock = clock
        self._free_at = clock()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._inner.capabilities

    def put(self, key: str, source: bytes | Path) -> None:
        self._pass(_size_of(source))
        self._inner.put(key, source)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        self._pass(_size_of(source))
        return self._inner.put_if_absent(key, source)

    def get(self, key: str) -> bytes:
        self._pass(0)
        data = self._inner.get(key)
        self._owe(len(data))
        return data

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self._pass(0)
        data = self._inner.get_range(key, start, length)
        self._owe(len(data))
        return data

    def get_file(self, key: str, target: int) -> None:
        self._pass(0)
        self._inner.get_file(key, target)
        self._owe(os.fstat(target).st_size)

    def stat(self, key: str) -> Stat | None:
        return self._inner.stat(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        return self._inner.list(prefix)

    def delete(self, key: str) -> None:
        self._inner.delete(key)

    def close(self) -> None:
        self._inner.close()

    def _pass(self, size_bytes: int) -> None:
        with self._lock:
            now = self._clock()
            wait = self._free_at - now
            self._free_at = max(self._free_at, now) + size_bytes / self._bytes_per_s
        if wait > 0:
            self._sleep(wait)

    def _owe(self, size_bytes: int) -> None:
        with self._lock:
            self._free_at = max(self._free_at, self._clock()) + size_bytes / self._bytes_per_s


def _size_of(source: bytes | Path) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source)

"""A backend that fails as told: one letter for each call, after borg's "...E.T".

.  works                          T  works, but the reply is lost (RemoteUnavailable)
E  fails and may be retried       R  refuses for good
W  answers with a flipped bit     C  answers with the second half cut off
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from git_mlvc.backend.base import Backend, Capability, Listed, Stat
from git_mlvc.errors import RemoteRefused, RemoteUnavailable


class FaultyBackend:
    """`script` is used up call by call, of the verbs in `only` (all, if None); then `then` for ever.

    `below`: only calls for keys that begin so.
    """

    def __init__(
        self,
        inner: Backend,
        script: str = "",
        *,
        only: set[str] | None = None,
        below: str = "",
        then: str = ".",
    ) -> None:
        self.inner = inner
        self.calls: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self.set(script, only=only, below=below, then=then)

    def set(
        self, script: str, *, only: set[str] | None = None, below: str = "", then: str = "."
    ) -> None:
        self._script = list(script)
        self._only = only
        self._below = below
        self._then = then

    def fail_after(self, puts: int) -> None:
        """Let so many uploads pass and none after them."""
        self.set("." * puts, only={"put", "put_if_absent"}, then="E")

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.inner.capabilities

    def put(self, key: str, source: bytes | Path) -> None:
        self._call("put", key, lambda: self.inner.put(key, source))

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        return self._call("put_if_absent", key, lambda: self.inner.put_if_absent(key, source))

    def get(self, key: str) -> bytes:
        return self._call("get", key, lambda: self.inner.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._call("get_range", key, lambda: self.inner.get_range(key, start, length))

    def get_file(self, key: str, target: int) -> None:
        def ask() -> bytes:
            self.inner.get_file(key, target)
            return os.pread(target, os.fstat(target).st_size, 0)

        came = self._call("get_file", key, ask)
        os.ftruncate(target, 0)
        os.pwrite(target, came, 0)

    def stat(self, key: str) -> Stat | None:
        return self._call("stat", key, lambda: self.inner.stat(key))

    def list(self, prefix: str) -> Iterator[Listed]:
        yield from self._call("list", prefix, lambda: list(self.inner.list(prefix)))

    def delete(self, key: str) -> None:
        self._call("delete", key, lambda: self.inner.delete(key))

    def close(self) -> None:
        self.inner.close()

    def _call(self, verb: str, key: str, ask: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls[verb] += 1
            self.log.append((verb, key))
            letter = "."
            if (self._only is None or verb in self._only) and key.startswith(self._below):
                letter = self._script.pop(0) if self._script else self._then
        what = f"{verb} {key} failed"
        if letter == "E":
            raise RemoteUnavailable(what, why="503, says the script")
        if letter == "R":
            raise RemoteRefused(what, why="403, says the script")
        answer = ask()
        if letter == "T":
            raise RemoteUnavailable(what, why="no reply, says the script")
        if letter == "W" and isinstance(answer, bytes) and answer:
            return answer[:-1] + bytes([answer[-1] ^ 1])
        if letter == "C" and isinstance(answer, bytes):
            return answer[: len(answer) // 2]
        return answer

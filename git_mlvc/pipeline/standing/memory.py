"""What was seen at a path, until somebody says that it may have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from git_mlvc.pipeline.standing.counting import parents

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Values by key, each of a path (b"" for the top); used by several threads at once.

    A look that was begun before something was forgotten is not remembered: it may have seen either.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[bytes, Value] = {}
        self._at: dict[bytes, set[bytes]] = {}  # keys by path
        self._in: dict[
            bytes, set[bytes]
        ] = {}  # keys by each directory that their paths are in, or are
        self._forgotten = 0  # how often something was

    def get(self, path: bytes, look: Callable[[], Value], *, key: bytes | None = None) -> Value:
        """Return what was seen, or look. `key`: another name for what `path` is looked at for."""
        key = path if key is None else key
        try:
            return self._values[key]
        except KeyError:
            pass
        began = self._forgotten
        value = look()
        with self._lock:
            if began == self._forgotten:
                self._at.setdefault(path, set()).add(key)
                for folder in (path, *parents(path)):
                    self._in.setdefault(folder, set()).add(key)
                self._values[key] = value
        return value

    def forget(self, paths: Iterable[bytes] | None) -> None:
        """Forget what was seen at these paths, in them, and of the directories that they are in; None: all."""
        with self._lock:
            self._forgotten += 1
            if paths is None:
                self._values.clear()
                return
            for path in paths:
                self._drop(self._in.get(path, ()))
                for folder in (*parents(path), b""):
                    self._drop(self._at.get(folder, ()))

    def _drop(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._values.pop(key, None)

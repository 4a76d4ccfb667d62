"""Delayed smudges: paths git waits for while their content is fetched, all of it as one batch.

Keyed by path name alone: on the second request git sends no content, and sometimes another `blob=` than
on the first. Pure state; who fetches hands in a function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from git_mlvc.formats.pointer import Pointer

GROUP_PATHS = 1000  # what one answer names: git takes each of them before it asks again


class Delayed:
    """The paths that were answered "delayed", until git has asked for each again."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Pointer] = {}
        self._ready: dict[bytes, Pointer] = {}
        self._unannounced: dict[bytes, None] = {}

    def add(self, path: bytes, pointer: Pointer) -> None:
        self.take(path)
        self._waiting[path] = pointer

    def available(self, fetch: Callable[[Sequence[Pointer]], None]) -> list[bytes]:
        """Return the next paths git may ask for; [] when there are none left.

        Blocks in `fetch`, once for all that waits; it must not raise for data that is not to be had.
        """
        if self._waiting:
            fetch(list(dict.fromkeys(self._waiting.values())))
            self._ready |= self._waiting
            self._unannounced |= dict.fromkeys(self._waiting)
            self._waiting.clear()
        group = list(islice(self._unannounced, GROUP_PATHS))
        for path in group:
            del self._unannounced[path]
        return group

    def take(self, path: bytes) -> Pointer | None:
        """Return what `path` was delayed for, and forget it; None if it never was."""
        self._unannounced.pop(path, None)
        ready = self._ready.pop(path, None)
        waiting = self._waiting.pop(path, None)
        return waiting or ready

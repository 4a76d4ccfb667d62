"""The lines to one place: one for all that is small, and some more while large bodies would have to share it.

OpenSSH lets 2 MiB be under way in a connection, so that one carries 40 MiB/s where an answer takes 50 ms, however
fast the network is; and each of its ends computes on one processor. Only the first line may ask a person for
anything: where another cannot be had without her, the first carries all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from git_mlvc.backend.over_ssh.line import Line
from git_mlvc.errors import MlvcError

LARGE_BYTES = 4 << 20


class Lines:
    """`make`: a new line, not connected; its argument says whether it may ask. At most `most` of them."""

    def __init__(self, make: Callable[[bool], Line], most: int) -> None:
        self.first = make(True)
        self._make = make
        self._most = most
        self._more: list[Line] = []
        self._choosing = threading.Lock()

    @contextmanager
    def for_large(self) -> Iterator[Line]:
        """Give a connected line with as few large bodies on it as can be had, while one is carried."""
        line = self._chosen()
        try:
            if line is not self.first:
                line = self._tried(line)
            yield line
        finally:
            with self._choosing:
                line.bodies -= 1

    def close(self) -> None:
        with self._choosing:
            lines, self._more = [self.first, *self._more], []
        for line in lines:
            line.close()

    def _chosen(self) -> Line:
        with self._choosing:
            line = min((self.first, *self._more), key=lambda one: one.bodies)
            if line.bodies and 1 + len(self._more) < self._most:
                line = self._make(False)
                self._more.append(line)
            line.bodies += 1
            return line

    def _tried(self, line: Line) -> Line:
        """Return the line, connected; the first one if it cannot be, and then there will be no more."""
        try:
            line.connect()
        except MlvcError:
            with self._choosing:
                self._most = 1
                self._more = [one for one in self._more if one is not line]
                line.bodies -= 1
                self.first.bodies += 1
            return self.first
        return line

"""The rows of one metric: a CSV file to which whole lines are appended, `step,<the metric's last part>`.

While a run goes on, rows stand in the order in which they came. At its end `tidied` puts them in the order of steps,
one row for each: of several the last one. So equal runs leave equal bytes, however many processes wrote them.
"""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from git_mlvc.log.meeting import locks

Number = int | float
_Rows = list[tuple[int, bytes]]


def header(name: str) -> bytes:
    return b"step," + name.rpartition("/")[2].encode() + b"\n"


class Series:
    """One process's hand on the file. Not for several threads at once."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self._fd = -1
        self._seen = 0  # how much of the file `_top` takes into account
        self._top: int | None = None
        self.last_step: int | None = None
        """The highest step that this process logged."""
        self.is_in_order = True

    def append(self, number: Number, step: int | None) -> bool:
        """Add a row, at the step behind the last one of the file if none is given.

        Returns whether no higher step was logged by this process. Raises OSError; then nothing was added.
        """
        if self._fd < 0:
            self._open()
        if locks is not None:
            locks.flock(self._fd, locks.LOCK_EX)
        try:
            size = os.fstat(self._fd).st_size
            if size == 0:
                self._write(header(self.name), 0)
                size = self._seen = len(header(self.name))
            if step is None:
                self._look(size)
                step = 0 if self._top is None else self._top + 1
            line = b"%d,%b\n" % (step, repr(number).encode())
            self._write(line, size)
        finally:
            if locks is not None:
                locks.flock(self._fd, locks.LOCK_UN)
        if self._seen == size:
            self._seen += len(line)
            self._top = step if self._top is None else max(step, self._top)
        if self.last_step is None or step > self.last_step:
            self.last_step = step
            return True
        self.is_in_order = False
        return step == self.last_step

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._fd = os.open(self.path, flags, 0o666)

    def _look(self, size: int) -> None:
        """Take into account what others, or an earlier process, have added."""
        if self._seen == size:
            return
        with open(self._fd, "rb", closefd=False) as file:
            file.seek(self._seen)
            rows = _rows(file.read(size - self._seen))
        steps = [step for step, _ in rows]
        self._top = max(steps if self._top is None else [*steps, self._top], default=None)
        self._seen = size

    def _write(self, data: bytes, size: int) -> None:
        """Whole lines or nothing: a full disk leaves no half line."""
        written = os.write(self._fd, data)
        if written < len(data):
            os.ftruncate(self._fd, size)
            raise OSError(28, f"no room for a row of {len(data)} bytes", str(self.path))


def tidied(data: bytes, name: str, up_to: int | None = None) -> bytes:
    """Return the file as it should be: steps in order, each once, none above `up_to`, no half line."""
    rows = _rows(data)
    if up_to is not None:
        rows = [row for row in rows if row[0] <= up_to]
    if any(one[0] >= other[0] for one, other in pairwise(rows)):
        rows = sorted(dict(rows).items())
    return header(name) + b"".join(b"%d,%b\n" % row for row in rows)


def last(data: bytes) -> Number | None:
    """Return the value of the last row; None if there is no row."""
    rows = _rows(data)
    if not rows:
        return None
    text = rows[-1][1].decode()
    try:
        return int(text)
    except ValueError:
        return float(text)


def _rows(data: bytes) -> _Rows:
    """Return steps and values, the header and what is no whole row left out."""
    found: _Rows = []
    for line in data.split(b"\n")[:-1]:
        step, _, value = line.partition(b",")
        try:
            found.append((int(step), value))
            float(value)
        except ValueError:
            if found and found[-1][1] is value:
                found.pop()
    return found

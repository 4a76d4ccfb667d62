"""The rows of one metric: a CSV file to which whole lines are appended, `step,<the metric's last part>`.

While a run goes on, rows stand in the order in which they came. At its end `tidied` puts them in the order of steps,
one row for each: of several the last one. So equal runs leave equal bytes, however many processes wrote them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.log.meeting import locks

Number = int | float


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
            added = max((step for step, _ in _rows(file.read(size - self._seen))), default=None)
        if added is not None:
            self._top = added if self._top is None else max(added, self._top)
        self._seen = size

    def _write(self, data: bytes, size: int) -> None:
        """Whole lines or nothing: a full disk leaves no half line."""
        try:
            written = os.write(self._fd, data)
        except OSError as exc:
            exc.filename = str(self.path)
            raise
        if written < len(data):
            os.ftruncate(self._fd, size)
            raise OSError(28, f"no room for a row of {len(data)} bytes", str(self.path))


def tidied(data: bytes, name: str, up_to: int | None = None) -> bytes:
    """Return the file as it should be: steps in order, each once, none above `up_to`, no half line."""
    if _is_tidy(data, name, up_to):
        return data
    found = {step: value for step, value in _rows(data) if up_to is None or step <= up_to}
    return header(name) + b"".join(b"%d,%b\n" % (step, found[step]) for step in sorted(found))


def last(data: bytes) -> Number | None:
    """Return the value of the last row of a tidied file; None if there is no row."""
    line = data[data.rfind(b"\n", 0, -1) + 1 : -1]
    step, _, value = line.decode().partition(",")
    if step == "step":
        return None
    try:
        return int(value)
    except ValueError:
        return float(value)


def _is_tidy(data: bytes, name: str, up_to: int | None) -> bool:
    """Without a copy of the rows: there may be millions, and they mostly are."""
    if not data.startswith(header(name)):
        return False
    at, before = len(header(name)), None
    for step, value in _rows(data[at:]):
        if before is not None and step <= before:
            return False
        before = step
        at += len(b"%d,%b\n" % (step, value))
    return at == len(data) and (up_to is None or before is None or before <= up_to)


def _rows(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield steps and values, the header and what is no whole row left out."""
    for line in io.BytesIO(data):
        step, _, value = line.partition(b",")
        try:
            float(value)
            if line.endswith(b"\n"):
                yield int(step), value[:-1]
        except ValueError:
            continue

"""A content that may have to be given back as it came: in memory while it is small, then in a file.

Git reads no answer before it has sent everything, so what is passed through unchanged has to wait
somewhere, and memory is bounded. The file has no name and goes with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

ReadInto = Callable[[memoryview], int]
Write = Callable[[bytes | memoryview], object]

MEMORY_BYTES = 16 << 20
BLOCK_BYTES = 1 << 20


class Spool:
    """Bytes in the order they came. `directory`: where the file is made if one is needed."""

    def __init__(self, directory: Path | None = None) -> None:
        self.size_bytes = 0
        self._directory = directory
        self._blocks: list[bytes | memoryview] = []
        self._file: IO[bytes] | None = None

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, block: bytes | memoryview) -> None:
        """Keep a block; in memory it is kept itself, so it must not change afterwards."""
        if self._file is None and self.size_bytes + len(block) > MEMORY_BYTES:
            self._file = _unnamed_file(self._directory)
        if self._file is None:
            self._blocks.append(block)
        else:
            self._file.write(block)
        self.size_bytes += len(block)

    def take(self, read_into: ReadInto, *, until_bytes: int | None = None) -> bool:
        """Read on to the end of the content, True; or until `until_bytes` are here, False."""
        while until_bytes is None or self.size_bytes < until_bytes:
            block = memoryview(bytearray(BLOCK_BYTES))
            count = read_into(block)
            if count == 0:
                return True
            self.add(block[:count])
        return False

    def pieces(self) -> Iterator[bytes | memoryview]:
        yield from self._blocks
        if self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(BLOCK_BYTES):
                yield piece

    def write_to(self, write: Write) -> None:
        for piece in self.pieces():
            write(piece)

    def reader(self, rest: ReadInto | None = None) -> ReadInto:
        """Return a function that gives what is here, and then what `rest` gives."""
        return reader_of(self.pieces(), rest)


class Ending:
    """Passes a content on and remembers its last `most_bytes`."""

    def __init__(self, read_into: ReadInto, most_bytes: int) -> None:
        self._read_into = read_into
        self._most_bytes = most_bytes
        self.bytes = bytearray()

    def read_into(self, target: memoryview) -> int:
        count = self._read_into(target)
        self.bytes += target[max(0, count - self._most_bytes) : count]
        del self.bytes[: -self._most_bytes]
        return count


def reader_of(pieces: Iterator[bytes | memoryview], rest: ReadInto | None = None) -> ReadInto:
    """Return a function that fills memory with `pieces` and then with what `rest` gives."""
    left = memoryview(b"")

    def read_into(target: memoryview) -> int:
        nonlocal left
        at = 0
        while at < len(target):
            if not left:
                following = next(pieces, None)
                if following is None:
                    return at if rest is None else at + rest(target[at:])
                left = memoryview(following)
                continue
            count = min(len(left), len(target) - at)
            target[at : at + count] = left[:count]
            left = left[count:]
            at += count
        return at

    return read_into


def _unnamed_file(directory: Path | None) -> IO[bytes]:
    import tempfile

    if directory is not None:
        try:
            return tempfile.TemporaryFile(dir=directory)
        except OSError:
            pass
    return tempfile.TemporaryFile()

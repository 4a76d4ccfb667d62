"""What is to be sent: bytes, or a file of which exactly as much is read as it had when it was opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from git_mlvc.backend.over_ssh.frames import Part
from git_mlvc.errors import InputError


class Source:
    """Its size, and its blocks from front to back."""

    def __init__(self, size_bytes: int, data: bytes = b"", fd: int | None = None) -> None:
        self.size_bytes = size_bytes
        self._data = memoryview(data)
        self._fd = fd

    def blocks(self, block_bytes: int) -> Iterator[tuple[int, Part]]:
        """Yield (offset, bytes). Raises InputError when the file got shorter."""
        for offset in range(0, self.size_bytes, block_bytes):
            length = min(block_bytes, self.size_bytes - offset)
            if self._fd is None:
                yield offset, self._data[offset : offset + length]
            else:
                yield offset, self._read(offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        assert self._fd is not None
        data = os.pread(self._fd, length, offset)
        while len(data) < length:
            more = os.pread(self._fd, length - len(data), offset + len(data))
            if not more:
                raise InputError("a file got shorter while it was sent")
            data += more
        return data


@contextmanager
def opened(source: bytes | Path) -> Iterator[Source]:
    """Raises InputError for a file that cannot be read."""
    if isinstance(source, bytes):
        yield Source(len(source), source)
        return
    try:
        fd = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as exc:
        raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc
    try:
        yield Source(os.fstat(fd).st_size, fd=fd)
    finally:
        os.close(fd)

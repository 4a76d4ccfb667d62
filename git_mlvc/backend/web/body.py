"""What is sent to a web server: a file or some bytes, block by block, as often as it takes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.opening import METERED_BYTES, Meter
from git_mlvc.errors import InputError, StoreError

# Each must leave within the idle time-out: the system counts the time of one call, not of one byte.
BLOCK_BYTES = 64 << 10


class FilePart:
    """A part of an open file, for a connection to take in as large pieces as it can."""

    def __init__(self, path: Path, fd: int, at: int, length: int) -> None:
        self._path = path
        self._fd = fd
        self._at = at
        self._rest = length

    def __len__(self) -> int:
        return self._rest

    def blocks(self) -> Iterator[bytes]:
        """Yield what is left of it. Raises InputError, StoreError."""
        while self._rest:
            yield self._read(BLOCK_BYTES)

    def send_to(self, connection: socket.socket) -> None:
        """Send what is left, waiting no longer than the connection's time-out for any of it to leave.

        Not by sendfile: what that saves here it costs the other side, where this is the same machine. Raises OSError for
        the connection, InputError, StoreError for the file.
        """
        while self._rest:
            block = memoryview(self._read(METERED_BYTES))
            while block:
                block = block[connection.send(block) :]

    def _read(self, most: int) -> bytes:
        try:
            block = os.pread(self._fd, min(self._rest, most), self._at)
        except OSError as exc:
            # Not as an OSError: the library would take that for the connection's.
            raise _unreadable(self._path, exc) from exc
        self._pass(len(block))
        return block

    def _pass(self, length: int) -> None:
        if not length:
            raise StoreError(
                f"{self._path} became shorter while it was sent",
                hint="run the same command again",
            )
        self._at += length
        self._rest -= length


class Body:
    """An iterable with a length; it may be iterated again when a request has to be repeated."""

    def __init__(self, source: bytes | Path, meter: Meter) -> None:
        self._source = source
        self._meter = meter
        try:
            self.size_bytes = source.stat().st_size if isinstance(source, Path) else len(source)
        except OSError as exc:
            raise _unreadable(source, exc) from exc

    def __len__(self) -> int:
        return self.size_bytes

    def __iter__(self) -> Iterator[bytes | FilePart]:
        for block in self._blocks():
            self._meter(len(block))
            yield block

    def _blocks(self) -> Iterator[bytes | FilePart]:
        if isinstance(self._source, bytes):
            for at in range(0, len(self._source), BLOCK_BYTES):
                yield self._source[at : at + BLOCK_BYTES]
            return
        try:
            file = self._source.open("rb", buffering=0)
        except OSError as exc:
            raise _unreadable(self._source, exc) from exc
        with file:
            for at in range(0, self.size_bytes, METERED_BYTES):
                length = min(METERED_BYTES, self.size_bytes - at)
                yield FilePart(self._source, file.fileno(), at, length)


def _unreadable(source: bytes | Path, exc: OSError) -> InputError:
    return InputError(f"cannot read {source!s:.200}", why=exc.strerror or str(exc))

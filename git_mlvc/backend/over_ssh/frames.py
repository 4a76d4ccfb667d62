"""The envelope of SFTP, and of our own server process: length, kind, number of the request, body. Pure.

Numbers are big-endian, as SFTP has them. The length counts what follows it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from git_mlvc.errors import FormatError

HEAD = struct.Struct(">IBI")
_COUNTED = HEAD.size - 4  # of the head, in the length
_LENGTH = struct.Struct(">I")

Part = bytes | bytearray | memoryview
Parts = tuple[Part, ...]


class Frame(NamedTuple):
    """What came back: its kind, and a body that only that kind's decoder understands."""

    kind: int
    body: bytes


class Request(NamedTuple):
    """What is to be sent, without its number. The parts of its body are sent one after another."""

    kind: int
    parts: Parts


def head(request: Request, number: int) -> bytes:
    """Return what goes before the parts of a request."""
    length = _COUNTED + sum(len(part) for part in request.parts)
    return HEAD.pack(length, request.kind, number)


def read_head(data: bytes, *, at_most: int) -> tuple[int, int, int]:
    """Return (kind, number, length of the body). Raises FormatError for a length that cannot be."""
    length, kind, number = HEAD.unpack(data)
    if not _COUNTED <= length <= at_most + _COUNTED:
        raise FormatError("not a frame", why=f"it would have {length} bytes")
    return kind, number, length - _COUNTED


def text(data: bytes) -> bytes:
    """Return a string as both protocols write it: its length, then its bytes."""
    return _LENGTH.pack(len(data)) + data


class Reader:
    """Takes a body apart from front to back. Raises FormatError where it is cut short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def u8(self) -> int:
        return self._take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def text(self) -> bytes:
        return bytes(self._take(self.u32()))

    def blob(self) -> memoryview:
        """As `text`, without a copy."""
        return self._take(self.u32())

    def rest(self) -> memoryview:
        found = memoryview(self._data)[self._at :]
        self._at = len(self._data)
        return found

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def end(self) -> None:
        if not self.is_at_end:
            raise FormatError("not such a frame", why="something follows its end")

    def _take(self, count: int) -> memoryview:
        stop = self._at + count
        if stop > len(self._data):
            raise FormatError("not such a frame", why="it is cut short")
        found = memoryview(self._data)[self._at : stop]
        self._at = stop
        return found

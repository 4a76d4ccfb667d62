"""A pack's name: the BLAKE3 of its bytes, taken while they are written, or read back where that broke.

The writer feeds a `RunningDigest` exactly what a write has put into the file, after it has succeeded.
So a pack gets its name without being read again. Whenever the two may have parted (a write that failed
half-way is repeated; Ctrl-C falls between two steps; another process wrote the file), `file_digest`
says what stands there: a name is never given on a guess.
"""

from __future__ import annotations

import os

_WINDOW = 1 << 20
_SMALL = 32 << 10  # less than this at once is hashed at a fraction of the speed
_PENDING = 256 << 10


def file_digest(fd: int, size_bytes: int) -> bytes:
    """Return the BLAKE3 of the first `size_bytes` of an open file."""
    from blake3 import blake3

    hasher = blake3()
    window = memoryview(bytearray(min(_WINDOW, size_bytes) or 1))
    offset = 0
    while offset < size_bytes:
        got = os.preadv(fd, [window[: size_bytes - offset]], offset)
        if not got:
            break
        hasher.update(window[:got])
        offset += got
    digest: bytes = hasher.digest()
    return digest


class RunningDigest:
    """The BLAKE3 of what was added, in order. Not thread-safe."""

    __slots__ = ("_hasher", "_is_whole", "_pending", "size_bytes")

    def __init__(self) -> None:
        from blake3 import blake3

        self._hasher = blake3()
        self._pending = bytearray()
        self._is_whole = True
        self.size_bytes = 0

    def add(self, data: bytes | memoryview) -> None:
        """Take in `data`, whose memory may be used again afterwards."""
        if not self._is_whole:
            return  # an earlier call was cut off, and nobody knows where
        self._is_whole = False
        size = len(data)
        if size < _SMALL:
            self._pending += data
            if len(self._pending) >= _PENDING:
                self._flush()
        else:
            self._flush()
            self._hasher.update(data)
        self.size_bytes += size
        self._is_whole = True

    def digest(self, size_bytes: int) -> bytes | None:
        """Return the digest of all that was added; None unless that is whole and `size_bytes` long."""
        if not self._is_whole or self.size_bytes != size_bytes:
            return None
        self._flush()
        digest: bytes = self._hasher.digest()
        return digest

    def _flush(self) -> None:
        if self._pending:
            self._hasher.update(self._pending)
            self._pending.clear()

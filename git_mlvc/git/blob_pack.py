"""Many blobs for git at once: as one pack, written and indexed by git's own `index-pack`.

Layout: Documentation/gitformat-pack.txt. A few blobs become loose objects, as after a small fetch.
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from git_mlvc.git.process import Git

FEWEST_PACKED = 100  # git's own bound, for what a fetch brings (transfer.unpackLimit)
_MEMORY_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 20
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
_HEADER = struct.Struct(">4sII")
_BLOB = 3
_HARDLY_COMPRESSIBLE_BYTES = 160  # a pointer is mostly the digits of a hash
_STORED = struct.Struct("<BHH")  # a block of a zlib stream that is not compressed
_ZLIB_FASTEST = b"\x78\x01"


class PackedBlob(NamedTuple):
    """A blob's name, and its entry in a pack."""

    name: bytes
    entry: bytes


def packed(data: bytes, object_format: str) -> PackedBlob:
    """Return `data` as it stands in a pack. May be called from any thread."""
    size = len(data)
    make = _HASHES[object_format]  # a third of the time of hashlib.new
    name = make(b"blob %d\0%s" % (size, data), usedforsecurity=False).digest()
    head = bytearray()
    byte = _BLOB << 4 | size & 0x0F
    size >>= 4
    while size:
        head.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    head.append(byte)
    return PackedBlob(name, bytes(head) + _deflated(data))


def _deflated(data: bytes) -> bytes:
    size = len(data)
    if size > _HARDLY_COMPRESSIBLE_BYTES:
        return zlib.compress(data)
    block = _STORED.pack(1, size, size ^ 0xFFFF)
    return _ZLIB_FASTEST + block + data + zlib.adler32(data).to_bytes(4, "big")


class BlobPack:
    """Collects blobs, each once, in memory or in a file in `directory`; then hands them to git."""

    def __init__(self, object_format: str, directory: Path) -> None:
        self.count = 0
        self._object_format = object_format
        self._names: set[bytes] = set()
        spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by __exit__
            max_size=_MEMORY_BYTES, dir=str(directory)
        )
        self._file = cast("IO[bytes]", spool)
        self._file.write(_HEADER.pack(b"PACK", 2, 0))

    def __enter__(self) -> BlobPack:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, blob: PackedBlob) -> None:
        if blob.name not in self._names:
            self._names.add(blob.name)
            self.count += 1
            self._file.write(blob.entry)

    def store(self, git: Git) -> None:
        """Have git keep all of them, as durable as `core.fsync` asks for. Raises GitError."""
        if self.count == 0:
            return
        self._names.clear()
        self._finish()
        verb = ["index-pack", "--stdin"]
        if self.count < FEWEST_PACKED:
            verb = ["unpack-objects", "-q"]
        self._file.seek(0)
        blocks = iter(lambda: self._file.read(_BLOCK_BYTES), b"")
        with git.streaming(*verb, input=blocks) as out:
            out.read()

    def _finish(self) -> None:
        """Write how many there are, and the sum of everything."""
        self._file.seek(0)
        self._file.write(_HEADER.pack(b"PACK", 2, self.count))
        self._file.seek(0)
        hasher = _HASHES[self._object_format](usedforsecurity=False)
        while block := self._file.read(_BLOCK_BYTES):
            hasher.update(block)
        self._file.write(hasher.digest())

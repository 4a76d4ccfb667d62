"""What git's blobs are, remembered between two looks: pointers, or content of some size.

A blob never changes, so what is known of it stays true. Asking git for 20,000 loose blobs takes a second;
this file, beside the store, milliseconds. It may vanish at any time, carries its own checksum, and is
asked only to show things: what is deleted, sent or filled is decided by git's own objects.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import objects
from git_mlvc.oid import DIGEST_SIZE, Oid

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_MAGIC = b"git-mlvc known blobs 1\n"
_NO_POINTER = bytes(DIGEST_SIZE)
_VALUE = struct.Struct(f">{DIGEST_SIZE}sQQ")  # oid of the content, its size, the blob's size
_WORTH_WRITING = 200

Blob = tuple[Pointer | None, int]  # the pointer it is, or None; and its own size in bytes
ABSENT: Blob = (None, 0)  # a blob that is not here (partial clone), or was not asked for


class KnownBlobs:
    """The blobs of one repository, by their ids in binary. `learn` first, then look up."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._path = repo.common_dir / "mlvc" / f"known-blobs-{repo.object_format}"
        self._rows = b""
        self._at: dict[bytes, int] = {}  # where in `_rows` a blob's value stands
        self._fresh: dict[bytes, bytes] = {}

    def __getitem__(self, blob: bytes) -> Blob:
        at = self._at.get(blob)
        if at is not None:
            digest, content_size, size_bytes = _VALUE.unpack_from(self._rows, at)
        elif blob in self._fresh:
            digest, content_size, size_bytes = _VALUE.unpack(self._fresh[blob])
        else:
            return ABSENT
        return (None if digest == _NO_POINTER else Pointer(Oid(digest), content_size)), size_bytes

    def learn(self, blobs: Iterable[bytes]) -> None:
        """See to it that these are known, as far as git has them. Raises GitError."""
        wanted = set(blobs)
        if len(wanted) > _WORTH_WRITING:
            self._read()
        unknown = [blob.hex() for blob in wanted if blob not in self._at]
        if not unknown:
            return
        self._fresh = {
            bytes.fromhex(blob.sha): _value(blob.pointer, blob.size_bytes)
            for blob in objects.blobs(self._repo, unknown)
        }
        if len(self._fresh) > _WORTH_WRITING:
            self._write(wanted)

    def _read(self) -> None:
        from blake3 import blake3

        width = self._repo.hash_size + _VALUE.size
        try:
            data = self._path.read_bytes()
        except OSError:
            return
        start, end = len(_MAGIC), len(data) - DIGEST_SIZE
        if not data.startswith(_MAGIC) or end < start or (end - start) % width:
            return
        if blake3(memoryview(data)[:end]).digest() != data[end:]:
            return
        key = self._repo.hash_size
        self._rows = data
        self._at = {data[at : at + key]: at + key for at in range(start, end, width)}

    def _write(self, wanted: set[bytes]) -> None:
        """Keep what is fresh beside what was known; of that, if it became many, only what is wanted."""
        from blake3 import blake3

        from git_mlvc.fs import atomic

        out = bytearray(_MAGIC)
        is_grown = len(self._at) >= 2 * len(wanted)
        for blob, at in self._at.items():
            if not is_grown or blob in wanted:
                out += blob + self._rows[at : at + _VALUE.size]
        for blob, value in self._fresh.items():
            out += blob + value
        out += blake3(out).digest()
        try:
            os.makedirs(self._path.parent, exist_ok=True)
            atomic.write_file(self._path, out, durable=False)
        except OSError:
            pass  # a read-only repository: it is asked again next time


def _value(pointer: Pointer | None, size_bytes: int) -> bytes:
    if pointer is None:
        return _VALUE.pack(_NO_POINTER, 0, size_bytes)
    return _VALUE.pack(pointer.oid.digest, pointer.size_bytes, size_bytes)

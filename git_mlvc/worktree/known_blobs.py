"""What git's blobs are, remembered between two looks: pointers, or content of some size.

A blob never changes, so what is known of it stays true. Asking git for 20,000 loose blobs takes a second;
this file, beside the store, milliseconds. It may vanish at any time, carries its own checksum, and is
asked only to show things: what is deleted, sent or filled is decided by git's own objects.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import objects
from git_mlvc.oid import DIGEST_SIZE, Oid

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_MAGIC = b"git-mlvc known blobs 1\n"
_NO_POINTER = bytes(DIGEST_SIZE)
_WORTH_WRITING = 200


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob: the pointer it is, or None; and its own size."""

    pointer: Pointer | None
    size_bytes: int


def look_up(repo: Repository, shas: Iterable[str]) -> dict[str, Blob]:
    """Return what the blobs are; those that are not here (partial clone) are left out."""
    wanted = dict.fromkeys(shas)
    place = repo.common_dir / "mlvc" / f"known-blobs-{repo.object_format}"
    remembered = _read(place, repo.hash_size) if len(wanted) > _WORTH_WRITING else {}
    unknown = [sha for sha in wanted if sha not in remembered]
    fresh = {blob.sha: Blob(blob.pointer, blob.size_bytes) for blob in objects.blobs(repo, unknown)}
    found = {sha: remembered[sha] for sha in wanted if sha in remembered} | fresh
    if len(fresh) > _WORTH_WRITING:
        kept = remembered if len(remembered) < 2 * len(found) else {}
        _write(place, kept | found)
    return found


def _read(place: Path, hash_size: int) -> dict[str, Blob]:
    from blake3 import blake3

    try:
        data = place.read_bytes()
    except OSError:
        return {}
    body = memoryview(data)[: -len(_NO_POINTER)]
    row = struct.Struct(f">{hash_size}s{DIGEST_SIZE}sQQ")
    if not data.startswith(_MAGIC) or (len(body) - len(_MAGIC)) % row.size:
        return {}
    if blake3(body).digest() != data[-DIGEST_SIZE:]:
        return {}
    return {
        sha.hex(): Blob(None if oid == _NO_POINTER else Pointer(Oid(oid), content_size), blob_size)
        for sha, oid, content_size, blob_size in row.iter_unpack(body[len(_MAGIC) :])
    }


def _write(place: Path, blobs: dict[str, Blob]) -> None:
    from blake3 import blake3

    from git_mlvc.fs import atomic

    out = bytearray(_MAGIC)
    for sha, blob in blobs.items():
        out += bytes.fromhex(sha)
        out += blob.pointer.oid.digest if blob.pointer else _NO_POINTER
        out += struct.pack(">QQ", blob.pointer.size_bytes if blob.pointer else 0, blob.size_bytes)
    out += blake3(out).digest()
    try:
        os.makedirs(place.parent, exist_ok=True)
        atomic.write_file(place, out, durable=False)
    except OSError:
        pass  # a read-only repository: it is asked again next time

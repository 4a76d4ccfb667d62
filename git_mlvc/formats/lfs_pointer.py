"""git-lfs pointers, version 1: the three lines by which git-lfs and its servers know an object.

Written where a git-lfs server keeps data for us (docs/formats/lfs.md). The specification is git-lfs's own; what has
more keys, another order or another line end is somebody else's and is not read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from git_mlvc.errors import FormatError

MAX_POINTER_BYTES = 200
_FORM = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"oid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,17})\n\Z"
)


@dataclass(frozen=True, slots=True, order=True)
class LfsPointer:
    """`sha256`: 64 lowercase hex digits, of the object's bytes."""

    sha256: str
    size_bytes: int


def encode(pointer: LfsPointer) -> bytes:
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{pointer.sha256}\nsize {pointer.size_bytes}\n"
    ).encode("ascii")


def decode(data: bytes) -> LfsPointer:
    """Raises FormatError for anything that `encode` does not write."""
    found = _FORM.match(data[: MAX_POINTER_BYTES + 1])
    if found is None:
        raise FormatError("not a git-lfs pointer of the form that git-mlvc writes")
    return LfsPointer(found[1].decode("ascii"), int(found[2]))

"""Pointers: the three lines of text that git stores in the place of a large file.

Layout and promise: docs/formats/pointer.md. The oid names the whole content, so a pointer does not
depend on chunking, packing or compression; identical content has an identical pointer for ever.
"""

from __future__ import annotations

import re

from git_mlvc.errors import FormatError
from git_mlvc.oid import Oid
from git_mlvc.values import value_class

MAGIC = b"git-mlvc pointer "
# Far above the longest pointer (three lines, 20 digits): a cheap first test.
MAX_POINTER_BYTES = 200
# Git reads these itself, or we do before any data is there: they never become pointers.
NEVER_DATA = frozenset(
    {b".gitattributes", b".gitignore", b".gitmodules", b"mlvc.toml", b"mlvc.lock"}
)
_CANONICAL = re.compile(
    rb"git-mlvc pointer 1\r?\noid blake3:([0-9a-f]{64})\r?\nsize (0|[1-9][0-9]{0,18})\r?\n\Z"
)


@value_class(order=True)
class Pointer:
    """Names some content: its id and its size in bytes."""

    oid: Oid
    size_bytes: int

    def __post_init__(self) -> None:
        if self.size_bytes < 1:
            raise ValueError("empty content is its own pointer")


def encode(pointer: Pointer) -> bytes:
    """Return the one canonical form."""
    digest = pointer.oid.digest.hex().encode("ascii")
    return b"git-mlvc pointer 1\noid blake3:%s\nsize %d\n" % (digest, pointer.size_bytes)


def decode(data: bytes) -> Pointer:
    """Read a pointer; CRLF is tolerated (git may add it), nothing else is. Raises FormatError."""
    found = _CANONICAL.match(data) if len(data) <= MAX_POINTER_BYTES else None
    if found is None:
        raise FormatError("not a pointer", why=f"{len(data)} bytes that are not the three lines")
    size_bytes = int(found[2])
    if size_bytes == 0:
        raise FormatError("not a pointer", why="empty content is its own pointer")
    pointer = Pointer(Oid(bytes.fromhex(found[1].decode("ascii"))), size_bytes)
    if encode(pointer) != data.replace(b"\r\n", b"\n"):
        raise FormatError("not a pointer", why="not in canonical form")
    return pointer


def sniff(data: bytes) -> Pointer | None:
    """Return the pointer that `data` exactly is, else None."""
    if len(data) > MAX_POINTER_BYTES or not data.startswith(MAGIC):
        return None
    try:
        return decode(data)
    except FormatError:
        return None


def is_damaged(head: bytes, size_bytes: int) -> bool:
    """True if content of `size_bytes` beginning with `head` was a pointer once and is none now.

    That is: it begins with a pointer's magic, or with git's conflict marker and then one, and is
    not exactly a pointer. `head` holds at least the first MAX_POINTER_BYTES of the content.
    """
    first = head
    if first.startswith(b"<<<<<<< "):
        first = first.split(b"\n", 1)[-1]
    if not first.startswith(MAGIC):
        return False
    return size_bytes > MAX_POINTER_BYTES or sniff(head[:size_bytes]) is None


def is_never_data(path: bytes) -> bool:
    """True for files that never become pointers, whatever the attributes say."""
    return path.rpartition(b"/")[2] in NEVER_DATA

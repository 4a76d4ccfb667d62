"""Trees: the files of a directory, each with the id of its content.

Layout: docs/formats/tree.md. Equal directories have equal trees, so the BLAKE3 of a tree names the whole
directory. What is written here are contents like any others: the store cuts and keeps them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from git_mlvc.errors import FormatError
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath

MAGIC = b"MLVCTREE"
VERSION = 1
HEADER = struct.Struct("<8sB3xI")  # magic, version, rows
_HEAD = struct.Struct("<32sQB")  # content id, size, whether it is a program; then path and NUL
_ROW = re.compile(rb"([\x00-\xff]{32})([\x00-\xff]{8})([\x00\x01])([^\x00]+)\x00")
_NO_BYTES = bytes.fromhex("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
MAX_SIZE = (1 << 63) - 1
MAX_ROWS = (1 << 32) - 1


class TreeRow(NamedTuple):
    """A file: its path relative to the directory, as bytes with forward slashes, and its content."""

    path: bytes
    oid: Oid
    size_bytes: int
    is_executable: bool = False


RawRow = tuple[bytes, bytes, int, bool]  # as TreeRow, with the digest of the oid


def encode(rows: Iterable[TreeRow]) -> bytes:
    """Return the one form of these rows, in whatever order they come.

    Raises ValueError for what `decode` would refuse.
    """
    ordered = sorted(rows)
    problem = _problem(ordered)
    if problem:
        raise ValueError(problem)
    return _encoded(ordered)


def encode_raw(rows: Iterable[RawRow]) -> bytes:
    """As `encode`, in the order given and unchecked: of rows that are known to be a tree's, in its order."""
    pack = _HEAD.pack
    parts = [b""]
    count = 0
    for path, digest, size_bytes, is_executable in rows:
        parts.append(pack(digest, size_bytes, is_executable) + path)
        count += 1
    parts[0] = HEADER.pack(MAGIC, VERSION, count)
    return b"\0".join([parts[0] + parts[1], *parts[2:], b""]) if count else parts[0]


def decode(data: bytes | bytearray | memoryview) -> list[TreeRow]:
    """Return the rows by path. Raises FormatError for anything that `encode` does not write."""
    data = bytes(data)
    if len(data) < HEADER.size or not data.startswith(MAGIC):
        raise _broken("it does not begin like one", 0)
    _, version, count = HEADER.unpack_from(data)
    if version != VERSION:
        raise FormatError(
            "cannot read a tree",
            why=f"its version is {version}, this git-mlvc reads version {VERSION}",
            hint="it was written by a newer git-mlvc: upgrade git-mlvc",
        )
    if count > (len(data) - HEADER.size) // (_HEAD.size + 2):
        raise _broken(f"it is too short for its {count} rows", len(data))
    as_number = int.from_bytes
    rows = [
        TreeRow(path, Oid(digest), as_number(size, "little"), mode == b"\1")
        for digest, size, mode, path in _ROW.findall(data, HEADER.size)
    ]
    problem = _problem(rows)
    if problem:
        raise _broken(problem, HEADER.size)
    if len(rows) != count or _encoded(rows) != data:
        raise _broken(f"it is not {count} whole rows", HEADER.size)
    return rows


def can_be(digest: bytes, size_bytes: int) -> bool:
    """True if a content may have this id and size."""
    return 0 <= size_bytes <= MAX_SIZE and (size_bytes == 0) == (digest == _NO_BYTES)


def sizes(rows: Iterable[TreeRow]) -> int:
    """Return how many bytes all files have together."""
    return sum(row.size_bytes for row in rows)


def _encoded(rows: Sequence[TreeRow]) -> bytes:
    return encode_raw([(path, oid.digest, size, x) for path, oid, size, x in rows])


def _problem(rows: Sequence[TreeRow]) -> str:
    """Return why these rows, in this order, are no tree; or nothing."""
    if len(rows) > MAX_ROWS:
        return f"{len(rows)} rows are more than {MAX_ROWS}"
    before = b""
    folders: set[bytes] = set()
    for path, oid, size_bytes, _ in rows:
        if path <= before:
            return f"{path!r} comes after {before!r}"
        before = path
        try:
            RepoPath(path)
        except ValueError as exc:
            return str(exc)
        if not can_be(oid.digest, size_bytes):
            return f"{path!r} cannot be {size_bytes} bytes of that name"
        folder = path.rpartition(b"/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    both = next((row.path for row in rows if row.path in folders), None)
    return "" if both is None else f"{both!r} is a file and a directory"


def _broken(why: str, offset: int) -> FormatError:
    return FormatError("damaged tree", why=f"tree version {VERSION}, offset {offset}: {why}")

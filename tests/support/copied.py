"""Repositories copied as they stand, so that git takes the copy to be what it knows.

To play a scene takes a second of processes; to copy it, a few milliseconds. A copied file has another inode than
the index remembers, so git would have all of it cleaned again: the copy's index is told of its own files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from pathlib import Path

_HEADER = struct.Struct(">4sLL")
# ctime and mtime in s and ns, device, inode.
_STAT = struct.Struct(">6L")
_NAME_AT = 62


def copy_repository(source: Path, target: Path) -> None:
    """Put a copy of the repository `source` in place of `target`, times and all. Its index is `is_plain`."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("*.sample"))
    index = target / ".git" / "index"
    stamp = index.stat()
    index.write_bytes(_of_its_own_files(index.read_bytes(), target))
    # How young the index is beside its files says which of them git would look into.
    os.utime(index, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    noted = target / ".git" / "mlvc" / "installed"
    if noted.exists():
        noted.write_bytes(noted.read_bytes().replace(bytes(source), bytes(target)))


def is_plain(repository: Path) -> bool:
    """True if the index is of version 2 and in one piece, with names of 20 bytes."""
    index = (repository / ".git" / "index").read_bytes()
    config = (repository / ".git" / "config").read_text().lower()
    return (
        _HEADER.unpack_from(index)[1] == 2
        and "splitindex" not in config
        and "objectformat" not in config
    )


def _of_its_own_files(index: bytes, worktree: Path) -> bytes:
    data = bytearray(index)
    at = _HEADER.size
    for _ in range(_HEADER.unpack_from(data)[2]):
        end = data.index(b"\0", at + _NAME_AT)
        info = os.lstat(os.path.join(bytes(worktree), bytes(data[at + _NAME_AT : end])))
        ctime, mtime = (divmod(time_ns, 10**9) for time_ns in (info.st_ctime_ns, info.st_mtime_ns))
        _STAT.pack_into(
            data, at, *ctime, *mtime, info.st_dev & 0xFFFFFFFF, info.st_ino & 0xFFFFFFFF
        )
        at += (end - at + 8) & ~7
    data[-20:] = hashlib.sha1(data[:-20]).digest()
    return bytes(data)

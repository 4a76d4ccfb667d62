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

from support.repo import Clock, Machine

_HEADER = struct.Struct(">4sLL")
# ctime and mtime in s and ns, device, inode.
_STAT = struct.Struct(">6L")
_NAME_AT = 62


def copied(machine: Machine, root: Path) -> Machine:
    """Return a machine at `root` with all that this one has; repositories know each other where they are now."""
    copy = Machine(root, Clock(machine.clock.now), dict(machine.extra_env))
    found = repositories(machine.root)
    for path in machine.root.iterdir():
        if path in found:
            copy_repository(path, root / path.name)
        elif path.is_dir():
            shutil.copytree(path, root / path.name, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(path, root / path.name)
    return copy


def repositories(root: Path) -> list[Path]:
    """Return those that stand in a directory, bare ones among them."""
    places = sorted(path for path in root.iterdir() if path.is_dir())
    return [path for path in places if (path / ".git").is_dir() or (path / "objects").is_dir()]


def copy_repository(source: Path, target: Path) -> None:
    """Put a copy of the repository `source` in place of `target`, times and all. Its index is `is_plain`."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("*.sample"))
    git_dir = target / ".git" if (target / ".git").exists() else target
    index = git_dir / "index"
    if index.exists():
        stamp = index.stat()
        index.write_bytes(_of_its_own_files(index.read_bytes(), target))
        # How young the index is beside its files says which of them git would look into.
        os.utime(index, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    for telling in (git_dir / "config", git_dir / "mlvc" / "installed"):
        if telling.exists():
            text = telling.read_bytes()
            telling.write_bytes(text.replace(bytes(source.parent), bytes(target.parent)))


def is_plain(repository: Path) -> bool:
    """True if the index is of version 2 and in one piece, with names of 20 bytes."""
    git_dir = repository / ".git" if (repository / ".git").exists() else repository
    config = (git_dir / "config").read_text().lower()
    index = git_dir / "index"
    if not index.exists():
        return True
    return (
        _HEADER.unpack_from(index.read_bytes())[1] == 2
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

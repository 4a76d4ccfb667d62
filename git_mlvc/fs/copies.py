"""True copies of files and directories, which share blocks where the file system can.

A copy has the modes and time stamps of what it was made from. Links are copied as links; pipes, sockets and
devices hold nothing and are left out. OSError passes through as it comes.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.fs import reflink

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_WRITE = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)


def copy(source: Path, target: Path, *, durable: bool = False) -> None:
    """Copy what stands at `source` to `target`, where nothing may stand. Parts may be left on an error.

    `durable`: files survive a power cut, for when the source is to go.
    """
    info = os.lstat(source)
    if stat.S_ISLNK(info.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISDIR(info.st_mode):
        os.mkdir(target, 0o700)
        for name in sorted(os.listdir(source)):
            copy(source / name, target / name, durable=durable)
        _dress(target, info)
    elif stat.S_ISREG(info.st_mode):
        _copy_file(source, target, durable=durable)


def remove(path: Path) -> None:
    """Remove a file, or a directory with all that is in it; that it is gone already is as good."""
    try:
        os.unlink(path)
        return
    except FileNotFoundError:
        return
    except OSError:
        if not os.path.isdir(path) or os.path.islink(path):
            raise
    for folder, _, _ in os.walk(path):  # or what is in a read-only one could not be removed
        os.chmod(folder, 0o700)
    shutil.rmtree(path)


def is_untouched(original: Path, copy: Path, until_ns: int) -> bool:
    """True if nobody has written to `copy`, made until then (a ctime), nor put anything in or out of it."""
    for one, two in ((original, copy), *_pairs(original, copy)):
        try:
            before, now = os.lstat(one), os.lstat(two)
        except OSError:
            return False
        if (before.st_mode, before.st_mtime_ns) != (now.st_mode, now.st_mtime_ns):
            return False
        if now.st_ctime_ns > until_ns:
            return False
        if not stat.S_ISDIR(now.st_mode) and before.st_size != now.st_size:
            return False
    return True


def _pairs(one: Path, two: Path) -> Iterator[tuple[Path, Path]]:
    """Yield what is in either of two directories, side by side."""
    if not os.path.isdir(one) or os.path.islink(one):
        return
    inner: dict[Path, None] = {}
    for top in (one, two):
        for folder, folders, names in os.walk(top):
            here = Path(folder).relative_to(top)
            inner.update(dict.fromkeys(here / name for name in [*folders, *names]))
    for name in inner:
        yield one / name, two / name


def _copy_file(source: Path, target: Path, *, durable: bool) -> None:
    source_fd = os.open(source, _READ)
    try:
        info = os.fstat(source_fd)
        target_fd = os.open(target, _WRITE, 0o600)
        try:
            if not reflink.clone_file(source_fd, target_fd):
                reflink.copy_range(source_fd, 0, target_fd, 0, info.st_size)
            if durable:
                os.fsync(target_fd)
        finally:
            os.close(target_fd)
        _dress(target, info)
    finally:
        os.close(source_fd)


def _dress(target: Path, info: os.stat_result) -> None:
    os.chmod(target, stat.S_IMODE(info.st_mode))
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))

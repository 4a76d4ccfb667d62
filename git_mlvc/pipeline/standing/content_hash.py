"""What is in a file: read once, in blocks, and only if it holds still meanwhile."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from git_mlvc.errors import InputError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import MAX_POINTER_BYTES
from git_mlvc.pipeline.standing.stat_cache import moment
from git_mlvc.repo_path import shown

_BLOCK_BYTES = 4 << 20
_SMALL_BYTES = 64 << 10
_TRIES = 3
# Not O_NOFOLLOW: a stage may need what a link leads to. O_NONBLOCK: a pipe must not hold us up.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FLAGS |= getattr(os, "O_NONBLOCK", 0)


class Content(NamedTuple):
    """The id and size of what is in a file; of a stub, of the content that it stands for."""

    digest: bytes
    size_bytes: int


class Reading(NamedTuple):
    """A content, what its file looked like, and a moment before it was read."""

    content: Content
    info: os.stat_result
    read_at: int


def read(path: bytes, place: bytes, clock: Callable[[], int] = moment) -> Reading:
    """Hash the file at `place`; `path` is what to call it.

    Memory: a block. Raises FileNotFoundError if it is gone; InputError if it cannot be read, is no regular
    file, or is being written to all the time.
    """
    try:
        for _ in range(_TRIES):
            read_at = clock()
            fd = os.open(place, _FLAGS)
            try:
                before = os.fstat(fd)
                if not stat.S_ISREG(before.st_mode):
                    raise not_regular(path, before.st_mode)
                content = _content(fd, before.st_size)
                after = os.fstat(fd)
            finally:
                os.close(fd)
            if _stamps(before) == _stamps(after):
                return Reading(content, after, read_at)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise unreadable(path, exc) from exc
    raise InputError(
        f"cannot tell what is in {shown(path)}",
        why="somebody writes to it while it is being read",
        hint="try again when whoever writes it has finished",
    )


def unreadable(path: bytes, exc: OSError) -> InputError:
    return InputError(
        f"cannot read {shown(path)}",
        why=exc.strerror or str(exc),
        hint="a stage can only need what can be read: correct its permissions, or `deps`",
    )


def not_regular(path: bytes, mode: int) -> InputError:
    """Return the error for what is neither a file nor a directory."""
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFDIR: "a directory",
    }
    return InputError(
        f"cannot tell what is in {shown(path)}",
        why=f"it is {kinds.get(stat.S_IFMT(mode), 'no regular file')}",
        hint="stages need and make files and directories: move it, or correct `deps` and `outs`",
    )


def _content(fd: int, size_bytes: int) -> Content:
    from blake3 import blake3

    if size_bytes <= _SMALL_BYTES:
        data = os.read(fd, _SMALL_BYTES + 1)
        if len(data) == size_bytes:
            return _small(data)
        os.lseek(fd, 0, os.SEEK_SET)  # it grows, or reads come in pieces
    hasher = blake3(max_threads=blake3.AUTO if size_bytes > _BLOCK_BYTES else 1)
    buffer = bytearray(max(_SMALL_BYTES, min(_BLOCK_BYTES, size_bytes)))
    view = memoryview(buffer)
    total = 0
    with open(fd, "rb", buffering=0, closefd=False) as file:
        while count := file.readinto(buffer):
            hasher.update(view[:count])
            total += count
    return Content(hasher.digest(), total)


def _small(data: bytes) -> Content:
    from blake3 import blake3

    if len(data) <= MAX_POINTER_BYTES:
        pointer = pointer_format.sniff(data)
        if pointer is not None and tree.can_be(pointer.oid.digest, pointer.size_bytes):
            return Content(pointer.oid.digest, pointer.size_bytes)
    return Content(blake3(data).digest(), len(data))


def _stamps(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_size, info.st_mtime_ns, info.st_ctime_ns

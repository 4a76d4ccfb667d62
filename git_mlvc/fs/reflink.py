"""Copies that cost nothing where the file system can share blocks, and are true copies for all that.

Never a hard link: a second name for the same bytes is not a second copy, and writing through one
name would change the other.
"""

from __future__ import annotations

import errno
import os
import struct
import sys

_FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_FICLONERANGE = 0x4020940D  # linux/fs.h: _IOW(0x94, 13, struct file_clone_range)
_CLONE_RANGE = struct.Struct("=qQQQ")  # source, where in it, how much, where to
_BLOCK = 1 << 20
_LONGEST_RANGE = 1 << 30  # the kernel caps a call near 2 GiB; smaller steps stay interruptible
_USE_PLAIN_COPY = (
    errno.EXDEV,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.EINVAL,
    errno.EPERM,
    errno.EBADF,
    errno.EIO,
)


def clone_file(src_fd: int, dst_fd: int) -> bool:
    """Make the whole of `dst_fd` share the blocks of `src_fd`. False: this file system cannot."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(dst_fd, _FICLONE, src_fd)
    except OSError:
        return False
    return True


def clone_range(src_fd: int, src_off: int, dst_fd: int, dst_off: int, n: int) -> bool:
    """Make `n` bytes of `dst_fd` share their blocks with `src_fd`. False: this cannot be done here.

    Offsets and `n` must be whole blocks of the file system.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(dst_fd, _FICLONERANGE, _CLONE_RANGE.pack(src_fd, src_off, n, dst_off))
    except OSError:
        return False
    return True


def copy_range(src_fd: int, src_off: int, dst_fd: int, dst_off: int, n: int) -> None:
    """Copy `n` bytes between files, in the kernel where it can; file positions do not move.

    Raises OSError, with EIO if the source ends too early.
    """
    left = n
    while left and hasattr(os, "copy_file_range"):
        try:
            done = os.copy_file_range(
                src_fd, dst_fd, min(left, _LONGEST_RANGE), src_off + n - left, dst_off + n - left
            )
        except OSError as exc:
            if exc.errno in _USE_PLAIN_COPY:
                break
            raise
        if done == 0:  # the end of the source, or a file system that lies about its sizes
            break
        left -= done
    while left:
        block = os.pread(src_fd, min(left, _BLOCK), src_off + n - left)
        if not block:
            raise OSError(errno.EIO, f"the source ended {left} bytes too early")
        written = 0
        while written < len(block):
            written += os.pwrite(dst_fd, block[written:], dst_off + n - left + written)
        left -= len(block)

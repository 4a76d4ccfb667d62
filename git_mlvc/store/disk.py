"""What the store asks of the operating system when it writes: a handful of calls, in one value.

Everything that makes, changes or removes a file of the store goes through a `Disk`, so that tests
can make any one of these calls the last one (law 10) or fail as on a full disk.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from git_mlvc.errors import StoreError
from git_mlvc.fs.atomic import Permissions

_HINTS = {
    errno.ENOSPC: "free some space on that file system and run the same command again",
    errno.EDQUOT: "your quota is used up: free some space and run the same command again",
    errno.EFBIG: "a limit on file sizes (`ulimit -f`) is in the way",
    errno.EROFS: "the file system is mounted read-only: mount it writable and run the command again",
    errno.EACCES: "make the directory writable for you, or set `mlvc.store` to one that is",
    errno.EPERM: "make the directory writable for you, or set `mlvc.store` to one that is",
}


def store_error(what: str, exc: OSError) -> StoreError:
    """Return the error that says what the operating system refused and what would help."""
    hint = _HINTS.get(exc.errno or 0, "")
    return StoreError(what, why=exc.strerror or str(exc), hint=hint)


class Disk:
    """The calls that write, with this store's permissions applied to whatever is made."""

    def __init__(self, permissions: Permissions | None = None) -> None:
        self.permissions = permissions or Permissions()

    def create(self, path: str) -> int:
        """Return a descriptor, open for reading and writing, of a file that was not there before."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, 0o666)
        if self.permissions.file_mode is not None:
            os.fchmod(fd, self.permissions.file_mode)
        return fd

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write all of `data` at `offset`. On error any part of it may be there."""
        written = os.pwrite(fd, data, offset)
        if written != len(data):
            rest = memoryview(data)
            while written < len(rest):
                written += os.pwrite(fd, rest[written:], offset + written)

    def start_writing(self, fd: int, offset: int, size_bytes: int) -> None:
        """Have the disk begin with these bytes, so that a later `sync` finds little left to wait for.

        A hint where the system knows it (Linux); what is on its way stays in the page cache.
        """
        advise = getattr(os, "posix_fadvise", None)
        if advise is not None:
            try:
                advise(fd, offset, size_bytes, os.POSIX_FADV_DONTNEED)
            except OSError:
                pass

    def truncate(self, fd: int, size_bytes: int) -> None:
        os.ftruncate(fd, size_bytes)

    def sync(self, fd: int) -> None:
        os.fsync(fd)

    def sync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | os.O_CLOEXEC)
        try:
            self.sync(fd)
        finally:
            os.close(fd)

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def remove(self, path: str) -> None:
        """Remove a file; that it is gone already is as good."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass

    def make_dir(self, path: str) -> bool:
        """Make a directory and what is missing above it; return False if it was there."""
        if os.path.isdir(path):
            return False
        parent = os.path.dirname(path)
        if parent and parent != path:
            self.make_dir(parent)
        try:
            os.mkdir(path)
        except FileExistsError:
            return False
        if self.permissions.dir_mode is not None:
            os.chmod(path, self.permissions.dir_mode)
        return True

    def write_new(self, tmp_dir: str, name: str, data: bytes, target: Path | str) -> None:
        """Publish `data` at `target`: temporary file, fsync, rename, fsync of the directory."""
        temporary = f"{tmp_dir}/{name}"
        fd = self.create(temporary)
        try:
            self.pwrite(fd, data, 0)
            self.sync(fd)
        except OSError:
            self.remove(temporary)
            raise
        finally:
            os.close(fd)
        self.rename(temporary, str(target))
        self.sync_dir(os.path.dirname(str(target)))

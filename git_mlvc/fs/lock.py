"""A lock on a file, held by one at a time among processes and threads.

`flock` belongs to the open file: two FileLocks on one path exclude each other even inside one
process, and the kernel lets go when the holder dies, so there are no stale locks to break. A child
made by fork shares its parent's lock until both have closed it; a program started by exec does not
inherit it. The file stays after release: removing it would let two holders lock two files of one name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path
from types import TracebackType

from git_mlvc.errors import FormatError, StoreLocked
from git_mlvc.fs.atomic import UMASK, Permissions
from git_mlvc.fs.owner import Owner

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.1
_BUSY = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)


class FileLock:
    """`with FileLock(path, timeout_s=10): …`. Not reentrant.

    The file holds the owner and `owner_note`, so that whoever waits in vain can be told for whom.
    """

    def __init__(
        self,
        path: Path,
        *,
        timeout_s: float,
        owner_note: str = "",
        permissions: Permissions = UMASK,
    ) -> None:
        self.path = path
        self.timeout_s = timeout_s
        self.owner_note = owner_note
        self.permissions = permissions
        self._fd: int | None = None

    def acquire(self) -> None:
        """Raises StoreLocked after `timeout_s`; OSError if the file cannot be made."""
        if self._fd is not None:
            raise ValueError(f"{self.path} is already locked through this object")
        fd = self._open()
        try:
            self._wait(fd)
            self._sign(fd)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            _unlock(fd)
        finally:
            os.close(fd)

    def fileno(self) -> int:
        """Return the descriptor of the lock that is held: who inherits it holds the lock too.

        `release` lets go of it for all of them. Raises ValueError if it is not held.
        """
        if self._fd is None:
            raise ValueError(f"{self.path} is not locked through this object")
        return self._fd

    def sign(self, owner_note: str) -> None:
        """Change what those who wait are told, while we hold it."""
        self.owner_note = owner_note
        if self._fd is not None:
            self._sign(self._fd)

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _open(self) -> int:
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            try:
                return os.open(self.path, os.O_RDWR)
            except PermissionError:  # another user's file; locking it needs no writing
                return os.open(self.path, os.O_RDONLY)
        if self.permissions.file_mode is not None and hasattr(os, "fchmod"):
            os.fchmod(fd, self.permissions.file_mode)
        return fd

    def _wait(self, fd: int) -> None:
        deadline = time.monotonic() + self.timeout_s
        pause = _FIRST_PAUSE_S
        while not _try_lock(fd):
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._refusal(fd)
            time.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _sign(self, fd: int) -> None:
        text = Owner.current().encode() + b"\n" + self.owner_note.encode("utf-8", "replace")
        # A full disk must not stop a lock that is already held; only its signature is lost.
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, text[:2048])

    def _refusal(self, fd: int) -> StoreLocked:
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            encoded, _, note = os.read(fd, 2048).partition(b"\n")
            holder = str(Owner.decode(encoded))
            if note:
                holder += f" ({note.decode('utf-8', 'replace')})"
        except (OSError, FormatError):
            holder = "another process"
        return StoreLocked(
            f"cannot lock {self.path}",
            why=f"{holder} has held it for {self.timeout_s:g} seconds or longer",
            hint="wait for it to end, then run the command again",
        )


if sys.platform == "win32":
    import msvcrt

    # A byte far behind the signature: Windows locks are mandatory and would hide what they cover.
    _LOCKED_BYTE = 1 << 20

    def _try_lock(fd: int) -> bool:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as exc:
            if exc.errno in _BUSY:
                return False
            raise
        return True

    def _unlock(fd: int) -> None:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno in _BUSY:
                return False
            raise
        return True

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)

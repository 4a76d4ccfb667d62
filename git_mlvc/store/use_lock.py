"""Who uses the store, and who takes things away from it: never both at once.

Sessions hold the lock together, `gc` holds it alone: a session may be about to promise a chunk that
it found in an old pack, which must then still be there (law 11). The kernel lets go when a holder
dies.
"""

from __future__ import annotations

import contextlib
import os
import sys

from git_mlvc.errors import StoreLocked
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout

if sys.platform != "win32":
    import fcntl


def make_lock_file(path: str, disk: Disk) -> None:
    """Make an empty lock file that everyone who may use the store can open."""
    if not os.path.exists(path):
        disk.make_dir(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.close(disk.create(path))


class UseLock:
    """`acquire_shared` or `acquire_alone`, then `release`."""

    def __init__(self, layout: Layout, disk: Disk) -> None:
        self._path = layout.use_lock
        self._disk = disk
        self._fd = -1

    def acquire_shared(self) -> None:
        """Wait for a running gc to end. A store that cannot be written cannot lose anything either."""
        if self._fd >= 0:
            return
        try:
            make_lock_file(self._path, self._disk)
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        self._fd = fd
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_SH)

    def acquire_alone(self) -> None:
        """Raises StoreLocked while a session is open anywhere."""
        make_lock_file(self._path, self._disk)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            if sys.platform != "win32":
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self.release()
            raise StoreLocked(
                "cannot remove anything from the store now",
                why="another process is adding to it",
                hint="wait until the other git command has ended, then run this one again",
            ) from exc

    def release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

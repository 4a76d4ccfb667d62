"""Files that appear whole or not at all, and stay after a power cut.

Everything is written under a temporary name in the directory where it will live, synced, and then
renamed. OSError passes through as it comes: only the caller knows what the file was for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from git_mlvc.values import value_class

_CANNOT_SYNC_A_DIRECTORY = os.name == "nt"
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1  # linux/fcntl.h, linux/fs.h


@value_class
class Permissions:
    """Modes for new files and directories; None leaves them to the umask.

    `core.sharedRepository` gives the values.
    """

    file_mode: int | None = None
    dir_mode: int | None = None


UMASK = Permissions()


def open_temp(directory: Path, stem: str, permissions: Permissions = UMASK) -> tuple[int, Path]:
    """Create a new file for reading and writing in `directory`; return its descriptor and path.

    The caller closes the descriptor and renames or removes the file.
    """
    while True:
        path = directory / f".{stem}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            # 0o666 and not mkstemp's 0o600: the user's umask decides who else may read.
            fd = os.open(path, flags, 0o666)
        except FileExistsError:
            continue
        if permissions.file_mode is not None and hasattr(os, "fchmod"):
            os.fchmod(fd, permissions.file_mode)
        return fd, path


def write_file(
    path: Path,
    data: bytes | bytearray | memoryview,
    *,
    permissions: Permissions = UMASK,
    durable: bool = True,
) -> None:
    """Make `path` hold exactly `data`, replacing what was there in one step."""
    fd, temp = open_temp(path.parent, path.name[:100], permissions)
    try:
        try:
            _write_all(fd, data)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temp, path)
    except BaseException:
        _remove(temp)
        raise
    if durable:
        fsync_dir(path.parent)


def publish(temp: Path, final: Path, *, durable: bool = True) -> bool:
    """Give the finished file `temp` its name, unless something has that name already.

    True: `final` is now what `temp` was. False: `final` was there and is untouched. `temp` is gone
    either way.
    """
    if durable:
        fd = os.open(temp, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    published = _rename_if_absent(temp, final)
    if durable and published:
        fsync_dir(final.parent)
    return published


def _rename_if_absent(temp: Path, final: Path) -> bool:
    try:
        # link() refuses an existing name in one step, everywhere and over NFS too; rename() does not.
        os.link(temp, final)
    except FileExistsError:
        published = False
    except OSError:
        # No hard links here (FAT, some network mounts), or the link was made and the answer lost.
        if not os.path.lexists(final):
            return _rename_without_links(temp, final)
        published = _same_file(temp, final)
    else:
        published = True
    _remove(temp)
    return published


def _rename_without_links(temp: Path, final: Path) -> bool:
    """Rename in one step that refuses an existing name, where the system has such a step (Linux, most mounts).

    Elsewhere what came in between is replaced, whole by whole.
    """
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if hasattr(libc, "renameat2"):
            if libc.renameat2(
                _AT_FDCWD, os.fsencode(temp), _AT_FDCWD, os.fsencode(final), _RENAME_NOREPLACE
            ) == 0:  # fmt: skip
                return True
            if ctypes.get_errno() == errno.EEXIST:
                _remove(temp)
                return False
    os.rename(temp, final)
    return True


def _same_file(one: Path, two: Path) -> bool:
    try:
        return os.path.samefile(one, two)
    except OSError:
        return False


def make_dirs(path: Path, permissions: Permissions = UMASK, *, durable: bool = True) -> None:
    """Create `path` and what is missing above it; only what is created gets `dir_mode`."""
    if path.is_dir():
        return
    missing = [path]
    while not missing[-1].parent.is_dir() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for directory in reversed(missing):
        try:
            directory.mkdir()
        except FileExistsError:
            if not directory.is_dir():
                raise
            continue
        if permissions.dir_mode is not None:
            # The parent's setgid bit is inherited by mkdir and would be lost by a plain chmod.
            inherited = directory.stat().st_mode & 0o2000
            directory.chmod(permissions.dir_mode | inherited)
        if durable:  # or a file synced inside would be lost with its directory
            fsync_dir(directory.parent)


def fsync_dir(path: Path) -> None:
    """Make names in `path` survive a power cut, where the system can do that."""
    if _CANNOT_SYNC_A_DIRECTORY:
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        # Some network file systems refuse; their rename is as durable as they make it.
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(fd, rest) :]


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()

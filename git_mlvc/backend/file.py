"""A directory as a remote: a local disk, a mounted share, NFS.

Nothing here needs a lock server or a rename across mounts: each file is written under a temporary
name in its own directory, synced, and linked or renamed into place. Copies share blocks where the
file system can and are never hard links: a remote is a second copy. New files and directories
follow the mode and group of the directory that is there, so a shared bare repository stays shared.

What cannot be done here: a mount whose server is gone and that was mounted "hard" holds whoever touches it in
the kernel, where no time-out reaches (docs/guide/remotes.md).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as modes
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.address import local_path
from git_mlvc.backend.base import (
    Capability,
    Listed,
    NotFound,
    Offline,
    Stat,
    check_key,
    check_prefix,
    is_key,
    not_found,
    unwritable,
)
from git_mlvc.backend.opening import METERED_BYTES, Meter, Opening, unmetered
from git_mlvc.errors import ConfigError, InputError, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.fs import atomic, reflink
from git_mlvc.fs.atomic import Permissions

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}
_SHARE_HINT = "is the disk or share still there? `df` and `dmesg` may say more; then try again"
# FAT and some shares know no modes; that is their right.
_NO_MODES = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


def open_url(url: str, opening: Opening) -> FileBackend:
    """Return the driver for a path or a `file:` URL. Raises ConfigError."""
    path = local_path(url)
    if path is None:
        raise ConfigError(f"not the address of a directory: {url}")
    return FileBackend(path, opening.permissions, opening.meter)


class FileBackend:
    """`root` need not exist; the directory it stands in must, before anything is read or written."""

    capabilities = frozenset(Capability)

    def __init__(
        self, root: Path, permissions: Permissions = atomic.UMASK, meter: Meter = unmetered
    ) -> None:
        self.url = str(root)
        self._root = root
        self._permissions = permissions
        self._meter = meter
        self._made: set[Path] = set()

    def put(self, key: str, source: bytes | Path) -> None:
        with self._meaning("write", key):
            final = self._path(key)
            temp = self._write_temp(final, source)
            try:
                os.replace(temp, final)
            except BaseException:
                _remove(temp)
                raise
            atomic.fsync_dir(final.parent)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        with self._meaning("write", key):
            final = self._path(key)
            if final.exists():
                return False
            temp = self._write_temp(final, source)
            try:
                # Synced already: a second fsync of the same bytes would cost a round trip on NFS.
                published = atomic.publish(temp, final, durable=False)
            except BaseException:
                _remove(temp)
                raise
            atomic.fsync_dir(final.parent)
            return published

    def get(self, key: str) -> bytes:
        with self._meaning("read", key):
            data = self._path(key).read_bytes()
        self._meter(len(data))
        return data

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self._meaning("read", key):
            fd = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                data = os.pread(fd, length, start)
                while len(data) < length:
                    more = os.pread(fd, length - len(data), start + len(data))
                    if not more:
                        break
                    data += more
            finally:
                os.close(fd)
        self._meter(len(data))
        return data

    def get_file(self, key: str, target: int) -> None:
        with self._meaning("read", key):
            source = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                size_bytes = os.fstat(source).st_size
                os.ftruncate(target, 0)
                self._copy(source, target, size_bytes)
            except OSError as exc:
                if exc.errno in _FULL:  # nothing was written to the remote
                    raise unwritable(key, exc) from exc
                raise
            finally:
                os.close(source)

    def stat(self, key: str) -> Stat | None:
        try:
            with self._meaning("look for", key):
                found = self._path(key).stat()
        except NotFound:
            return None
        return Stat(found.st_size) if modes.S_ISREG(found.st_mode) else None

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        top = self._root / prefix if prefix else self._root
        try:
            with self._meaning("list", prefix or "."):
                found = list(_walk(top, prefix))
        except NotFound:
            return
        yield from found

    def delete(self, key: str) -> None:
        with contextlib.suppress(NotFound), self._meaning("delete", key):
            self._path(key).unlink()

    def close(self) -> None:
        pass

    # -- writing

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _write_temp(self, final: Path, source: bytes | Path) -> Path:
        """Write a synced temporary file beside `final` and return its path."""
        directory = final.parent
        self._make_dir(directory)
        like = directory.stat()
        fd, temp = atomic.open_temp(directory, final.name[:80])
        try:
            try:
                self._fill(fd, source)
                _follow_group(fd, like)
                _follow_mode(fd, self._file_mode(like))
                os.fsync(fd)
            finally:
                os.close(fd)
        except BaseException:
            _remove(temp)
            raise
        return temp

    def _fill(self, fd: int, source: bytes | Path) -> None:
        if isinstance(source, Path):
            try:
                source_fd = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            except OSError as exc:
                raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc
            try:
                self._copy(source_fd, fd, os.fstat(source_fd).st_size)
            finally:
                os.close(source_fd)
            return
        rest = memoryview(source)
        while rest:
            written = os.write(fd, rest[:METERED_BYTES])
            self._meter(written)
            rest = rest[written:]

    def _copy(self, source: int, target: int, size_bytes: int) -> None:
        """Copy a whole file into an empty one; for nothing where the file system shares blocks."""
        if reflink.clone_file(source, target):
            self._meter(size_bytes)
            return
        step = max(size_bytes, 1) if self._meter is unmetered else METERED_BYTES
        for at in range(0, size_bytes, step):
            length = min(step, size_bytes - at)
            reflink.copy_range(source, at, target, at, length)
            self._meter(length)

    def _make_dir(self, directory: Path) -> None:
        """Make `directory` and what is missing down to it, but nothing above the root."""
        if directory in self._made and directory.is_dir():
            return
        if not directory.is_dir():
            if directory == self._root:
                self._require_home()
            else:
                self._make_dir(directory.parent)
            like = directory.parent.stat()
            try:
                directory.mkdir()
            except FileExistsError:
                pass
            else:
                _follow_group(directory, like)
                mode = self._dir_mode(like)
                if mode is not None:
                    mode |= directory.stat().st_mode & modes.S_ISGID
                _follow_mode(directory, mode)
                atomic.fsync_dir(directory.parent)
        self._made.add(directory)

    def _dir_mode(self, like: os.stat_result) -> int | None:
        """Return the mode of a directory made inside `like`; None leaves it to the umask."""
        if like.st_mode & modes.S_ISVTX:  # a place for everybody, such as /tmp, says nothing
            return self._permissions.dir_mode
        return modes.S_IMODE(like.st_mode) & ~(modes.S_ISUID | modes.S_ISVTX) | 0o700

    def _file_mode(self, like: os.stat_result) -> int | None:
        if like.st_mode & modes.S_ISVTX:
            return self._permissions.file_mode
        return like.st_mode & 0o666 | 0o600

    # -- what went wrong

    def _require_home(self) -> None:
        """Raise Offline if the directory that the root stands in is not there."""
        home = self._root.parent
        if not home.is_dir():
            raise Offline(
                f"cannot reach {self.url}",
                why=f"there is no directory {home}",
                hint="is the disk mounted? Otherwise create that directory or mend the address",
            )

    @contextlib.contextmanager
    def _meaning(self, verb: str, key: str) -> Iterator[None]:
        """Turn OSErrors into what they mean for a remote."""
        try:
            yield
        except OSError as exc:
            raise self._meant(exc, verb, key) from exc

    def _meant(self, exc: OSError, verb: str, key: str) -> MlvcError:
        what = f"cannot {verb} {key} on {self.url}"
        why = exc.strerror or str(exc)
        if exc.errno in _ABSENT:
            return self._absent(key)
        if exc.errno in _FULL:
            return RemoteRefused(what, why=why, hint="free some space there, then push again")
        if exc.errno in _FORBIDDEN:
            return RemoteRefused(
                what, why=why, hint=f"ask for the right to {verb} files in {self.url}"
            )
        if exc.errno == errno.EISDIR:
            return RemoteRefused(what, why="a directory is in its place")
        return RemoteUnavailable(what, why=why, hint=_SHARE_HINT)

    def _absent(self, key: str) -> MlvcError:
        """Say what it means that there is no such name: not here, or nothing is here."""
        try:
            self._require_home()
            if self._root.exists() and not self._root.is_dir():
                return RemoteRefused(f"{self.url} is not a directory")
        except Offline as offline:
            return offline
        except OSError as exc:  # a share that went away in between
            return RemoteUnavailable(
                f"cannot reach {self.url}", why=exc.strerror or str(exc), hint=_SHARE_HINT
            )
        return not_found(self.url, key)


def _follow_group(target: int | Path, like: os.stat_result) -> None:
    """Give `target` the group of the directory it is in, if the system lets us."""
    if not hasattr(os, "chown"):
        return
    with contextlib.suppress(OSError):
        if os.stat(target).st_gid != like.st_gid:
            os.chown(target, -1, like.st_gid)


def _follow_mode(target: int | Path, mode: int | None) -> None:
    """Give `target` a mode, where the file system has modes."""
    if mode is None or (isinstance(target, int) and not hasattr(os, "fchmod")):
        return
    try:
        os.chmod(target, mode)
    except OSError as exc:
        if exc.errno not in _NO_MODES:
            raise


def _walk(top: Path, prefix: str) -> Iterator[Listed]:
    with os.scandir(top) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        key = prefix + entry.name
        if not is_key(key):
            continue
        try:
            if entry.is_dir():
                yield from _walk(Path(entry.path), key + "/")
            elif entry.is_file():
                yield Listed(key, entry.stat().st_size)
        except FileNotFoundError:
            continue  # deleted or renamed while we looked


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()

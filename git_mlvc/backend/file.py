"""A directory as a remote: a local disk, a mounted share, NFS.

Nothing here needs a lock server or a rename across mounts: each file is written under a temporary
name in its own directory, synced, and linked or renamed into place. Copies share blocks where the
file system can and are never hard links: a remote is a second copy. New files and directories
follow the mode and group of the directory that is there, so a shared bare repository stays shared.
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
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, InputError, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.fs import atomic, reflink
from git_mlvc.fs.atomic import Permissions

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}


def open_url(url: str, opening: Opening) -> FileBackend:
    """Return the driver for a path or a `file:` URL. Raises ConfigError."""
    path = local_path(url)
    if path is None:
        raise ConfigError(f"not the address of a directory: {url}")
    return FileBackend(path, opening.permissions)


class FileBackend:
    """`root` need not exist; the directory it stands in must, before anything is read or written."""

    capabilities = frozenset(Capability)

    def __init__(self, root: Path, permissions: Permissions = atomic.UMASK) -> None:
        self.url = str(root)
        self._root = root
        self._permissions = permissions
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
            return self._path(key).read_bytes()

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
                return data
            finally:
                os.close(fd)

    def get_file(self, key: str, target: int) -> None:
        with self._meaning("read", key):
            source = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                size_bytes = os.fstat(source).st_size
                os.ftruncate(target, 0)
                if not reflink.clone_file(source, target):
                    reflink.copy_range(source, 0, target, 0, size_bytes)
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
                _fill(fd, source)
                if hasattr(os, "fchmod"):
                    _follow_group(fd, like)
                    mode = self._file_mode(like)
                    if mode is not None:
                        os.fchmod(fd, mode)
                os.fsync(fd)
            finally:
                os.close(fd)
        except BaseException:
            _remove(temp)
            raise
        return temp

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
                    inherited = directory.stat().st_mode & modes.S_ISGID
                    directory.chmod(mode | inherited)
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
        return RemoteUnavailable(what, why=why, hint="is the disk or share still there?")

    def _absent(self, key: str) -> MlvcError:
        try:
            self._require_home()
        except Offline as offline:
            return offline
        if self._root.exists() and not self._root.is_dir():
            return RemoteRefused(f"{self.url} is not a directory")
        return not_found(self.url, key)


def _fill(fd: int, source: bytes | Path) -> None:
    if isinstance(source, Path):
        try:
            source_fd = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as exc:
            raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc
        try:
            if not reflink.clone_file(source_fd, fd):
                reflink.copy_range(source_fd, 0, fd, 0, os.fstat(source_fd).st_size)
        finally:
            os.close(source_fd)
        return
    rest = memoryview(source)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _follow_group(target: int | Path, like: os.stat_result) -> None:
    """Give `target` the group of the directory it is in, if the system lets us."""
    if not hasattr(os, "chown"):
        return
    with contextlib.suppress(OSError):
        if os.stat(target).st_gid != like.st_gid:
            os.chown(target, -1, like.st_gid)


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

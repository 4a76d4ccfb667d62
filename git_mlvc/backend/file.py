"""A directory as a remote: a local disk, a mounted share, NFS.

Nothing here needs a lock server or a rename across mounts: each file is written under a temporary
name in its own directory, synced, and linked or renamed into place. Copies share blocks where the
file system can and are never hard links: a remote is a second copy. New files and directories
follow the mode and group of the directory that is there, so a shared bare repository stays shared.

What cannot be done here: a mount whose server is gone and that was mounted "hard" holds whoever touches it in
the kernel, where no time-out reaches (docs/guide/remotes.md).
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import shutil
import stat as modes
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from git_mlvc.backend.shared_modes import dir_mode, file_mode
from git_mlvc.errors import ConfigError, InputError, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.fs import atomic, reflink
from git_mlvc.fs.atomic import Permissions
from git_mlvc.units import size_text

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

    capabilities = frozenset(Capability) - {Capability.FLAT_LIST}

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
            self._put(key, source, if_absent=False)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        with self._meaning("write", key):
            if self._path(key).exists():
                return False
            return self._put(key, source, if_absent=True)

    def incoming(self, key: str, size_bytes: int) -> Incoming:
        """Begin a file that comes in blocks. Raises RemoteRefused if there is no room for `size_bytes`."""
        with self._meaning("write", key):
            begun = self._begin(key)
            free_bytes = shutil.disk_usage(begun.final.parent).free
            if free_bytes < size_bytes:
                begun.discard()
                raise OSError(errno.ENOSPC, f"there is no room: {size_text(free_bytes)} are free")
            return Incoming(begun, lambda: self._meaning("write", key))

    def get(self, key: str) -> bytes:
        with self._meaning("read", key):
            data = self._path(key).read_bytes()
        self._meter(len(data))
        return data

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self.read_part(key, start, length).data

    def read_part(self, key: str, start: int, length: int) -> Part:
        """As `get_range`, with what tells the file under this name from another that was there before."""
        with self._meaning("read", key):
            fd = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                whole = os.fstat(fd)
                data = os.pread(fd, length, start)
                while len(data) < length:
                    more = os.pread(fd, length - len(data), start + len(data))
                    if not more:
                        break
                    data += more
            finally:
                os.close(fd)
        self._meter(len(data))
        return Part(whole.st_size, (whole.st_mtime_ns ^ whole.st_ino) % (1 << 64), data)

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

    def _put(self, key: str, source: bytes | Path, *, if_absent: bool) -> bool:
        begun = self._begin(key)
        try:
            self._fill(begun.fd, source)
            return begun.publish(if_absent=if_absent)
        except BaseException:
            begun.discard()
            raise

    def _begin(self, key: str) -> _Begun:
        """Make a temporary file beside the one that it is to become."""
        final = self._path(key)
        self._make_dir(final.parent)
        like = final.parent.stat()
        fd, temp = atomic.open_temp(final.parent, final.name[:80])
        mode = file_mode(like.st_mode, self._permissions.file_mode)
        return _Begun(fd, temp, final, like, mode)

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
                mode = dir_mode(like.st_mode, self._permissions.dir_mode)
                if mode is not None:
                    mode |= directory.stat().st_mode & modes.S_ISGID
                _follow_mode(directory, mode)
                atomic.fsync_dir(directory.parent)
        self._made.add(directory)

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


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a file, how large the whole is, and a number that another file under the same name would not have."""

    size_bytes: int
    tag: int
    data: bytes


# Ctrl-C waits for no thread of a transfer, and what they were writing would stay on the share.
_UNFINISHED: set[Path] = set()


@atexit.register
def _remove_unfinished() -> None:
    own = f".{os.getpid()}-"  # a fork that ends has a copy of its parent's
    for temp in list(_UNFINISHED):
        if own in temp.name:
            _remove(temp)


@dataclass
class _Begun:
    """A file under its temporary name, open; `like`: the directory that it follows. Raises OSErrors as they come."""

    fd: int
    temp: Path
    final: Path
    like: os.stat_result
    mode: int | None
    is_open: bool = True

    def __post_init__(self) -> None:
        _UNFINISHED.add(self.temp)

    def publish(self, *, if_absent: bool) -> bool:
        """Give it its name; False if that was taken and `if_absent` is set."""
        _follow_group(self.fd, self.like)
        _follow_mode(self.fd, self.mode)
        os.fsync(self.fd)
        self._close()
        is_new = True
        if if_absent:
            # Synced already: a second fsync of the same bytes would cost a round trip on NFS.
            is_new = atomic.publish(self.temp, self.final, durable=False)
        else:
            os.replace(self.temp, self.final)
        _UNFINISHED.discard(self.temp)
        atomic.fsync_dir(self.final.parent)
        return is_new

    def discard(self) -> None:
        self._close()
        _remove(self.temp)
        _UNFINISHED.discard(self.temp)

    def _close(self) -> None:
        if self.is_open:
            self.is_open = False
            os.close(self.fd)


class Incoming:
    """A file that comes in blocks. Raises RemoteError; what is not published is to be discarded."""

    def __init__(
        self, begun: _Begun, meaning: Callable[[], contextlib.AbstractContextManager[None]]
    ) -> None:
        self._begun = begun
        self._meaning = meaning

    def write(self, data: bytes) -> None:
        with self._meaning():
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._begun.fd, rest) :]

    def publish(self, *, if_absent: bool) -> bool:
        try:
            with self._meaning():
                return self._begun.publish(if_absent=if_absent)
        except BaseException:
            self._begun.discard()
            raise

    def discard(self) -> None:
        self._begun.discard()


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

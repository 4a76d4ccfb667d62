"""Putting a file into the worktree, where nothing stands or in the place of one that must be exactly what we
expect (law 11).

Content is written to a temporary file on the same file system and renamed over the old one, which is
looked at, byte for byte, right before. Nothing is ever written through the old name: hard links to it and
readers of it keep what they have, and a symbolic link is never followed.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.fs.safe_path import Directory, Place, Places
from git_mlvc.git import index_refresh
from git_mlvc.git.index_refresh import StatUpdate
from git_mlvc.git.objects import as_path
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import joined_index

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_INDEX_TIMEOUT_S = 5.0
_RECENT_NS = 60 * 10**9
_SECOND_NS = 10**9
_STALE_S = 7 * 86400
_NO_FILE = (errno.ENOENT, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENOTDIR)
_LOOK_AGAIN_NS = 100_000_000
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OLD_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _ALWAYS
_NEW_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | _ALWAYS


class Changed(Exception):
    """The file is not, or no longer, what may be replaced."""


class NotAFile(Exception):
    """There is no regular file to be replaced."""


@dataclass(slots=True)
class Replacement:
    """A new file being written, and the old one, both open; and what the new was when it got its name.

    `old_fd`: -1 where there is no old one.
    """

    fd: int
    old_fd: int
    stat: os.stat_result | None = None


class Placer:
    """Replaces files of one worktree, and afterwards tells git's index about them. Thread-safe."""

    def __init__(self, repo: Repository, top: Path, paths: Container[RepoPath]) -> None:
        """`paths`: all that this placer may be asked to replace."""
        self._repo = repo
        self._mine = paths
        self._index_seen: tuple[int, bool] | None = None
        self._quiet: tuple[int, int] | None = None
        self._top = top
        self._places = Places(top)
        self._spare = repo.state_dir / "tmp"
        self._spare_directory: Directory | None = None
        self._temp_stem = f".git-mlvc-{os.getpid()}-{os.urandom(6).hex()}-"
        self._temp_numbers = itertools.count()
        self._bound_elsewhere: set[Directory] = set()
        self._updates: dict[bytes, StatUpdate] = {}
        self.untold: set[RepoPath] = set()
        self._sweep()

    def place(self, path: RepoPath) -> Place:
        """Return where `path` stands. Raises InputError if a link on the way could lead elsewhere,
        FileNotFoundError if its directory is not there.
        """
        return self._places.of(path)

    def made_place(self, path: RepoPath) -> Place:
        """As `place`, making the directories on the way that are not there. Raises OSError as well."""
        return self._places.made(path)

    @contextmanager
    def replacing(
        self,
        place: Place,
        *,
        is_expected: Callable[[int], os.stat_result | None],
        is_executable: bool | None = None,
    ) -> Iterator[Replacement]:
        """Give a new file to write into; on leaving without an error it takes the place of the old one.

        `is_expected` looks at the old, open file and returns its stat, or None if it must stay. It keeps the
        old one's mode, but for `is_executable`. Raises Changed (and the old file stays) if it says so at the
        end; NotAFile, OSError.
        """
        try:
            old_fd = place.open(_OLD_FLAGS)
        except OSError as exc:
            if exc.errno in _NO_FILE:
                raise NotAFile(place) from exc
            raise
        try:
            old = os.fstat(old_fd)
            if not stat.S_ISREG(old.st_mode):
                raise NotAFile(place)
            mode = with_execution(stat.S_IMODE(old.st_mode), is_executable)
            with self._new_beside(place, mode) as (fd, folder, name):
                replacement = Replacement(fd, old_fd)
                yield replacement
                written = self._finished(fd, mode)
                before = is_expected(old_fd)
                if before is None or not _is_same(place.lstat(), before):
                    raise Changed(place)
                os.replace(name, place.name, src_dir_fd=folder.fd, dst_dir_fd=place.directory.fd)
            now = place.lstat()
            if _is_same(now, written, but_ctime=True):
                replacement.stat = now
        except FileNotFoundError:
            raise Changed(place) from None
        finally:
            os.close(old_fd)

    @contextmanager
    def adding(self, place: Place, *, is_executable: bool) -> Iterator[Replacement]:
        """Give a new file to write into; on leaving without an error it has its name, where nothing stood.

        Raises Changed (and whatever stands there stays) if something does; OSError.
        """
        mode = 0o777 if is_executable else 0o666  # the umask decides who else
        with self._new_beside(place, mode) as (fd, folder, name):
            replacement = Replacement(fd, -1)
            yield replacement
            written = self._finished(fd, None)
            try:
                place.lstat()
            except FileNotFoundError:
                os.replace(name, place.name, src_dir_fd=folder.fd, dst_dir_fd=place.directory.fd)
            else:
                raise Changed(place)
        now = place.lstat()
        if _is_same(now, written, but_ctime=True):
            replacement.stat = now

    def remember(self, path: RepoPath, blob_sha: str, info: os.stat_result) -> None:
        """Note a file that was replaced, for `tell_git`."""
        self._updates[path.raw] = StatUpdate.of(blob_sha, info)

    def tell_git(self) -> None:
        """Put the new stat data into git's index; what could not be told is in `untold` afterwards."""
        updates, self._updates = self._updates, {}
        try:
            told = index_refresh.refresh(
                self._repo.index_path,
                updates,
                worktree=self._top,
                hash_size=self._repo.hash_size,
                timeout_s=_INDEX_TIMEOUT_S,
                join=lambda path: joined_index(self._repo, path),
            )
        except MlvcError:  # an index git itself cannot read
            told = set()
        self.untold |= {RepoPath(raw) for raw in updates.keys() - told}
        self.untold -= {RepoPath(raw) for raw in told}

    def _sweep(self) -> None:
        """Remove what processes that were killed left behind, long ago."""
        try:
            for entry in os.scandir(self._spare):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_S:
                    _remove(entry.path)
        except OSError:
            pass

    @contextmanager
    def _new_beside(self, place: Place, mode: int) -> Iterator[tuple[int, Directory, bytes | str]]:
        """Create a file where a rename to `place` is possible, if it can be out of sight.

        On leaving it is closed, and gone if there was an error.
        """
        folder = self._folder_for(place.directory)
        name: bytes | str = f"{self._temp_stem}{next(self._temp_numbers)}.tmp"
        if folder.fd is None:
            parent = self._spare if folder is self._spare_directory else os.path.dirname(place.name)
            name = os.path.join(os.fsencode(parent), os.fsencode(name))
        fd = os.open(name, _NEW_FLAGS, mode & 0o777, dir_fd=folder.fd)
        try:
            try:
                yield fd, folder, name
            finally:
                os.close(fd)
        except BaseException as exc:
            _remove(name, folder)
            if isinstance(exc, OSError) and exc.errno == errno.EXDEV:
                self._bound_elsewhere.add(place.directory)  # a bind mount; beside it, next time
            raise

    def _folder_for(self, directory: Directory) -> Directory:
        if self._spare_directory is None:
            try:
                self._spare.mkdir(parents=True, exist_ok=True)
                self._spare_directory = Directory.open(self._spare)
            except OSError:
                return directory
        spare = self._spare_directory
        is_near = spare.device == directory.device and directory not in self._bound_elsewhere
        return spare if is_near else directory

    def _finished(self, fd: int, mode: int | None) -> os.stat_result:
        """Give the new file its time stamp, and its mode unless it has it; return its stat."""
        mtime_ns = self._quiet_mtime_ns()
        os.utime(fd, ns=(mtime_ns, mtime_ns))
        info = os.fstat(fd)
        if mode is not None and stat.S_IMODE(info.st_mode) != mode and hasattr(os, "fchmod"):
            os.fchmod(fd, mode)
            info = os.fstat(fd)
        return info

    def _quiet_mtime_ns(self) -> int:
        """An mtime that git does not take for racy: before the second in which its index was written.

        An index that is written meanwhile is only younger, so that it need not be looked at for each.
        """
        now = time.time_ns()
        if self._quiet is not None and 0 <= now - self._quiet[0] < _LOOK_AGAIN_NS:
            return self._quiet[1]
        self._quiet = (now, self._quiet_mtime_at(now))
        return self._quiet[1]

    def _quiet_mtime_at(self, now: int) -> int:
        try:
            index_ns = os.stat(self._repo.index_path).st_mtime_ns
        except FileNotFoundError:
            return now
        seen = self._index_seen
        if seen is None or seen[0] != index_ns:
            is_young = 0 <= now - index_ns < _RECENT_NS
            seen = self._index_seen = (index_ns, is_young or self._others_are_racy())
        latest = index_ns if seen[1] else now
        return (latest // _SECOND_NS - 1) * _SECOND_NS + now % _SECOND_NS

    def _others_are_racy(self) -> bool:
        """Then an index with a new mtime would cost git more than it saves (see `index_refresh.refresh`)."""
        try:
            return index_refresh.others_are_racy(
                self._repo.index_path, self._is_mine, hash_size=self._repo.hash_size
            )
        except MlvcError:
            return True

    def _is_mine(self, raw: bytes) -> bool:
        path = as_path(raw)
        return path is not None and path in self._mine


def with_execution(mode: int, is_executable: bool | None) -> int:
    """Return a mode by which whoever may read may execute, or nobody; None leaves it."""
    if is_executable is None or is_executable == bool(mode & 0o100):
        return mode
    return mode | (mode & 0o444) >> 2 if is_executable else mode & ~0o111


def _is_same(one: os.stat_result, two: os.stat_result, *, but_ctime: bool = False) -> bool:
    return (
        one.st_ino == two.st_ino
        and one.st_dev == two.st_dev
        and one.st_size == two.st_size
        and one.st_mtime_ns == two.st_mtime_ns
        and (but_ctime or one.st_ctime_ns == two.st_ctime_ns)
    )


def _remove(name: bytes | str, folder: Directory | None = None) -> None:
    try:
        os.unlink(name, dir_fd=None if folder is None else folder.fd)
    except OSError:
        pass

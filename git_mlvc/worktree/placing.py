"""Putting a file into the worktree in the place of one that must be exactly what we expect (law 11).

Content is written to a temporary file on the same file system and renamed over the old one, which is
looked at, byte for byte, right before. Nothing is ever written through the old name: hard links to it and
readers of it keep what they have, and a symbolic link is never followed.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.git import index_refresh
from git_mlvc.git.index_refresh import StatUpdate
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.pointers import joined_index

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_INDEX_TIMEOUT_S = 5.0
_RECENT_NS = 60 * 10**9
_SECOND_NS = 10**9
_STALE_S = 7 * 86400


class Changed(Exception):
    """The file is not, or no longer, what may be replaced."""


@dataclass(slots=True)
class Replacement:
    """A new file being written: an open descriptor; and what it was when it got its name."""

    fd: int
    stat: os.stat_result | None = None


class Placer:
    """Replaces files of one worktree, and afterwards tells git's index about them."""

    def __init__(self, repo: Repository, top: Path, paths: Iterable[RepoPath]) -> None:
        self._repo = repo
        self._mine = frozenset(path.raw for path in paths)
        self._index_seen: tuple[int, bool] | None = None
        self._top = top
        self._spare = repo.state_dir / "tmp"
        self._devices: dict[str, bool] = {}
        self._updates: dict[bytes, StatUpdate] = {}
        self.untold: set[RepoPath] = set()
        self._sweep()

    def place(self, path: RepoPath) -> str:
        """Return where `path` stands. Raises InputError if a link on the way could lead elsewhere."""
        return str(resolve_inside(self._top, path))

    @contextmanager
    def replacing(
        self, place: str, *, mode: int, is_expected: Callable[[], os.stat_result | None]
    ) -> Iterator[Replacement]:
        """Give a new file to write into; on leaving without an error it takes the place of the old one.

        `is_expected` looks at the old file and returns its stat, or None if it must stay. Raises Changed
        (and the old file stays) if it says so at the end; OSError.
        """
        fd, temp = self._open_beside(place, mode)
        replacement = Replacement(fd)
        mtime_ns = self._quiet_mtime_ns()
        try:
            try:
                yield replacement
                os.utime(fd if os.utime in os.supports_fd else temp, ns=(mtime_ns, mtime_ns))
                replacement.stat = os.fstat(fd)
            finally:
                os.close(fd)
            before = is_expected()
            if before is None or not _is_still(place, before):
                raise Changed(place)
            os.replace(temp, place)
        except BaseException as exc:
            _remove(temp)
            if isinstance(exc, OSError) and exc.errno == errno.EXDEV:
                self._devices[os.path.dirname(place)] = False  # a bind mount; beside it, next time
            raise

    def remember(self, path: RepoPath, place: str, blob_sha: str, replacement: Replacement) -> None:
        """Note a file that was replaced, for `tell_git`."""
        info, left = os.lstat(place), replacement.stat
        if left is not None and (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns) == (
            left.st_dev,
            left.st_ino,
            left.st_size,
            left.st_mtime_ns,
        ):
            self._updates[path.raw] = StatUpdate(blob_sha, info)

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

    def _open_beside(self, place: str, mode: int) -> tuple[int, str]:
        """Create the new file where a rename to `place` is possible, if it can be out of sight."""
        parent = os.path.dirname(place)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        name = f".git-mlvc-{os.getpid()}-{os.urandom(6).hex()}.tmp"
        folder = str(self._spare) if self._is_same_device(parent) else parent
        temp = os.path.join(folder, name)
        fd = os.open(temp, flags, 0o600)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(fd, mode)
        except BaseException:
            os.close(fd)
            _remove(temp)
            raise
        return fd, temp

    def _is_same_device(self, parent: str) -> bool:
        known = self._devices.get(parent)
        if known is None:
            try:
                self._spare.mkdir(parents=True, exist_ok=True)
                known = os.stat(parent).st_dev == os.stat(self._spare).st_dev
            except OSError:
                known = False
            self._devices[parent] = known
        return known

    def _quiet_mtime_ns(self) -> int:
        """An mtime that git does not take for racy: before the second in which its index was written."""
        now = time.time_ns()
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
                self._repo.index_path, self._mine, hash_size=self._repo.hash_size
            )
        except MlvcError:
            return True


def usable_place(placer: Placer, path: RepoPath) -> str:
    """Return the place of `path`. Raises InputError where nothing may be written."""
    place = placer.place(path)
    if os.path.isdir(place) and not os.path.islink(place):
        raise InputError(f"cannot use {path}", why="a directory stands there")
    return place


def _is_still(place: str, before: os.stat_result) -> bool:
    try:
        now = os.lstat(place)
    except OSError:
        return False
    return (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) == (
        before.st_dev,
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass

"""From a path in a repository to a path on disk, without leaving the worktree.

`RepoPath` settles what the text may say; here the disk is asked: a directory on the way may have been
replaced by a symbolic link that leads elsewhere (law 12). Who has many files to look at holds their
directories open (`Places`): a name in an open directory cannot lead anywhere else.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import InputError
from git_mlvc.repo_path import RepoPath


def resolve_inside(top: Path, path: RepoPath) -> Path:
    """Return where `path` stands under `top`. It need not exist; nor need its directories.

    Raises InputError if something on the way is a symbolic link or not a directory. The last part is
    not looked at: use lstat on it, and replace it by rename, never through it.
    """
    parts = path.text.split("/")
    if os.sep == "\\" and any("\\" in part or ":" in part for part in parts):
        raise InputError(f"cannot use {path}", why="the name is not possible on this system")
    place = top
    for part in parts[:-1]:
        place = place / part
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            break
        except OSError as exc:
            raise InputError(f"cannot use {path}", why=exc.strerror or str(exc)) from exc
        if stat.S_ISLNK(mode):
            raise InputError(
                f"cannot use {path}",
                why=f"'{part}' on the way to it is a symbolic link and could lead anywhere",
            )
        if not stat.S_ISDIR(mode):
            raise InputError(f"cannot use {path}", why=f"'{part}' on the way to it is a file")
    return top.joinpath(*parts)


HAS_DIR_FD = {os.open, os.stat, os.rename, os.unlink} <= os.supports_dir_fd
_MOST_OPEN = 64
_DIRECTORY = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
_DIRECTORY |= getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Directory:
    """An open directory; closed when the last who holds it lets go. Without `dir_fd`, only a name."""

    __slots__ = ("device", "fd")

    def __init__(self, fd: int | None, device: int) -> None:
        self.fd = fd
        self.device = device

    @classmethod
    def open(cls, path: bytes | str | Path, *, inside: int | None = None) -> Directory:
        """Raises OSError; with `inside`, an open directory, also where `path` is a symbolic link."""
        if not HAS_DIR_FD:
            return cls(None, os.stat(path).st_dev)
        fd = os.open(path, _DIRECTORY | (0 if inside is None else _NO_FOLLOW), dir_fd=inside)
        opened = cls(fd, 0)
        opened.device = os.fstat(fd).st_dev
        return opened

    def __del__(self) -> None:
        fd = getattr(self, "fd", None)
        if fd is not None:
            try:
                os.close(fd)
            except OSError:  # the interpreter is going down
                pass


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a directory. Where there is no `dir_fd`, the name is the whole path."""

    directory: Directory
    name: bytes

    def lstat(self) -> os.stat_result:
        return os.stat(self.name, dir_fd=self.directory.fd, follow_symlinks=False)

    def open(self, flags: int) -> int:
        """Open what stands there, never through a symbolic link. Raises OSError."""
        return os.open(self.name, flags | _NO_FOLLOW, dir_fd=self.directory.fd)


class Places:
    """Finds places under `top`; keeps the directories used last open. Thread-safe."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._open: OrderedDict[bytes, Directory] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, path: RepoPath) -> Place:
        """Return the place of `path`; what stands there was not looked at.

        Raises InputError as `resolve_inside`, FileNotFoundError if its directory is not there.
        """
        parent, _, name = path.raw.rpartition(b"/")
        with self._lock:
            directory = self._open.get(parent) or self._opened(parent, path)
        if directory.fd is None:
            name = os.fsencode(resolve_inside(self._top, path))
        return Place(directory, name)

    def made(self, path: RepoPath) -> Place:
        """As `of`, and make the directories on the way that are not there. Raises OSError as well."""
        try:
            return self.of(path)
        except FileNotFoundError:
            pass
        above = path.raw.rpartition(b"/")[0]
        if not above:
            raise FileNotFoundError(self._top)
        folder = self.made(RepoPath(above))
        try:
            os.mkdir(folder.name, dir_fd=folder.directory.fd)
        except FileExistsError:  # somebody else was faster; a link or a file is refused below
            pass
        return self.of(path)

    def _opened(self, parent: bytes, path: RepoPath) -> Directory:
        try:
            if not parent:
                directory = Directory.open(self._top)
            elif not HAS_DIR_FD:
                directory = Directory.open(resolve_inside(self._top, path).parent)
            else:
                above, _, name = parent.rpartition(b"/")
                holder = self._open.get(above) or self._opened(above, path)
                directory = Directory.open(name, inside=holder.fd)
        except FileNotFoundError:
            raise
        except OSError as exc:
            resolve_inside(self._top, path)  # says what is wrong
            raise InputError(f"cannot use {path}", why=exc.strerror or str(exc)) from exc
        self._open[parent] = directory
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        return directory

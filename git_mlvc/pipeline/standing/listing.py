"""The files of a directory that count: git says which it ignores, asked once for all of them.

It is asked again where names have come up since that it was not asked about.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from git_mlvc.errors import GitError
from git_mlvc.git.ignored import ignored
from git_mlvc.git.process import Git
from git_mlvc.pipeline.standing.counting import Counting, Part, outermost, parents
from git_mlvc.pipeline.standing.directory import is_in
from git_mlvc.pipeline.standing.folder_walk import Walk, walk
from git_mlvc.pipeline.standing.globs import Glob

_MOST_FOLDERS = 64  # that git is asked about one by one


class Listings:
    """Of one worktree. `folders` returns all directories that will be looked at, as far as that is known.

    `questions` counts how often git was started.
    """

    def __init__(
        self,
        git: Git,
        top: bytes,
        outs: Iterable[bytes],
        folders: Callable[[], Iterable[bytes]],
    ) -> None:
        self._git = git
        self._top = top
        self._plain = Counting(outs)
        self._folders = folders
        self._lock = threading.Lock()
        self._answers: dict[bytes, frozenset[bytes]] = {}  # by folder
        self._doubts = 0
        self._asked_at: dict[bytes, int] = {}  # by folder: how many doubts there were
        self._inner: dict[bytes, frozenset[bytes]] = {}  # by repository inside this one
        self._met: dict[tuple[bytes, str], set[bytes]] = {}
        self.questions = 0

    def is_out(self, path: bytes) -> bool:
        return self._plain.is_out(path)

    def add_out(self, path: bytes) -> None:
        with self._lock:
            self._plain = self._plain.making(path)

    def doubt(self) -> None:
        """Say that files may have come where git was asked, and nobody has looked yet."""
        self._doubts += 1

    def of(self, folder: bytes, pattern: Glob | None = None) -> Walk:
        """Find the files that count. Raises as `folder_walk.walk`, and GitError."""
        if folder and self._plain.is_made(folder):
            return self._walk(folder, self._plain, Part.WHOLE, pattern)
        key = (folder, "" if pattern is None else pattern.text)
        with self._lock:
            if not self._answers:
                self._ask({folder, *self._folders()})
            is_known = key in self._met or self._asked_at.get(folder) == self._doubts
            found = self._look(folder, pattern) if is_known else None
            if found is None or not found.met <= self._met.get(key, found.met):
                for inner in [one for one in self._inner if _touch(one, folder)]:
                    del self._inner[inner]
                self._ask({folder})
                found = self._look(folder, pattern)
            self._met[key] = found.met
            return found

    def _look(self, folder: bytes, pattern: Glob | None) -> Walk:
        self._look_inside(self._around(folder))
        while True:
            inner = [said for at, said in self._inner.items() if _touch(at, folder)]
            said = self._answers[folder].union(*inner)
            counting = self._plain.ignoring(said)
            if counting.is_ignored(folder):
                counting = self._plain  # it was named nevertheless
            found = self._walk(folder, counting, Part.NOT_IGNORED, pattern)
            if not self._look_inside(found.repositories):
                break
        if found.is_cut and found.is_bare:
            # Leaving out everything would hide every change.
            found.files = self._walk(folder, self._plain, Part.NOT_IGNORED, pattern).files
        return found

    def _walk(self, folder: bytes, counting: Counting, part: Part, pattern: Glob | None) -> Walk:
        if pattern is None:
            return walk(self._top, folder, counting, part)
        return walk(
            self._top,
            folder,
            counting,
            part,
            matches=pattern.matches,
            may_match_below=pattern.may_match_below,
        )

    # -- asking git

    def _ask(self, folders: set[bytes]) -> None:
        self.questions += 1
        said = ignored(self._git, few(folders))
        self._answers |= dict.fromkeys(folders, said)
        self._asked_at |= dict.fromkeys(folders, self._doubts)

    def _around(self, folder: bytes) -> list[bytes]:
        """Return the repositories that a directory is in, inside this one."""
        return [
            one for one in parents(folder) if os.path.lexists(os.path.join(self._top, one, b".git"))
        ]

    def _look_inside(self, repositories: Iterable[bytes]) -> bool:
        """Ask repositories inside this one, of which git says nothing; False if all were asked before."""
        new = [one for one in repositories if one not in self._inner]
        for at in new:
            self.questions += 1
            try:
                said = ignored(
                    self._git.at(Path(os.fsdecode(os.path.join(self._top, at))), clean=True)
                )
            except GitError:
                said = frozenset()  # it only looks like one, or is not the user's own
            self._inner[at] = frozenset(at + b"/" + path for path in said)
        return bool(new)


def few(folders: Iterable[bytes]) -> list[bytes] | None:
    """Return directories that all of these are in, not too many to be asked about one by one; None: the top."""
    chosen = outermost(folders)
    depth = max((one.count(b"/") for one in chosen), default=0)
    while len(chosen) > _MOST_FOLDERS and depth:
        chosen = outermost(b"/".join(one.split(b"/")[:depth]) for one in chosen)
        depth -= 1
    return None if b"" in chosen or len(chosen) > _MOST_FOLDERS else chosen


def _touch(one: bytes, other: bytes) -> bool:
    """True if one directory is, or is in, the other."""
    return one == other or is_in(one, other) or is_in(other, one)

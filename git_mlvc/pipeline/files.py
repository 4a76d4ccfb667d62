"""Where stage files, params and metrics are read: a directory, or a commit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import ConfigError, GitError, InputError
from git_mlvc.fs import safe_path, structured
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.object_reader import Entry, ObjectReader


class Files(Protocol):
    """The files of a worktree or commit."""

    def read(self, path: RepoPath) -> bytes | None:
        """Return what a file holds; None if nothing is there.

        Raises ConfigError for what is no regular file or too large, InputError for what leads elsewhere.
        """
        ...

    def exists(self, path: RepoPath) -> bool:
        """True if something is there; reading it may fail."""
        ...


class OnDisk:
    """`Files` of a directory laid out like a worktree; links are not followed (law 12)."""

    def __init__(self, top: Path, *, max_bytes: int = structured.MAX_SETTINGS_BYTES) -> None:
        self._top = top
        self._max_bytes = max_bytes

    def read(self, path: RepoPath) -> bytes | None:
        try:
            place = safe_path.resolve_inside(self._top, path)
            return structured.read_settings(place, max_bytes=self._max_bytes)
        except FileNotFoundError:
            return None

    def exists(self, path: RepoPath) -> bool:
        return os.path.lexists(self._top / path.text)

    def below(self, path: RepoPath) -> list[RepoPath]:
        """Return the file, or all files in the directory, sorted; none if nothing is there. Raises InputError."""
        place = safe_path.resolve_inside(self._top, path)
        try:
            if os.path.islink(place) or not place.is_dir():
                return [path] if place.is_file() and not os.path.islink(place) else []
            return sorted(_walk(place, path.raw))
        except OSError as exc:
            raise InputError(f"cannot read {path}", why=exc.strerror or str(exc)) from exc


def _walk(place: Path, raw: bytes) -> Iterator[RepoPath]:
    with os.scandir(place) as found:
        for entry in sorted(found, key=lambda one: one.name):
            inner = raw + b"/" + os.fsencode(entry.name)
            if entry.name.lower() == ".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), inner)
            elif entry.is_file(follow_symlinks=False):
                yield RepoPath(inner)


class InCommit:
    """`Files` of a commit, as git holds them: a pointer is a pointer. Reads each tree once for one reader."""

    def __init__(self, reader: ObjectReader, tree: str, *, name: str) -> None:
        self._reader = reader
        self._tree = tree
        self._name = name

    def read(self, path: RepoPath) -> bytes | None:
        entry = self.entry(path)
        if entry is None:
            return None
        if not entry.is_file:
            why = "it is a symbolic link" if entry.is_link else "it is not a regular file"
            raise ConfigError(f"cannot read {path} of {self._name}", why=why)
        found = self._reader.blob(entry.sha)
        if found is None:
            raise self._absent(path)
        if found.data is None:
            why = f"it has {found.size_bytes} bytes"
            raise ConfigError(f"cannot read {path} of {self._name}", why=why)
        return found.data

    def exists(self, path: RepoPath) -> bool:
        return self.entry(path) is not None

    def entry(self, path: RepoPath) -> Entry | None:
        """Return what stands at a path; None if nothing does, also where a link or file is on the way."""
        *folders, name = path.raw.split(b"/")
        tree = self._entries(self._tree, path)
        for folder in folders:
            inner = tree.get(folder)
            if inner is None or not inner.is_directory:
                return None
            tree = self._entries(inner.sha, path)
        return tree.get(name)

    def below(self, path: RepoPath) -> list[RepoPath]:
        """Return the file, or all files in the directory, sorted; none if nothing is there."""
        entry = self.entry(path)
        if entry is None or not entry.is_directory:
            return [path] if entry is not None and entry.is_file else []
        return sorted(self._walk(entry.sha, path.raw + b"/", None))

    def called(self, name: str) -> list[RepoPath]:
        """Return every file of this name, in whichever directory, sorted."""
        return sorted(self._walk(self._tree, b"", name.encode()))

    def _walk(self, tree: str, above: bytes, name: bytes | None) -> Iterator[RepoPath]:
        for one in self._reader.names_in(tree, name):
            path = _path(above + one)
            if path is not None:
                yield path

    def _entries(self, tree: str, path: RepoPath) -> dict[bytes, Entry]:
        found = self._reader.tree(tree)
        if found is None:
            raise self._absent(path)
        return found

    def _absent(self, path: RepoPath) -> GitError:
        argv = ("git", "cat-file", f"{self._name}:{path}")
        why = "git does not have the object: this is a partial clone, or it is damaged"
        return GitError(argv, 1, why, hint=f"git show {self._name}:{path}")


def _path(raw: bytes) -> RepoPath | None:
    """Return the path; None for one that git would not check out either (law 12)."""
    try:
        return RepoPath(raw)
    except ValueError:
        return None

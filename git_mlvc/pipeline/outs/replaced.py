"""What a stage replaces and nobody else has: moved to `<git dir>/mlvc/replaced/<time>/<path>`, never deleted.

Law 11. Whoever calls tells the user where it is; only the user deletes it.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError
from git_mlvc.fs import copies
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

FOLDER = "replaced"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file or directory that was in the way, and where it is now."""

    path: RepoPath
    place: Path


class Replaced:
    """Moves things out of the way. Thread-safe."""

    def __init__(self, repo: Repository) -> None:
        self._top = repo.state_dir / FOLDER
        self._folder: Path | None = None
        self._lock = Lock()

    def keep(self, standing: Path, path: RepoPath) -> Kept:
        """Move what stands at `standing`, known to the user as `path`. Raises InputError; then it stays.

        Where the git dir is on another file system, or full, it gets another name beside where it was.
        """
        try:
            place = self._moved(standing, path)
        except OSError:
            place = _beside(standing)
        return Kept(path, place)

    def _moved(self, standing: Path, path: RepoPath) -> Path:
        with self._lock:
            target = self._free_place(path)
        try:
            os.rename(standing, target)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            try:
                copies.copy(standing, target, durable=True)
            except OSError:
                copies.remove(target)
                raise
            copies.remove(standing)
        return target

    def _free_place(self, path: RepoPath) -> Path:
        for _ in range(2):
            if self._folder is None:
                self._folder = self._new_folder()
            target = self._folder.joinpath(*path.text.split("/"))
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):  # a file of that name is kept already
                self._folder = None
                continue
            if not os.path.lexists(target):
                return target
            self._folder = None
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _new_folder(self) -> Path:
        self._top.mkdir(parents=True, exist_ok=True)
        stem = time.strftime("%Y%m%d-%H%M%S")
        number = 1
        while True:
            folder = self._top / (stem if number == 1 else f"{stem}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder


def _beside(standing: Path) -> Path:
    """Give it another name in its own directory. Raises InputError."""
    stem = time.strftime("%Y%m%d-%H%M%S")
    number = 1
    while os.path.lexists(
        target := standing.with_name(f"{standing.name}.replaced-{stem}-{number}")
    ):
        number += 1
    try:
        os.rename(standing, target)
    except OSError as exc:
        raise InputError(
            f"cannot move {standing} out of the way", why=exc.strerror or str(exc)
        ) from exc
    return target

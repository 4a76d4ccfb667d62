"""All lock files of a worktree, or of a commit, as results by the stages' addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from git_mlvc.fs import structured
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.pipeline import presence
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.model import Result, address_of
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_RAW_NAME = lock_file.NAME.encode("ascii")


def is_lock(path: RepoPath) -> bool:
    return path.raw.rpartition(b"/")[2] == _RAW_NAME


def of_worktree(repo: Repository) -> dict[str, Result]:
    """Raises FormatError, InputError and ConfigError naming the file."""
    top = repo.needed_worktree("there are no lock files to look at")
    found: dict[RepoPath, bytes] = {}
    for path in presence.files_called(repo.git, lock_file.NAME):
        try:
            found[path] = structured.read_settings(resolve_inside(top, path))
        except FileNotFoundError:
            continue
    return of_files(found)


def of_files(
    files: Mapping[RepoPath, bytes] | Iterable[tuple[RepoPath, bytes]],
) -> dict[str, Result]:
    """Return what these files say. Raises FormatError naming the file."""
    found: dict[str, Result] = {}
    for path, data in dict(files).items():
        folder = path.raw.rpartition(b"/")[0]
        base = RepoPath(folder) if folder else None
        for name, result in lock_file.decode(data, str(path), base).items():
            found[address_of(base, name)] = result
    return found

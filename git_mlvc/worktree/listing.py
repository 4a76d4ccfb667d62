"""The data files of a commit, or of the index before there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import objects
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.selection import Selection

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


@dataclass(frozen=True, slots=True)
class Listed:
    """A data file and the content it names."""

    path: RepoPath
    pointer: Pointer


def list_data(repo: Repository, typed: Sequence[str], prefix: bytes = b"") -> list[Listed]:
    """Return the data files that `[REV] [PATH…]` means, in git's order; HEAD if no REV is given.

    As in git, the first word is a revision if it can be one. Raises InputError for a path that none has.
    """
    rev, paths = _parted(repo, typed)
    selection = Selection.parse(paths, prefix)
    found = objects.data_files(repo, rev) if rev is not None else ()
    files = {file.path: file for file in found}
    chosen = selection.checked(files)
    return [Listed(path, files[path].pointer) for path in chosen]


def _parted(repo: Repository, typed: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    if typed:
        rev = _commit(repo, typed[0])
        if rev is not None:
            return rev, typed[1:]
    return _commit(repo, "HEAD"), typed


def _commit(repo: Repository, name: str) -> str | None:
    found = repo.git.run(
        "rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{tree}}", check=False
    )
    return found.stdout.decode("ascii").strip() if found.returncode == 0 else None

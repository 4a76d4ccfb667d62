"""Which files differ between two commits, or a commit and the worktree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.git.objects import as_path
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_STATUSES = {b"A": "added", b"D": "deleted", b"M": "modified", b"T": "modified", b"U": "unmerged"}


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """`status`: "added", "modified", "deleted" or "unmerged"."""

    path: RepoPath
    status: str


def between(repo: Repository, old: str, new: str) -> list[ChangedFile]:
    """Return what became of each file, by path; "" is the worktree, of which untracked files do not count.

    One git process. Raises GitError.
    """
    commits = [commit for commit in (old, new) if commit]
    if not commits:
        return []
    options = ["--name-status", "-z", "--no-renames", "--no-ext-diff", "--no-relative"]
    if not old:
        options.append("-R")
    said = repo.git.run("diff", *options, *commits, "--").stdout.split(b"\0")
    found = []
    for status, raw in zip(said[0::2], said[1::2], strict=False):
        path = as_path(raw)
        if path is not None:
            found.append(ChangedFile(path, _STATUSES.get(status[:1], "modified")))
    return found

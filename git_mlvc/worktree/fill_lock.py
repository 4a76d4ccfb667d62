"""The lock of those who fill a worktree: hooks and verbs, one at a time in each worktree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.fs.lock import FileLock

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

NAME = "fill.lock"


def fill_lock(repo: Repository, *, timeout_s: float) -> FileLock:
    """Return it, not yet held. The directory it stands in must be there."""
    return FileLock(repo.state_dir / NAME, timeout_s=timeout_s, owner_note="filling stubs")

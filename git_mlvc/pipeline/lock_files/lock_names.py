"""Whether there is a pipeline at all, by the lock files that git tracks: cheap to ask where there is none."""

from __future__ import annotations

from git_mlvc.git.repository import Repository
from git_mlvc.store.store import Store

LOCKS = ("mlvc.lock", "**/mlvc.lock")


def is_pipeline_here(repo: Repository, store: Store) -> bool:
    """True if git tracks a lock file, or some stage has run here: else no run is of interest."""
    patterns = [f":(top,glob){pattern}" for pattern in LOCKS]
    if repo.worktree is not None and repo.git.run("ls-files", "--", *patterns).stdout:
        return True
    return next(iter(store.all_runs()), None) is not None

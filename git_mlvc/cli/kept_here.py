"""Data files that are on no remote because their stage says so: `push = false`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.repo_path import RepoPath


def kept_here(repo: Repository, paths: Iterable[RepoPath]) -> list[RepoPath]:
    """Return those of `paths` that never leave this machine; nothing is looked at if there are none.

    Stage files that cannot be read keep nothing here: other commands say what is wrong with them.
    """
    asked = list(paths)
    if not asked:
        return []
    from git_mlvc.pipeline.runs import run_travel

    try:
        outs = run_travel.unpushed(repo)
    except MlvcError:
        return []
    return [path for path in asked if run_travel.is_in(path, outs)] if outs else []

"""Data files that are on no remote because their stage says so: `push = false`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.units import names_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.git.repository import Repository
    from git_mlvc.repo_path import RepoPath

_MOST_SHOWN = 4


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


def tell_kept(output: Output, repo: Repository, missing: Iterable[RepoPath]) -> set[RepoPath]:
    """Say of stubs without data which of them no remote will ever have, and return these: nothing is wrong."""
    kept = kept_here(repo, missing)
    if kept:
        shown = names_text([str(path) for path in kept], most=_MOST_SHOWN)
        verb = "stays a stub" if len(kept) == 1 else "stay stubs"
        output.message(f"{shown} {verb}: kept off remotes by the stage (push = false)")
        output.message(
            f"hint: `git mlvc repro -f --single STAGE` makes it here; `git mlvc why {kept[0]}` names the stage"
        )
    return set(kept)

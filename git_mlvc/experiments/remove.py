"""Removing experiments: their refs, and what is remembered of those that never became commits.

Commits stay until git's gc, data until `git mlvc prune`, logs stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError
from git_mlvc.experiments import choice, refs, states
from git_mlvc.experiments.states import Phase

if TYPE_CHECKING:
    from git_mlvc.experiments.refs import Experiment
    from git_mlvc.experiments.states import State
    from git_mlvc.git.repository import Repository

_QUEUED = "refs/mlvc/queue/"


@dataclass(frozen=True)
class Removal:
    """What is to be removed: `made` have a commit, `unmade` were queued, failed or interrupted."""

    made: tuple[Experiment, ...]
    unmade: tuple[State, ...]


def plan(repo: Repository, words: Sequence[str]) -> Removal:
    """Return what names and globs mean; all there is if there are none, but for what runs.

    Raises UsageError for a name that nothing has, with the nearest, and for one that runs.
    """
    made = {one.name: one for one in refs.list(repo)}
    unmade = {one.name: one for one in states.read(repo).states}
    names = choice.chosen([*made, *(name for name in unmade if name not in made)], words)
    busy = [name for name in names if name in unmade and unmade[name].phase is Phase.RUNNING]
    if busy and words:
        raise UsageError(
            f"experiment '{busy[0]}' is running", hint="let it end, or stop it, and remove it then"
        )
    kept = [name for name in names if name not in busy]
    return Removal(
        tuple(made[name] for name in kept if name in made),
        tuple(unmade[name] for name in kept if name in unmade),
    )


def execute(repo: Repository, removal: Removal) -> None:
    """Remove them: all refs or, if one has changed meanwhile, none. Raises GitError."""
    if removal.made:
        refs.delete(repo, removal.made)
    for one in removal.unmade:
        states.remove(repo, one.name)
        repo.git.run("update-ref", "-d", _QUEUED + one.name, check=False)

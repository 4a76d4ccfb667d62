"""Removing experiments: their refs, and what is remembered of those that never became commits.

Commits stay until git's gc, data until `git mlvc prune`, logs stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError
from git_mlvc.experiments import choice, queue, refs, states
from git_mlvc.experiments.states import Phase, State

if TYPE_CHECKING:
    from git_mlvc.experiments.refs import Experiment
    from git_mlvc.git.repository import Repository


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
    found = states.read(repo)
    unmade = {path.stem: State(path.stem, Phase.FAILED) for path in found.damaged}
    unmade.update((one.name, one) for one in found.states)
    names = choice.chosen([*made, *(name for name in unmade if name not in made)], words)
    busy = [name for name in names if name in unmade and unmade[name].phase is Phase.RUNNING]
    if busy and words:
        raise UsageError(f"experiment '{busy[0]}' is running", hint=f"git mlvc exp stop {busy[0]}")
    kept = [name for name in names if name not in busy]
    return Removal(
        tuple(made[name] for name in kept if name in made),
        tuple(unmade[name] for name in kept if name in unmade),
    )


def execute(repo: Repository, removal: Removal) -> None:
    """Remove them: all refs or, if one has changed meanwhile, none. Raises GitError, UsageError for one that began
    to run.
    """
    if removal.unmade:
        queue.remove(repo, [one.name for one in removal.unmade])
    if removal.made:
        refs.delete(repo, removal.made)

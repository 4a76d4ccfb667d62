"""Recording the worktree as it stands as an experiment, without running anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.experiments import name_claims, run, snapshot
from git_mlvc.experiments.run import Outcome, RunRequest
from git_mlvc.experiments.snapshot import Snapshot
from git_mlvc.pipeline import discovery, repro
from git_mlvc.pipeline.plan import Action, Step

if TYPE_CHECKING:
    from git_mlvc.pipeline.scene import Means


@dataclass(frozen=True, slots=True)
class Saved:
    """`stale`: the stages whose results are not those of what stands there; `undecided`: why that is unknown."""

    outcome: Outcome
    snapshot: Snapshot
    stale: tuple[Step, ...] = ()
    undecided: str = ""


def save(means: Means, name: str = "", message: str = "") -> Saved:
    """Make the experiment. Raises UsageError for a name that is taken, InputError as `snapshot.take`, GitError."""
    run.check_identity(means.repo)
    taken = snapshot.take(means.repo)
    stale, undecided = _stale(means)
    request = RunRequest(taken, name=name, message=message)
    with name_claims.claimed(means.repo, name) as held:
        outcome = run.commit(means.repo, request, held, taken.tree)
    return Saved(outcome, taken, stale, undecided)


def _stale(means: Means) -> tuple[tuple[Step, ...], str]:
    try:
        if not discovery.load(means.repo).stages:
            return (), ""
        steps = repro.plan(means, repro.Request())
    except MlvcError as exc:  # what cannot be run can be kept all the same
        return (), str(exc)
    return tuple(step for step in steps if step.action is not Action.SKIP), ""

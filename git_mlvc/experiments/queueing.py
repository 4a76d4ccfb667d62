"""Putting one experiment or a sweep into the queue: what is there already is not put in again."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from git_mlvc.experiments import claims, names, queue, refs, run, states
from git_mlvc.experiments.states import Phase, State
from git_mlvc.experiments.sweep import canonical

if TYPE_CHECKING:
    from git_mlvc.experiments.sweeping import Point, Sweep
    from git_mlvc.git.repository import Repository


def put_one(repo: Repository, wanted: State) -> tuple[State, bool]:
    """Queue an experiment, under a name that is made up if it has none; return it as it is then.

    False: an equal one is queued or runs already, and is what is returned. One that failed or was interrupted is
    queued again. Raises UsageError for a name that is taken, GitError.
    """
    run.check_identity(repo)
    with queue.locked(repo):
        known = states.read(repo).states
        equal = [
            one for one in known if _key(one) == _key(wanted) and wanted.name in ("", one.name)
        ]
        for one in equal:
            if one.phase in (Phase.QUEUED, Phase.RUNNING):
                return one, False
        name = wanted.name or (equal[0].name if equal else "")
        if not any(one.name == name for one in equal):
            name = _free(repo, name)
        return queue.put(repo, [replace(wanted, name=name)])[0], True


def put_sweep(
    repo: Repository, sweep: Sweep, points: Iterable[Point]
) -> tuple[list[State], list[str]]:
    """Queue those points of a sweep that are not there; return them, and the names of the others."""
    run.check_identity(repo)
    with queue.locked(repo):
        busy = {
            one.name
            for one in states.read(repo).states
            if one.phase in (Phase.QUEUED, Phase.RUNNING)
        }
        new, there = [], []
        for at, point in enumerate(points, 1):
            state = sweep.state(at, point)
            found = sweep.found(state)
            if found is not None or state.name in busy:
                there.append(found.name if found is not None else state.name)
            else:
                new.append(state)
        return queue.put(repo, new), there


# -- inside


def _key(one: State) -> tuple[object, ...]:
    """Return all that makes two experiments the same."""
    overrides = canonical(dict(one.overrides))
    return one.baseline, one.tree, overrides, one.stages, one.folder, one.seed_from


def _free(repo: Repository, name: str) -> str:
    taken = {one.name for one in refs.list(repo)}
    if name:
        states.check_free(repo, name)
        if name in taken:
            raise refs.taken(name)
        return name
    return names.generate(taken.union(claims.claimed(repo), states.names(repo)), _choose)


def _choose(words: Sequence[str]) -> str:
    return random.choice(words)

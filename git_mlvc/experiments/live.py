"""What an experiment that is running has to show so far, in the worktree that it runs in; and what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.experiments import reading, states, workplace
from git_mlvc.experiments.findings import Findings
from git_mlvc.git.process import clean_env
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.revision import Revisions
from git_mlvc.pipeline.running import slot_files

if TYPE_CHECKING:
    from git_mlvc.store.store import Store


def read(
    repo: Repository, open_store: Callable[[], Store], name: str, baseline: Findings
) -> Findings | None:
    """Return what is there now; None if there is no such worktree, or it goes away meanwhile.

    A metrics file that says what the baseline's says has not been written yet. What is half written is not there.
    """
    place = workplace.folder(repo) / name
    if not (place / ".git").is_file():
        return None
    try:
        own = Repository.discover(place, clean_env(repo.env))
        with Revisions(own, open_store()) as revisions:
            found = reading.read(revisions.at(None))
    except (MlvcError, OSError):
        return None
    return replace(found, metrics=_new(found, baseline), problems=())


def waiting(repo: Repository) -> dict[str, str]:
    """Return what experiments that are running wait for: name -> "train waits for gpu"."""
    found = slot_files.waiting(repo.common_dir)
    running = states.read(repo).states if found else ()
    return {
        state.name: "; ".join(f"{one.stage} waits for {', '.join(one.asked)}" for one in wishes)
        for state in running
        if state.owner is not None and (wishes := found.get(state.owner, ()))
    }


def _new(found: Findings, baseline: Findings) -> dict[tuple[str, str], int | float]:
    old = {file for file, _ in found.metrics if _of(found, file) == _of(baseline, file)}
    return {place: value for place, value in found.metrics.items() if place[0] not in old}


def _of(findings: Findings, file: str) -> dict[str, str]:
    """Return the metrics of a file as texts: NaN is NaN."""
    return {key: repr(value) for (one, key), value in findings.metrics.items() if one == file}

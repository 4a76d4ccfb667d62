"""Runs that are remembered, as a list to look at: the newest first, with what tells them apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.nearest import did_you_mean
from git_mlvc.pipeline.model import FileState, PipelineError, Run, State, address_of
from git_mlvc.repo_path import RepoPath

_SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run, and how it stands among the others.

    `is_newest`: of those with its key, so the one that counts. `is_here`: all that it made. `differs`: the
    params and deps in which the runs of its stage that are listed are not all alike, by name.
    """

    run: Run
    is_newest: bool
    is_here: bool
    differs: Mapping[str, str]


def listing(
    runs: Iterable[Run],
    is_here: Callable[[Run], bool],
    names: Sequence[str] = (),
    folder: RepoPath | None = None,
    most: int | None = None,
) -> list[ListedRun]:
    """Return the runs of these stages, the newest first and `most` of them; of all without names.

    "train" means each `train@…` too, and `sub:train` when asked from `sub`. Stages need not exist any more.
    Raises PipelineError for a name of which nothing is remembered.
    """
    known = sorted(runs, key=lambda run: (run.made_at_ms, run.id), reverse=True)
    stages = {run.stage for run in known}
    meant = set(_meant(stages, names, folder)) if names else stages
    chosen = [run for run in known if run.stage in meant][:most]
    newest: dict[bytes, Run] = {}
    for run in known:
        newest.setdefault(run.key, run)
    differing = _differing(chosen)
    return [
        ListedRun(
            run,
            newest[run.key] is run,
            is_here(run),
            {
                name: value
                for name, value in _values(run).items()
                if name in differing.get(run.stage, ())
            },
        )
        for run in chosen
    ]


def _meant(stages: set[str], names: Sequence[str], folder: RepoPath | None) -> Iterator[str]:
    for name in names:
        local = [] if folder is None or ":" in name else [address_of(folder, name)]
        for address in (*local, name.removeprefix(":")):
            found = [one for one in stages if one == address or one.startswith(address + "@")]
            if found:
                yield from found
                break
        else:
            raise PipelineError(
                f"no run of a stage '{name}' is remembered",
                hint=did_you_mean(name, {one.partition("@")[0] for one in stages} | stages),
            )


def _differing(runs: Iterable[Run]) -> dict[str, set[str]]:
    """Return by stage the names of what is not the same in all of its runs."""
    values: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for run in runs:
        values[run.stage].append(_values(run))
    return {
        stage: {
            name
            for name in {name for one in many for name in one}
            if len({one.get(name) for one in many}) > 1
        }
        for stage, many in values.items()
    }


def _values(run: Run) -> dict[str, str]:
    """What a run was made from, by name: params as they are, deps by the first digits of their ids."""
    inputs = run.result.inputs
    named = {param.key or str(param.file): _short(value) for param, value in inputs.params}
    named |= {dep.text: _state(state) for dep, state in inputs.deps}
    if inputs.commands:
        named["the command"] = inputs.commands[0]
    return named


def _short(value: str) -> str:
    found = json.loads(value)
    return found if isinstance(found, str) else value


def _state(state: State) -> str:
    return state.oid.digest.hex()[:_SHOWN_DIGITS] if isinstance(state, FileState) else state.version

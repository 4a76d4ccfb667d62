"""`git mlvc exp logs`: what the stages of an experiment wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.log_fields import fields
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode, FormatError, InputError, UsageError
from git_mlvc.nearest import nearest

if TYPE_CHECKING:
    from git_mlvc.experiments.states import State
    from git_mlvc.git.repository import Repository


@subcommand("logs", example="git mlvc exp logs lr-3\ngit mlvc exp logs lr-3 -f")
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Go on until the experiment ends.")
@json_option
def logs(invocation: Invocation, name: str, follow: bool, as_json: bool) -> int:
    """The last log of each stage that ran for it, in their order. They are kept when it fails or is interrupted. With
    -f, one that is queued is waited for.
    """
    from git_mlvc.experiments import live, log_tail, run
    from git_mlvc.experiments.states import Phase

    repo, output = invocation.workspace.repository, invocation.output
    folder = run.logs_of(repo, name)
    state = _state(repo, name)
    found = log_tail.last_logs(folder)
    if as_json:
        output.json("exp-log", {"name": name, "stages": [fields(path) for path in found.values()]})
        return ExitCode.OK
    waits = follow and state is not None and state.phase in (Phase.QUEUED, Phase.RUNNING)
    if waits:
        if state is not None and state.phase is Phase.QUEUED:
            output.message(f"experiment {name} is queued")
        elif name in (kept := live.waiting(repo)):
            output.message(f"experiment {name}: {kept[name]}")
        for block in log_tail.follow(
            lambda: _of_this_run(repo, name), lambda: _is_over(repo, name)
        ):
            output.data(block)
        return ExitCode.OK
    if not found:
        raise _nothing(repo, name, state)
    for block in log_tail.follow(lambda: found, lambda: True):
        output.data(block)
    return ExitCode.OK


def _state(repo: Repository, name: str) -> State | None:
    from git_mlvc.experiments import states

    try:
        return states.of(repo, name)
    except FormatError:
        return None


def _is_over(repo: Repository, name: str) -> bool:
    from git_mlvc.experiments.states import Phase

    state = _state(repo, name)
    return state is None or state.phase in (Phase.FAILED, Phase.INTERRUPTED)


def _of_this_run(repo: Repository, name: str) -> dict[str, Path]:
    """Return the logs that were written to since it runs: it may have run before, and been interrupted."""
    from git_mlvc.experiments import log_tail, run
    from git_mlvc.experiments.states import Phase

    state = _state(repo, name)
    if state is not None and state.phase is Phase.QUEUED:
        return {}
    since_s = state.since_s - 1 if state is not None and state.phase is Phase.RUNNING else 0
    found = log_tail.last_logs(run.logs_of(repo, name))
    return {stage: path for stage, path in found.items() if path.stat().st_mtime >= since_s}


def _nothing(repo: Repository, name: str, state: State | None) -> Exception:
    from git_mlvc.experiments import live, log_tail, refs, run, states
    from git_mlvc.experiments.states import Phase

    if state is not None:
        hint = "git mlvc exp start" if state.phase is Phase.QUEUED else ""
        why = live.waiting(repo).get(name, "no stage has run for it")
        why = state.error if state.phase is Phase.FAILED else why
        return InputError(f"experiment '{name}', {state.phase}, has no log", why=why, hint=hint)
    made = [one.name for one in refs.list(repo)]
    if name in made:
        return InputError(
            f"experiment '{name}' has no log here",
            why="no stage ran for it in this clone: all came from earlier runs, or it was made elsewhere",
        )
    known = {*made, *states.names(repo), *log_tail.names(run.logs_of(repo, name).parent)}
    near = nearest(name, sorted(known))
    return UsageError(
        f"there is no experiment '{name}'",
        hint=f"did you mean '{near}'?" if near else "git mlvc exp status",
    )

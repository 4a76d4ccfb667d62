"""`git mlvc exp status` and `exp queue`: what is queued, running, failed and interrupted, and the workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.experiments.states import State, States
    from git_mlvc.experiments.workers import Worker

_SHOWN_ERROR = 100


@subcommand("status", example="git mlvc exp status\nwatch git mlvc exp status")
@json_option
def status(invocation: Invocation, as_json: bool) -> int:
    """Experiments that are finished are in `git mlvc exp show`. One whose process was killed is interrupted; what
    was queued can be taken up again by `git mlvc exp start`.
    """
    from git_mlvc.cli.experiments.sweep_lines import state_fields
    from git_mlvc.experiments import live, states, workers

    repo, output = invocation.workspace.repository, invocation.output
    found, there, waits = states.read(repo), workers.at_work(repo), live.waiting(repo)
    if as_json:
        output.json(
            "exp-status",
            {
                "experiments": [state_fields(one, waits.get(one.name)) for one in found.states],
                "workers": [_worker_fields(one) for one in there],
                "damaged": [str(path) for path in found.damaged],
            },
        )
        return ExitCode.OK
    _show(invocation, found, found.states, waits)
    for one in there:
        what = f"runs {one.experiment}" if one.experiment else "looks for work"
        last = ", its last" if one.is_stopping and one.experiment else ""
        output.message(f"worker {one.owner.pid}: {what}{last}")
    if not there and any(one.phase == "queued" for one in found.states):
        output.message("no worker is at work (git mlvc exp start -j N)")
    return ExitCode.OK


@subcommand("queue", example="git mlvc exp run --queue -S lr=0.1,0.01\ngit mlvc exp queue")
@json_option
def queue(invocation: Invocation, as_json: bool) -> int:
    """In the order in which workers take them. `git mlvc exp stop NAME` takes one out."""
    from git_mlvc.cli.experiments.sweep_lines import state_fields
    from git_mlvc.experiments import states

    found = states.read(invocation.workspace.repository)
    queued = [one for one in found.states if one.phase == "queued"]
    if as_json:
        listed = [state_fields(one) for one in queued]
        invocation.output.json("exp-queue", {"experiments": listed})
        return ExitCode.OK
    _show(invocation, found, queued, {})
    return ExitCode.OK


def _show(
    invocation: Invocation, found: States, listed: Sequence[State], waits: Mapping[str, str]
) -> None:
    import time

    output = invocation.output
    for path in found.damaged:
        output.message(f"warning: cannot be read, and is left out: {path}")
    if not listed:
        output.message(
            "no experiment is queued" if found.states else "nothing is queued or running"
        )
        return
    now = time.time()
    output.table(
        ["experiment", "state", ">for", "what"],
        [[one.name, str(one.phase), _age(now - one.since_s), _what(one, waits)] for one in listed],
    )


def _what(one: State, waits: Mapping[str, str]) -> str:
    from git_mlvc.cli.experiments.sweep_lines import short

    first = one.error.partition("\n")[0]
    if first:
        return first if len(first) <= _SHOWN_ERROR else first[: _SHOWN_ERROR - 1] + "…"
    what = short(one.overrides) or one.message.partition("\n")[0]
    return "; ".join(filter(None, [what, waits.get(one.name, "")]))


def _age(seconds: float) -> str:
    """Return e.g. "12 s", "3 min", "2 h", "5 days"."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 172_800 else count_text(whole // 86_400, "day")


def _worker_fields(one: Worker) -> dict[str, object]:
    return {
        "process": one.owner.pid,
        "since_s": one.since_s,
        "experiment": one.experiment or None,
        "is_stopping": one.is_stopping,
        "log": one.log or None,
    }

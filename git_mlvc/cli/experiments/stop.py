"""`git mlvc exp stop`: workers end, or one experiment does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.errors import ExitCode, FormatError, UsageError
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.experiments.states import State
    from git_mlvc.git.repository import Repository


@subcommand(
    "stop",
    example="""\
    git mlvc exp stop              # when what runs now has ended
    git mlvc exp stop --now        # what runs is interrupted, and can be started again
    git mlvc exp stop lr-3         # this one only: out of the queue, or interrupted""",
)
@click.argument("name", required=False)
@click.option("--now", is_flag=True, help="Interrupt what the workers run.")
def stop(invocation: Invocation, name: str | None, now: bool) -> int:
    """Without NAME the workers stop; what is queued stays queued, and `exp start` goes on with it. With NAME, that
    experiment is taken out of the queue; if it runs, it is interrupted, by --now or without, and not taken up again,
    and its worker goes on with the next one.
    """
    from git_mlvc.experiments import workers

    output, repo = invocation.output, invocation.workspace.repository
    if name is not None:
        output.line(_stop_one(repo, name))
        return ExitCode.OK
    there = workers.at_work(repo)
    for one in there:
        workers.ask_to_stop(repo, one, now=now)
    running = [one.experiment for one in there if one.experiment]
    if not there:
        output.line("no worker is at work")
    elif now or not running:
        what = f", and what ran: {', '.join(running)}" if running else ""
        output.line(f"{count_text(len(there), 'worker')} stopped{what}")
    else:
        output.line(
            f"{count_text(len(there), 'worker')} will stop after {', '.join(running)} (--now interrupts)"
        )
    return ExitCode.OK


def _stop_one(repo: Repository, name: str) -> str:
    """Return what was done."""
    from git_mlvc.experiments import queue, states, workers
    from git_mlvc.experiments.states import Phase

    try:
        state = states.of(repo, name)
    except FormatError:
        state = None
    if state is None or state.phase is not Phase.RUNNING:
        if state is not None and (state.phase is Phase.FAILED or not state.is_from_queue):
            raise UsageError(
                f"experiment '{name}' does not run: it {_ended(state)}",
                hint=f"git mlvc exp rm {name} forgets it",
            )
        queue.remove(repo, [name])
        return f"experiment {name} is out of the queue"
    worker = next((one for one in workers.at_work(repo) if one.experiment == name), None)
    if worker is not None:
        workers.ask_to_drop(repo, worker, name)
    elif state.owner is None or not workers.interrupt(state.owner):
        raise UsageError(
            f"experiment '{name}' cannot be stopped from here",
            why=f"it is run by {state.owner}",
            hint="run this command there",
        )
    return f"experiment {name} is interrupted"


def _ended(state: State) -> str:
    return "has failed" if str(state.phase) == "failed" else "was interrupted"

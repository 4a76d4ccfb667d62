"""`git mlvc exp start`: workers for what is queued."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.errors import ExitCode, StageFailed
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.pipeline.scene import Means


@subcommand(
    "start",
    example="""\
    git mlvc exp run --queue -S lr=0.1,0.01,0.001
    git mlvc exp start -j 2
    git mlvc exp status""",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="So many experiments at a time (1), with the workers that are there already.",
)
@click.option("--foreground", is_flag=True, help="Be the worker, here and now, until none waits.")
@click.option("--handed", is_flag=True, hidden=True)
@click.option("--log", type=click.Path(path_type=Path), hidden=True)
@click.option("--ready", "ready_fd", type=int, hidden=True)
def start(
    invocation: Invocation,
    jobs: int,
    foreground: bool,
    handed: bool,
    log: Path | None,
    ready_fd: int | None,
) -> int:
    """Workers are ordinary processes of yours. They outlive the terminal, take one experiment after the other in the
    order in which they were queued, and end when none waits. What was interrupted, by `exp stop --now` or with its
    worker, waits again. Nothing else runs, and nothing is left when they have ended.
    """
    if handed:
        return _serve(invocation)
    from git_mlvc.experiments import old_logs, queue, states, workplace
    from git_mlvc.experiments.states import Phase

    output, repo = invocation.output, invocation.workspace.repository
    if log is not None and ready_fd is not None:
        return _work(invocation, log, ready_fd)
    workplace.sweep(repo)
    queue.tidy(repo)
    old_logs.remove(repo, newest=invocation.workspace.settings.experiment_logs)
    back = queue.wait_again(repo)
    if back:
        output.message(f"interrupted before, and queued again: {', '.join(back)}")
    waiting = sum(one.phase is Phase.QUEUED for one in states.read(repo).states)
    if not waiting:
        output.line("nothing is queued (git mlvc exp run --queue)")
        return ExitCode.OK
    if foreground:
        return _work(invocation)
    return _start(invocation, jobs, waiting)


def _start(invocation: Invocation, jobs: int, waiting: int) -> int:
    from git_mlvc.cli.experiments.several import command
    from git_mlvc.experiments import crew, workers

    repo = invocation.workspace.repository
    there = [one for one in workers.at_work(repo) if not one.is_stopping]
    new = max(0, min(jobs - len(there), waiting))
    crew.detach(command(invocation), [workers.new_log(repo, number) for number in range(new)])
    many = count_text(new, "worker") if new else "no further worker"
    before = f", beside {count_text(len(there), 'earlier one')}" if there else ""
    invocation.output.line(
        f"{many} started{before}: {count_text(waiting, 'experiment')} queued (git mlvc exp status)"
    )
    return ExitCode.OK


def _work(invocation: Invocation, log: Path | None = None, ready_fd: int | None = None) -> int:
    """Be a worker. One that is on its own says when it is at work, and leaves its log only where something failed."""
    from git_mlvc.experiments import worker

    def registered() -> None:
        if ready_fd is not None:
            with suppress(OSError):  # nobody waits for it any more
                os.write(ready_fd, b".")
            os.close(ready_fd)

    all_well = True
    try:
        all_well = worker.work(
            invocation.workspace.repository,
            lambda: _means(invocation),
            invocation.output.message,
            log="" if log is None else str(log),
            registered=registered,
        )
    finally:
        if log is not None and all_well:
            log.unlink(missing_ok=True)
    if not all_well:
        raise StageFailed("not all experiments could be made", hint="git mlvc exp status")
    return ExitCode.OK


def _serve(invocation: Invocation) -> int:
    import sys

    from git_mlvc.experiments import answers, worker

    worker.serve(
        lambda: _means(invocation),
        sys.stdin.buffer,
        lambda answer: invocation.output.data(answers.encode(answer)),
    )
    return ExitCode.OK


def _means(invocation: Invocation) -> Means:
    """Open all anew: what others have done since is seen."""
    from git_mlvc.cli.means import opened

    return opened(
        Invocation(invocation.argv, invocation.program, invocation.environment, invocation.output)
    )

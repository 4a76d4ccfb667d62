"""`git mlvc exp save`: the worktree as it is, as an experiment."""

from __future__ import annotations

import click

from git_mlvc.cli.experiments.declare import name_option, subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode


@subcommand("save", example="git mlvc exp save --name before-cleanup -m 'as it was on Friday'")
@name_option
@click.option("-m", "--message", metavar="MSG", default="", help="What it is.")
@json_option
def save(invocation: Invocation, name: str, message: str, as_json: bool) -> int:
    """Nothing is run: stages that are stale are named, and the worktree is recorded as it stands. Worktree, index
    and branch stay as they are.
    """
    from git_mlvc.cli.experiments import made_lines
    from git_mlvc.cli.means import opened
    from git_mlvc.experiments import save as use_case
    from git_mlvc.experiments import states

    output, means = invocation.output, opened(invocation)
    if name:
        states.check_free(means.repo, name)
    saved = use_case.save(means, name, message)
    stale = [step.stage for step in saved.stale]
    if as_json:
        found = made_lines.fields(saved.outcome, saved.snapshot)
        output.json("exp-save", {**found, "stale": stale, "undecided": saved.undecided})
        return ExitCode.OK
    made_lines.say_begin(output, means, saved.snapshot)
    if saved.undecided:
        output.message(
            f"recorded as it is; whether its stages are stale is unknown: {saved.undecided}"
        )
    elif stale:
        output.message(f"recorded as it is; stale: {', '.join(stale)} (git mlvc repro --plan)")
    made_lines.show(output, means, saved.outcome, saved.snapshot)
    return ExitCode.OK

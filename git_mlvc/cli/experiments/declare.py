"""Every sub-command of `git mlvc exp`: where it lives, and how it is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click

from git_mlvc.cli.options import Function, help_text

_ROOM = "git_mlvc.cli.experiments"


@dataclass(frozen=True, slots=True)
class Subcommand:
    """`target` ("module:attribute") is a click command; `summary` is what `git mlvc exp -h` shows."""

    target: str
    summary: str


# In the order of `git mlvc exp -h`.
SUBCOMMANDS: dict[str, Subcommand] = {
    "run": Subcommand(f"{_ROOM}.run:run", "Run stages with changed parameters, and record it."),
    "save": Subcommand(f"{_ROOM}.save:save", "Record the worktree as it is, without running."),
    "queue": Subcommand(f"{_ROOM}.status:queue", "List the experiments that wait for a worker."),
    "start": Subcommand(f"{_ROOM}.start:start", "Start workers for what is queued."),
    "stop": Subcommand(f"{_ROOM}.stop:stop", "Stop the workers, or one experiment."),
    "status": Subcommand(
        f"{_ROOM}.status:status", "Show what is queued, running, failed and interrupted."
    ),
    "logs": Subcommand(f"{_ROOM}.logs:logs", "Show what the stages of an experiment wrote."),
    "show": Subcommand(f"{_ROOM}.show:show", "Show experiments with parameters and metrics."),
    "list": Subcommand(f"{_ROOM}.listing:list_", "List the names of experiments."),
    "apply": Subcommand(f"{_ROOM}.apply:apply", "Bring an experiment into the worktree."),
    "diff": Subcommand(f"{_ROOM}.diff:diff", "Compare two experiments, or one with the worktree."),
    "branch": Subcommand(f"{_ROOM}.branch:branch", "Make a branch of an experiment."),
    "rename": Subcommand(f"{_ROOM}.rename:rename", "Give an experiment another name."),
    "rm": Subcommand(f"{_ROOM}.rm:rm", "Remove experiments."),
    "push": Subcommand(f"{_ROOM}.push:push", "Send experiments to a remote, with all their data."),
    "pull": Subcommand(
        f"{_ROOM}.pull:pull", "Bring experiments from a remote, with all their data."
    ),
}


def _checked(context: click.Context, option: click.Parameter, name: str | None) -> str:
    from git_mlvc.experiments import names

    return "" if name is None else names.check(name)  # `--name "$EMPTY"` is a mistake, not a wish


name_option = click.option(
    "-n", "--name", metavar="NAME", callback=_checked, help="What it is called; without, two words."
)


def subcommand(name: str, *, example: str) -> Callable[[Function], click.Command]:
    """Declare the click command of a sub-command; as `options.verb`, its summary is that of the table."""
    summary = SUBCOMMANDS[name].summary

    def declare(function: Function) -> click.Command:
        return click.command(
            name, short_help=summary, help=help_text(summary, function.__doc__, example)
        )(click.pass_obj(function))

    return declare

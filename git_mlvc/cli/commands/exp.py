"""`git mlvc exp`: experiments. A sub-command's module is imported only when it is run."""

from __future__ import annotations

from importlib import import_module

import click

from git_mlvc.cli.experiments.declare import SUBCOMMANDS
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text
from git_mlvc.cli.registry import VERBS
from git_mlvc.errors import UsageError
from git_mlvc.nearest import nearest

_OF_OTHERS = {
    "remove": "rm", "delete": "rm", "gc": "rm", "clean": "rm", "ls": "list", "compare": "diff", "checkout": "apply",
    "kill": "stop", "cancel": "stop", "log": "logs", "table": "show", "repro": "run",
}  # fmt: skip
"""What people type who come from elsewhere."""


class _Experiments(click.Group):
    """Knows every sub-command by name and summary."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*SUBCOMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = SUBCOMMANDS.get(cmd_name)
        if found is None:
            return None
        module, _, attribute = found.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in SUBCOMMANDS and not args[0].startswith("-"):
            near = _OF_OTHERS.get(args[0]) or nearest(args[0], SUBCOMMANDS)
            hint = f"did you mean `git mlvc exp {near}`?" if near else "see `git mlvc exp -h`"
            raise UsageError(f"'{args[0]}' is not a command of git mlvc exp", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, found.summary) for name, found in SUBCOMMANDS.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.group(
    "exp",
    cls=_Experiments,
    short_help=VERBS["exp"].summary,
    help=help_text(
        VERBS["exp"].summary,
        "An experiment is a commit with all that made it: code, parameters, data, metrics. It stands beside the"
        " branches, in refs/mlvc/exp/, and outlives rebase, squash and the branch it came from.",
        "git mlvc exp run -S train.lr=0.1\ngit mlvc exp show --sort loss",
    ),
)
@click.pass_obj
def exp(invocation: Invocation) -> None:
    workspace = invocation.workspace_if_any
    if workspace is None:
        return
    from git_mlvc.experiments import apply_journal, claims, held_snapshots

    repo = workspace.repository
    held_snapshots.let_go_of_dead(repo)
    if apply_journal.is_there(repo):
        from git_mlvc.cli.experiments import cut_short

        cut_short.tell(invocation)
    here = ""
    if claims.is_in_place(repo):
        from git_mlvc.cli.experiments import left_in_place

        here = left_in_place.recover(invocation)
    if claims.claimed(repo):
        from git_mlvc.experiments import workplace

        for name in workplace.sweep(repo):
            if name != here:
                invocation.output.message(f"removed what the killed experiment '{name}' left")

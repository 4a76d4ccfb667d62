"""`git mlvc stage`: write down what to run, what it needs and what it makes."""

from __future__ import annotations

from typing import ClassVar

import click

from git_mlvc.cli.options import help_text
from git_mlvc.cli.registry import VERBS
from git_mlvc.cli.stages import define, listing
from git_mlvc.cli.stages.schema import schema


class _Stage(click.Group):
    """Knows the name that people try for `remove`."""

    _ALIASES: ClassVar = {"rm": "remove"}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self._ALIASES.get(cmd_name, cmd_name))


@click.group(
    "stage",
    cls=_Stage,
    invoke_without_command=True,
    short_help=VERBS["stage"].summary,
    help=help_text(
        VERBS["stage"].summary,
        "Stages are tables of the tracked mlvc.toml, which may as well be written by hand"
        " (docs/reference/stage-file.md).",
        "git mlvc stage add -n count -d names.txt -o counts.txt 'sort names.txt | uniq -c > counts.txt'\n"
        "git mlvc repro",
    ),
)
@click.pass_context
def stage(context: click.Context) -> None:
    if context.invoked_subcommand is None:
        context.invoke(listing.list_, names=(), as_json=False)


for _command in (define.add, listing.list_, define.remove, define.freeze, define.unfreeze, schema):
    stage.add_command(_command)

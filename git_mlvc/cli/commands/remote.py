"""`git mlvc remote`: say where data is kept."""

from __future__ import annotations

from typing import ClassVar

import click

from git_mlvc.cli.options import help_text
from git_mlvc.cli.registry import VERBS
from git_mlvc.cli.remotes import check, define, listing, trust


class _Remote(click.Group):
    """Knows the names that `git remote` has for the same."""

    _ALIASES: ClassVar = {"rm": "remove"}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, self._ALIASES.get(cmd_name, cmd_name))


@click.group(
    "remote",
    cls=_Remote,
    invoke_without_command=True,
    short_help=VERBS["remote"].summary,
    help=help_text(
        VERBS["remote"].summary,
        "Without any, the data of a git remote that is a directory is kept beside it.",
        "git mlvc remote add lab /nfs/lab/data --default\ngit mlvc remote check lab",
    ),
)
@click.pass_context
def remote(context: click.Context) -> None:
    if context.invoked_subcommand is None:  # as `git remote`
        context.invoke(listing.list_, as_json=False)


for _command in (
    define.add,
    listing.list_,
    define.remove,
    define.rename,
    define.set_url,
    define.set_,
    define.default,
    check.check,
    trust.trust,
):
    remote.add_command(_command)

"""`git mlvc remote trust`: let an address that came with the repository be contacted."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text
from git_mlvc.cli.trust import definitions
from git_mlvc.errors import ExitCode
from git_mlvc.settings import without_secrets


@click.command(
    "trust",
    short_help="Let an address that came with the repository be contacted.",
    help=help_text(
        "Let an address that came with the repository be contacted.",
        "Until then nothing is sent to it and nothing is asked of it. The word is kept per address, with the options"
        " that came along, in this clone only; if they change it is asked for again. In CI: MLVC_TRUST=ADDRESS.",
        "git mlvc remote trust lab",
    ),
)
@click.argument("name")
@click.option("--undo", is_flag=True, help="Take it back; exit code 1 if it was not given.")
@click.pass_obj
def trust(invocation: Invocation, name: str, undo: bool) -> int:
    from git_mlvc.worktree import remotes

    where = definitions(invocation.workspace)
    setting = remotes.find(where, name)
    if undo:
        return ExitCode.OK if remotes.distrust(where, setting) else ExitCode.ANSWER
    remotes.trust(where, setting)
    invocation.output.line(f"trusted: {without_secrets(setting.address)}")
    return ExitCode.OK

"""`git mlvc uninstall`: take back what `install` did."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import verb
from git_mlvc.cli.report_lines import show_install


@verb("uninstall", example="git mlvc uninstall --local")
@click.option("--local", is_flag=True, help="From this repository: its filter and its hooks.")
def uninstall(invocation: Invocation, local: bool) -> int:
    """Data, pointers and .gitattributes stay as they are; hooks of others are as they were before."""
    from git_mlvc.hooks import install as hooks

    if local:
        workspace = invocation.workspace
        report = hooks.uninstall_local(
            workspace.repository, workspace.git, permissions=workspace.permissions
        )
    else:
        report = hooks.uninstall_global(invocation.git_anywhere)
    return show_install(invocation.output, report)

"""`git mlvc install`: tell git of the filter."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import verb
from git_mlvc.cli.report_lines import show_install


@verb("install", example="git mlvc install")
@click.option("--local", is_flag=True, help="Only for this repository; installs its hooks too.")
@click.option(
    "--skip-smudge", is_flag=True, help="Let checkouts leave stubs; `git mlvc pull` fills them."
)
@click.option(
    "--shared-hooks",
    is_flag=True,
    help="With --local: write hooks also where core.hooksPath leads outside of the repository.",
)
def install(invocation: Invocation, local: bool, skip_smudge: bool, shared_hooks: bool) -> int:
    """Without --local: for all repositories, in your global git configuration; the repository around the
    current directory is not touched. A clone then gets its hooks by itself. Can be run again at any time.

    Hooks of others stay and keep running.
    """
    from git_mlvc.errors import UsageError
    from git_mlvc.hooks import install as hooks

    if shared_hooks and not local:
        raise UsageError("--shared-hooks needs --local")
    if not local:
        git = invocation.git_anywhere
        report = hooks.install_global(git, invocation.launcher, skip_smudge=skip_smudge)
    else:
        workspace = invocation.workspace
        report = hooks.install_local(
            workspace.repository,
            workspace.git,
            invocation.launcher,
            skip_smudge=skip_smudge,
            shared_hooks=shared_hooks,
            permissions=workspace.permissions,
        )
    return show_install(invocation.output, report)

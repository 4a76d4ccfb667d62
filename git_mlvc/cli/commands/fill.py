"""`git mlvc fill`: content in the place of stubs."""

from __future__ import annotations

import click

from git_mlvc.cli.filling import filling
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, paths_argument, verb
from git_mlvc.cli.report_lines import fill_fields, show_fill
from git_mlvc.errors import ExitCode


@verb("fill", example="git mlvc fill data/train.bin")
@paths_argument
@click.option(
    "--keep-appended",
    is_flag=True,
    help="For PATHs that are stubs something was appended to: fill them and append it again.",
)
@json_option
def fill(invocation: Invocation, paths: tuple[str, ...], keep_appended: bool, as_json: bool) -> int:
    """From the local store; `git mlvc pull` also fetches. Only files that are exactly their stub are
    replaced. Exit code 5 if stubs are left.
    """
    from git_mlvc.errors import UsageError
    from git_mlvc.worktree import exchange, pointers
    from git_mlvc.worktree.appended import fill_appended
    from git_mlvc.worktree.fill import fill as put_content
    from git_mlvc.worktree.selection import Selection

    if keep_appended and not paths:
        raise UsageError("--keep-appended needs the paths", hint="git mlvc status names them")
    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    selection = Selection.parse(paths, invocation.prefix)
    with filling(invocation):
        if keep_appended:
            chosen = selection.checked(file.path for file in pointers.index_files(repo))
            fetch = workspace.fetcher(output.progress)
            report = fill_appended(repo, workspace.store, chosen, fetch=fetch)
        else:
            meant = exchange.stubs_to_fill(repo, workspace.settings, selection, workspace.store)
            stubs = meant.found
            report = put_content(repo, workspace.store, stubs.items(), progress=output.progress)
    if as_json:
        output.json("fill", fill_fields(report))
        return ExitCode.STORE if report.left else ExitCode.OK
    return show_fill(output, report)

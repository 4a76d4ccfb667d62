"""`git mlvc pull`: fetch data and fill stubs."""

from __future__ import annotations

import click

from git_mlvc.cli.filling import filling
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.cli.report_lines import fetch_fields, fill_fields, show_fetch, show_fill
from git_mlvc.cli.too_large import tell_too_large
from git_mlvc.cli.trust import settled
from git_mlvc.errors import ExitCode


@verb("pull", example="git mlvc pull 'models/*.bin'")
@click.argument("words", nargs=-1, metavar="[REMOTE] [PATH]...")
@json_option
def pull(invocation: Invocation, words: tuple[str, ...], as_json: bool) -> int:
    """Data only; `git pull` brings commits and their data. PATH is a file, a directory or a glob, relative
    to the current directory. Without PATH: all that `[fetch]` in mlvc.toml allows.
    """
    from git_mlvc.git.revisions import PointerUse
    from git_mlvc.transfer.fetch import fetch
    from git_mlvc.transfer.routes import likely
    from git_mlvc.worktree import exchange
    from git_mlvc.worktree.fill import fill
    from git_mlvc.worktree.selection import Selection

    workspace, output = invocation.workspace, invocation.output
    is_named = bool(words) and workspace.places.knows(words[0])
    remote, typed = (words[0], words[1:]) if is_named else (None, words)
    selection = Selection.parse(typed, invocation.prefix)
    meant = exchange.stubs_to_fill(
        workspace.repository, workspace.settings, selection, workspace.store
    )
    stubs = meant.found
    paths = {pointer: path for path, pointer in stubs.items()}
    lacking = exchange.lacking(workspace.store, paths)
    if lacking:
        workspace = settled(invocation, remote)
    views, unopened = workspace.views_to_fetch_from(remote) if lacking else ([], [])
    first = likely(
        workspace.settings.routes, (PointerUse(p, path, "") for path, p in stubs.items())
    )
    fetched = fetch(workspace.store, views, lacking, progress=output.progress, likely=first)
    ready = {path: p for path, p in stubs.items() if p not in fetched.failed}
    with filling(invocation):
        filled = fill(
            workspace.repository, workspace.store, ready.items(), progress=output.progress
        )
    tell_too_large(invocation, meant.too_large)
    if as_json:
        output.json("pull", {"fetch": fetch_fields(fetched, paths), "fill": fill_fields(filled)})
        failed = next((why.exit_code for why in fetched.failed.values()), ExitCode.OK)
        return failed or (ExitCode.STORE if filled.left else ExitCode.OK)
    failed_code = show_fetch(output, fetched, paths, unopened)
    return failed_code or show_fill(output, filled)

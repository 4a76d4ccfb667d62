"""`git mlvc status`: each data file: present, stub, modified or missing."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, paths_argument, verb
from git_mlvc.errors import ExitCode
from git_mlvc.units import count_text, size_text


@verb("status", example="git mlvc status --json data")
@paths_argument
@click.option("--exit-code", is_flag=True, help="Exit with 1 if not every file is present.")
@click.option("--remote", "ask_remote", is_flag=True, help="Ask the remote which data it lacks.")
@json_option
def status(
    invocation: Invocation,
    paths: tuple[str, ...],
    exit_code: bool,
    ask_remote: bool,
    as_json: bool,
) -> int:
    """Reads only. A *stub* is to be filled from the local store, *missing data* is to be fetched first
    (`git mlvc pull` does both); a *damaged stub* was edited or merged as if it were the file.
    """
    from git_mlvc.worktree import exchange
    from git_mlvc.worktree.selection import Selection
    from git_mlvc.worktree.status import State
    from git_mlvc.worktree.status import status as look

    workspace, output = invocation.workspace, invocation.output
    selection = Selection.parse(paths, invocation.prefix)
    files = look(workspace.repository, workspace.store, workspace.settings)
    chosen = set(selection.checked(file.path for file in files))
    files = [file for file in files if file.path in chosen]
    unpushed = None
    if ask_remote:
        view = workspace.view(workspace.place_to_push_to(None))
        wanted = list(dict.fromkeys(file.pointer for file in files if file.pointer))
        there = exchange.verified_on([view], wanted)
        unpushed = [file.path for file in files if file.pointer and file.pointer not in there]
    if as_json:
        fields: dict[str, object] = {"files": files}
        output.json("status", fields | ({"unpushed": unpushed} if ask_remote else {}))
    else:
        rows = [
            [
                file.state + (", fill pending" if file.is_pending else ""),
                size_text(file.size_bytes),
                str(file.path),
            ]
            for file in files
            if file.state is not State.PRESENT
        ]
        if rows:
            output.table(["state", ">size", "path"], rows)
        present = sum(file.state is State.PRESENT for file in files)
        output.line(f"{count_text(len(files), 'data file')}, {present} present")
        if unpushed is not None:
            output.line(f"{count_text(len(unpushed), 'file')} not on the remote")
            for path in unpushed:
                output.line(f"  {path}")
    is_well = all(file.state is State.PRESENT for file in files) and not unpushed
    return ExitCode.ANSWER if exit_code and not is_well else ExitCode.OK

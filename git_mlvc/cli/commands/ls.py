"""`git mlvc ls`: the data files of a commit."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.units import size_text


@verb("ls", example="git mlvc ls HEAD~1 data --size")
@click.argument("typed", nargs=-1, metavar="[REV] [PATH]...")
@click.option("--size", is_flag=True, help="Show the size of the content.")
@click.option("--oid", is_flag=True, help="Show the id of the content, as `b3sum` computes it.")
@json_option
def ls(
    invocation: Invocation, typed: tuple[str, ...], size: bool, oid: bool, as_json: bool
) -> None:
    """Without REV, of HEAD. PATH is a file, a directory or a glob; paths are shown from the top."""
    from git_mlvc.worktree.listing import list_data

    files = list_data(invocation.workspace.repository, typed, invocation.prefix)
    output = invocation.output
    if as_json:
        output.json(
            "files",
            {
                "files": [
                    {"path": f.path, "oid": f.pointer.oid, "size_bytes": f.pointer.size_bytes}
                    for f in files
                ]
            },
        )
        return
    if not size and not oid:
        for file in files:
            output.line(str(file.path))
        return
    columns = [*(["oid"] if oid else []), *([">size"] if size else []), "path"]
    rows = []
    for file in files:
        row = [str(file.pointer.oid)] if oid else []
        row += [size_text(file.pointer.size_bytes)] if size else []
        rows.append([*row, str(file.path)])
    output.table(columns, rows)

"""`git mlvc whereis`: which places hold the data of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, paths_argument, verb
from git_mlvc.errors import ExitCode
from git_mlvc.settings import without_secrets
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.worktree.whereis import Located, Whereabouts


@verb("whereis", example="git mlvc whereis models/big.bin\ngit mlvc whereis data --rev v1.0 --deep")
@paths_argument
@click.option("--rev", metavar="REV", help="Files of this commit; without, of the index.")
@click.option("--deep", is_flag=True, help="Read and hash every byte that a remote holds.")
@json_option
def whereis(
    invocation: Invocation, paths: tuple[str, ...], rev: str | None, deep: bool, as_json: bool
) -> int:
    """Asks each remote now: whether it names all parts of a file, and whether the packs stand there whole.
    PATH is a file, a directory or a glob; without any, all data files are meant. A remote that does not answer,
    or is not trusted, is unknown.

    Exit code 0 if each file is on some remote, 1 if one is on none, 7 if that cannot be told. What its stage
    keeps off remotes (`push = false`) does not count.
    """
    from git_mlvc.cli.kept_here import kept_here
    from git_mlvc.worktree import whereis as finding
    from git_mlvc.worktree.selection import Selection

    workspace, output = invocation.workspace, invocation.output
    selection = Selection.parse(paths, invocation.prefix)
    files = finding.files_of(workspace.repository, selection, rev)
    found = finding.locate(
        files,
        workspace.store,
        workspace.places.elsewhere(workspace.store_path),
        workspace.view,
        deep=deep,
    )
    nowhere = [file.path for file in found.files if file.is_on_a_remote is finding.Holds.NO]
    kept = frozenset(kept_here(workspace.repository, nowhere))
    if as_json:
        _as_json(output, found, kept)
    else:
        _show(output, found, kept)
    answers = {file.is_on_a_remote for file in found.files if file.path not in kept}
    if finding.Holds.NO in answers:
        return ExitCode.ANSWER
    return ExitCode.REMOTE if finding.Holds.UNKNOWN in answers else ExitCode.OK


def _show(output: Output, found: Whereabouts, kept: frozenset[RepoPath]) -> None:
    from git_mlvc.worktree.whereis import Holds

    if not found.files:
        output.message("there are no data files")
        return
    states = [state for state in Holds if any(state in file.holders for file in found.files)]
    headings = {Holds.YES: "on", Holds.NO: "not on", Holds.UNKNOWN: "unknown"}
    output.table(
        ["path", "here", *(headings[state] for state in states)],
        [
            [
                str(file.path),
                "yes" if file.here else "no",
                *(", ".join(_names(found, file, state)) or "-" for state in states),
            ]
            for file in found.files
        ],
    )
    for holder in found.holders:
        if holder.why:
            output.message(f"unknown: remote '{holder.place.name}': {holder.why}")
        if holder.damaged:
            output.message(
                f"damaged on '{holder.place.name}': {', '.join(holder.damaged)}\n"
                "hint: delete that there, then git mlvc push from a clone that has the data"
            )
    if not found.holders:
        output.message("there is no remote\nhint: git mlvc remote add NAME URL --default")
    if kept:
        output.message(f"{count_text(len(kept), 'file')} kept off remotes (push = false)")
    nowhere = [
        file for file in found.files if file.is_on_a_remote is Holds.NO and file.path not in kept
    ]
    if nowhere and found.holders:
        lost = sum(not file.here for file in nowhere)
        only = f"{count_text(len(nowhere), 'file')} on no remote"
        output.message(f"{only}, of which {lost} not here either" if lost else only)
        if not any(holder.damaged for holder in found.holders):
            output.message("hint: `git mlvc push` sends what is here")


def _names(found: Whereabouts, file: Located, state: str) -> list[str]:
    return [
        holder.place.name
        for holder, said in zip(found.holders, file.holders, strict=True)
        if said == state
    ]


def _as_json(output: Output, found: Whereabouts, kept: frozenset[RepoPath]) -> None:
    from git_mlvc.worktree.whereis import Holds

    output.json(
        "whereis",
        {
            "remotes": [
                {
                    "name": holder.place.name,
                    "url": without_secrets(holder.place.url),
                    "why": holder.why,
                    "damaged": list(holder.damaged),
                }
                for holder in found.holders
            ],
            "files": [
                {
                    "path": file.path,
                    "oid": file.pointer.oid,
                    "size_bytes": file.pointer.size_bytes,
                    "here": file.here,
                    "kept_here": file.path in kept,
                    "on": _names(found, file, Holds.YES),
                    "not_on": _names(found, file, Holds.NO),
                    "unknown": _names(found, file, Holds.UNKNOWN),
                }
                for file in found.files
            ],
        },
    )

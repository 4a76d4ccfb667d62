"""`git mlvc status`: each data file: present, stub, modified or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, paths_argument, verb
from git_mlvc.cli.stages.looking import look_if_any, show_stages, stages_fields
from git_mlvc.errors import ExitCode
from git_mlvc.units import count_text, size_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.pipeline.stale import Look
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.worktree.status import FileStatus
    from git_mlvc.worktree.unpushed import OnRemote


@verb("status", example="git mlvc status --json data")
@paths_argument
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 if not every file is present that should be, or, with --remote, not on it.",
)
@click.option(
    "--remote",
    "ask_remote",
    is_flag=True,
    help="Ask the remote anew, in full, which data it lacks.",
)
@json_option
def status(
    invocation: Invocation,
    paths: tuple[str, ...],
    exit_code: bool,
    ask_remote: bool,
    as_json: bool,
) -> int:
    """Reads only. A *stub* is to be filled from the local store, *missing data* is to be fetched first
    (`git mlvc pull` does both); one that is *left out* is not fetched before its path is named, because `[fetch]`
    in the settings says so; a *damaged stub* was edited or merged as if it were the file.

    Stages that are stale are named with the reason, and which wait for them (`git mlvc repro --plan` looks further).

    What is not on the remote yet is told by what is known here; a remote that is a directory is looked into.
    The network is asked only with --remote.
    """
    from git_mlvc.pipeline.outs import kept_earlier
    from git_mlvc.worktree.selection import Selection
    from git_mlvc.worktree.status import State
    from git_mlvc.worktree.status import status as look
    from git_mlvc.worktree.unpushed import combined

    workspace, output = invocation.workspace, invocation.output
    selection = Selection.parse(paths, invocation.prefix)
    files = look(workspace.repository, workspace.store, workspace.settings)
    if not selection.is_everything:
        chosen = set(selection.checked(file.path for file in files))
        files = [file for file in files if file.path in chosen]
    places, kept = _without_kept(invocation, _on_remotes(invocation, files, ask=ask_remote))
    stages = None if paths else _stages(invocation)
    aside = [] if paths else kept_earlier.kept(workspace.repository)
    if as_json:
        known = combined(places)
        remote = {"name": known.remote, "basis": known.basis, "why": known.why}
        output.json(
            "status",
            {
                "files": files,
                "unpushed": known.unpushed,
                "kept_here": kept,
                "remote": remote,
                "stages": [] if stages is None else stages_fields(stages),
                "replaced": {
                    "files": sum(one.files for one in aside),
                    "size_bytes": sum(one.size_bytes for one in aside),
                },
            },
        )
    else:
        rows = [
            [
                file.state
                + (", fill pending" if file.is_pending else "")
                + (", left out" if file.is_left_out else ""),
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
        for place in places:
            _show_remote(output, place)
        if kept:
            output.line(f"{count_text(len(kept), 'file')} kept off remotes (push = false)")
        if stages is not None:
            show_stages(output, stages)
        if aside:
            count = count_text(sum(one.files for one in aside), "file")
            size = size_text(sum(one.size_bytes for one in aside))
            output.line(f"{count} that stages replaced, {size}, kept in {aside[0].place.parent}")
            output.message(
                "hint: look at them; `git mlvc prune --replaced-older 30` deletes old ones"
            )
    is_well = all(file.state is State.PRESENT or file.is_left_out for file in files)
    if ask_remote:
        is_well &= not any(place.unpushed for place in places)
    return ExitCode.ANSWER if exit_code and not is_well else ExitCode.OK


def _stages(invocation: Invocation) -> Look | None:
    """What is stale; a stage file with a mistake in it keeps nobody from seeing the state of the data."""
    from git_mlvc.errors import MlvcError

    try:
        return look_if_any(invocation)
    except MlvcError as exc:
        invocation.output.error("cannot tell which stages are stale", why=str(exc), hint=exc.hint)
        return None


def _on_remotes(invocation: Invocation, files: list[FileStatus], *, ask: bool) -> list[OnRemote]:
    """What is known of each place where data of `files` goes; one at least."""
    from git_mlvc.errors import MlvcError
    from git_mlvc.transfer.routes import parted
    from git_mlvc.worktree import unpushed

    workspace = invocation.workspace
    found = []
    name = ""
    try:
        for place, meant, _ in parted(workspace.places, files):
            name = place.name
            look = unpushed.verified if ask else unpushed.at_no_cost
            found.append(look(workspace.view(place), meant))
    except MlvcError as exc:
        if ask:
            raise
        found.append(unpushed.OnRemote(name, unpushed.Basis.UNKNOWN, None, str(exc)))
    return found


def _without_kept(
    invocation: Invocation, places: list[OnRemote]
) -> tuple[list[OnRemote], list[RepoPath]]:
    """Take out what its stage keeps off remotes; return it beside."""
    from dataclasses import replace

    from git_mlvc.cli.kept_here import kept_here

    lacking = dict.fromkeys(path for place in places for path in place.unpushed or ())
    kept = kept_here(invocation.workspace.repository, lacking)
    if not kept:
        return places, []
    gone = set(kept)
    rest = [
        place
        if place.unpushed is None
        else replace(place, unpushed=[path for path in place.unpushed if path not in gone])
        for place in places
    ]
    return rest, kept


def _show_remote(output: Output, known: OnRemote) -> None:
    from git_mlvc.worktree.unpushed import Basis

    if known.unpushed is None:
        remote = f"remote '{known.remote}'" if known.remote else "a remote"
        output.line(f"what {remote} has is unknown: {known.why}")
        return
    count = count_text(len(known.unpushed), "file")
    when = ", as far as is known here" if known.basis is Basis.REMEMBERED else ""
    output.line(f"{count} not on remote '{known.remote}'{when}")
    for path in known.unpushed:
        output.line(f"  {path}")

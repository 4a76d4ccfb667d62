"""`git mlvc push`: the data of commits to a remote."""

from __future__ import annotations

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, verb
from git_mlvc.errors import ExitCode


@verb("push", example="git mlvc push origin main v1.0")
@click.argument("remote", required=False)
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--all", "everything", is_flag=True, help="The data of every commit of every ref.")
@json_option
def push(
    invocation: Invocation,
    remote: str | None,
    refs: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> int:
    """Data only, of HEAD and all commits before it if no REF is given; `git push` does this by itself for
    what it pushes. What the remote has is not sent again, so this also mends a remote that lost data.
    """
    from git_mlvc.transfer.push import push as send
    from git_mlvc.worktree import exchange

    workspace = invocation.workspace
    uses = exchange.pushed(workspace.repository, refs, everything=everything)
    view = workspace.view(workspace.places.to_push_to(remote))
    report = send(workspace.store, view, uses, progress=invocation.output.progress)
    if as_json:
        invocation.output.json(
            "push",
            {
                "remote": view.name,
                "files": report.files,
                "chunks": report.chunks,
                "logical_bytes": report.logical_bytes,
                "sent_bytes": report.sent_bytes,
                "packs": report.packs,
                "already_there_bytes": report.already_there_bytes,
            },
        )
    else:
        invocation.output.line(f"{view.name}: {report.summary()}")
    return ExitCode.OK

"""`git mlvc exp list`: the names of experiments."""

from __future__ import annotations

import time

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import UsageError


@subcommand(
    "list",
    example="""\
    git mlvc exp list
    git mlvc exp list --remote
    git mlvc exp list --all --names-only | xargs -n 1 git mlvc exp diff HEAD""",
)
@click.argument("revs", nargs=-1, metavar="[REV]...")
@click.option("--all", "shows_all", is_flag=True, help="Every experiment, by baseline.")
@click.option("--names-only", is_flag=True, help="One name in a line and nothing else.")
@click.option(
    "--remote",
    is_flag=False,
    flag_value="",
    metavar="[REMOTE]",
    help="Those that a remote of git has: that of `git pull`, or REMOTE.",
)
@json_option
def list_(
    invocation: Invocation,
    revs: tuple[str, ...],
    shows_all: bool,
    names_only: bool,
    remote: str | None,
    as_json: bool,
) -> None:
    """Those made on HEAD, or on each REV, the newest first; without their numbers, which `exp show` has.

    --names-only names those that have a commit: each name can be given to `exp diff` and `exp apply`, and to git as
    refs/mlvc/exp/NAME.
    """
    from git_mlvc.cli.experiments import cells
    from git_mlvc.experiments import columns, listing
    from git_mlvc.text_width import shown

    if shows_all and revs:
        raise UsageError("--all lists every experiment, and takes no REV")
    if remote is not None:
        from git_mlvc.cli.experiments import remote_list

        if revs or shows_all:
            raise UsageError(
                "--remote lists all that a remote has", hint=f"git mlvc exp list --remote {remote}"
            )
        remote_list.show(invocation, remote, names_only=names_only, as_json=as_json)
        return
    workspace, output = invocation.workspace, invocation.output
    found = listing.collect(
        workspace.repository,
        lambda: workspace.store,
        revs,
        shows_all=shows_all,
        is_measured=False,
        now_s=time.time(),
    )
    rows = [(group.baseline.name, row) for group in found.groups for row in group.rows]
    if as_json:
        fields = [
            {
                "name": row.name,
                "commit": row.commit or None,
                "baseline": row.baseline or None,
                "state": row.state,
                "made_at_s": row.made_at_s,
                "duration_s": row.duration_s,
                "subject": row.subject,
            }
            for _, row in rows
        ]
        output.json("exp-list", {"experiments": fields, "others": found.others})
        return
    if names_only:
        for _, row in rows:
            if row.commit:
                output.line(row.name)
        return
    if rows:
        table = [
            [
                shown(row.name),
                row.state,
                cells.text(columns.MADE, row.value(columns.MADE)),
                cells.text(columns.DURATION, row.value(columns.DURATION)),
                shown(title),
                shown(row.subject),
            ]
            for title, row in rows
        ]
        output.table(["experiment", "state", "since", ">took", "made on", "subject"], table)
        output.flush()
    if found.others:
        output.message(f"{found.others:,} more on other commits: git mlvc exp list --all")
    elif not rows:
        output.message("no experiments yet: git mlvc exp run")

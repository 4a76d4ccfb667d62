"""`git mlvc fetch`: data into the local store."""

from __future__ import annotations

import time

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, no_run_cache_option, verb
from git_mlvc.cli.report_lines import fetch_fields, show_fetch
from git_mlvc.cli.run_exchange import code_of, fetch_runs, runs_fields, show_runs
from git_mlvc.cli.too_large import tell_too_large
from git_mlvc.cli.trust import settled


@verb("fetch", example="git mlvc fetch --recent 7")
@click.argument("remote", required=False)
@click.option("--all", "everything", is_flag=True, help="The data of every commit of every ref.")
@click.option(
    "--recent",
    "recent_days",
    type=click.IntRange(min=1),
    metavar="DAYS",
    help="Also of the commits of the last DAYS, on any branch or tag.",
)
@no_run_cache_option
@json_option
def fetch(
    invocation: Invocation,
    remote: str | None,
    everything: bool,
    recent_days: int | None,
    no_run_cache: bool,
    as_json: bool,
) -> int:
    """Without options: the data of the files checked out here, as `[fetch]` in mlvc.toml allows. The
    worktree is not touched; see `git mlvc pull`.

    Where there is a pipeline, also the records of all runs that remotes have; what a run made comes when it is
    restored.
    """
    from git_mlvc.transfer.fetch import fetch as bring
    from git_mlvc.transfer.routes import likely
    from git_mlvc.worktree import exchange
    from git_mlvc.worktree.selection import Selection

    workspace = invocation.workspace
    meant = exchange.wanted(
        workspace.repository,
        workspace.settings,
        Selection(),
        exchange.Scope(everything, recent_days),
        now_s=time.time(),
    )
    uses = meant.found
    paths = {use.pointer: use.path for use in uses}
    if uses:
        workspace = settled(invocation, remote)
    views, unopened = workspace.views_to_fetch_from(remote) if uses else ([], [])
    report = bring(
        workspace.store,
        views,
        paths,
        progress=invocation.output.progress,
        likely=likely(workspace.settings.routes, uses),
    )
    tell_too_large(invocation, meant.too_large)
    runs = None if no_run_cache else fetch_runs(invocation, remote)
    if not as_json:
        code = show_fetch(invocation.output, report, paths, unopened)
        runs_code = show_runs(invocation.output, runs)
        return code or runs_code
    fields = {**fetch_fields(report, paths), "runs": runs_fields(runs)}
    invocation.output.json("fetch", fields)
    return next((why.exit_code for why in report.failed.values()), code_of(runs))

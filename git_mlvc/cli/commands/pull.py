"""`git mlvc pull`: fetch data and fill stubs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.filling import filling
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.kept_here import kept_here, tell_kept
from git_mlvc.cli.options import json_option, no_run_cache_option, verb
from git_mlvc.cli.report_lines import fetch_fields, fill_fields, show_fetch, show_fill
from git_mlvc.cli.run_exchange import code_of, fetch_runs, runs_fields, show_runs
from git_mlvc.cli.too_large import tell_too_large
from git_mlvc.cli.trust import settled
from git_mlvc.errors import ExitCode, MissingChunk, StoreLocked

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.worktree.early_fill import EarlyFill


@verb("pull", example="git mlvc pull 'models/*.bin'")
@click.argument("words", nargs=-1, metavar="[REMOTE] [PATH]...")
@no_run_cache_option
@json_option
def pull(invocation: Invocation, words: tuple[str, ...], no_run_cache: bool, as_json: bool) -> int:
    """Data only; `git pull` brings commits and their data. PATH is a file, a directory or a glob, relative
    to the current directory. Without PATH: all that `[fetch]` in mlvc.toml allows, and, where there is a
    pipeline, the records of all runs that remotes have.
    """
    from git_mlvc.git.revisions import PointerUse
    from git_mlvc.transfer.fetch import fetch
    from git_mlvc.transfer.routes import likely
    from git_mlvc.worktree import exchange
    from git_mlvc.worktree.fill import FillReport, fill
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
    with ExitStack() as held:
        early = _early_fill(invocation, stubs, lacking, held)
        if early is None:
            fetched = fetch(workspace.store, views, lacking, progress=output.progress, likely=first)
            filled_early = FillReport()
            held.enter_context(filling(invocation))
        else:
            with early:
                fetched = fetch(
                    workspace.store,
                    views,
                    lacking,
                    progress=output.progress,
                    likely=first,
                    on_commit=early.arrivals.note,
                )
                filled_early = early.finish(output.progress)
        done = {*filled_early.filled}
        ready = {p: at for p, at in stubs.items() if at not in fetched.failed and p not in done}
        filled = fill(
            workspace.repository, workspace.store, ready.items(), progress=output.progress
        )
        filled.add_filled(filled_early)
    tell_too_large(invocation, meant.too_large)
    runs = None if no_run_cache or typed else fetch_runs(invocation, remote)
    # Asked for by name, what no remote will ever have is a failure like any other.
    absent = [paths[p] for p, why in fetched.failed.items() if isinstance(why, MissingChunk)]
    absent = [] if typed else absent
    if as_json:
        fields = {"fetch": fetch_fields(fetched, paths), "fill": fill_fields(filled)}
        output.json("pull", {**fields, "runs": runs_fields(runs)})
        kept = set(kept_here(workspace.repository, absent))
        failed = next(
            (why.exit_code for p, why in fetched.failed.items() if paths[p] not in kept),
            ExitCode.OK,
        )
        return failed or (ExitCode.STORE if filled.left else code_of(runs))
    told = tell_kept(output, workspace.repository, absent)
    failed_code = show_fetch(output, fetched, paths, unopened, told=told)
    filled_code = 0 if failed_code else show_fill(output, filled)
    runs_code = show_runs(output, runs)
    return failed_code or filled_code or runs_code


def _early_fill(
    invocation: Invocation,
    stubs: Mapping[RepoPath, Pointer],
    lacking: Collection[Pointer],
    held: ExitStack,
) -> EarlyFill | None:
    """Return what fills large files while they come, with the fill lock `held`; None to fetch first.

    So it is where somebody else is filling: what there is to fetch does not wait for that.
    """
    from git_mlvc.worktree.early_fill import EarlyFill, worth_filling_early

    workspace = invocation.workspace
    order = {pointer: place for place, pointer in enumerate(lacking)}
    coming = {path: p for path, p in stubs.items() if p in order}
    large = worth_filling_early(workspace.repository, workspace.store_path, coming)
    if not large:
        return None
    try:
        held.enter_context(filling(invocation, wait_s=0))
    except StoreLocked:
        return None
    wanted = dict(sorted(large.items(), key=lambda item: order[item[1]]))
    return EarlyFill(workspace.repository, workspace.second_store(), wanted)

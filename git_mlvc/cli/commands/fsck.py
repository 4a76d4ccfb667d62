"""`git mlvc fsck`: check every pack, recipe and pointer; name what damage hurts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, paths_argument, verb
from git_mlvc.cli.report_lines import named
from git_mlvc.errors import ExitCode
from git_mlvc.units import count_text, size_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.worktree.fsck import Report


@verb("fsck", example="git mlvc fsck --repair\ngit mlvc fsck --remote lab data")
@paths_argument
@click.option(
    "--remote",
    "remote",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="Also look whether a remote has all data: NAME, or where `git mlvc push` would send it.",
)
@click.option(
    "--repair", is_flag=True, help="Get damaged data again from a remote or the worktree."
)
@json_option
def fsck(
    invocation: Invocation, paths: tuple[str, ...], remote: str | None, repair: bool, as_json: bool
) -> int:
    """Reads and hashes every byte of the local store. Damaged packs are moved to its quarantine, what is good
    in them is kept. Names the files and commits that damage hurts. With PATHs, only of those.

    With --remote also whether all that the runs there have made can be had from it.

    Data that is not in this clone is no damage. Exit code 1 if something is wrong and was not repaired.
    """
    from git_mlvc.store.fsck import mend_format
    from git_mlvc.transfer.routes import pushed_to
    from git_mlvc.worktree import fsck as checking
    from git_mlvc.worktree import raw_content
    from git_mlvc.worktree.exchange import verified_on
    from git_mlvc.worktree.selection import Selection
    from git_mlvc.worktree.track import raw_files

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    if remote and not workspace.places.knows(remote):  # `fsck --remote PATH`
        paths, remote = (remote, *paths), ""
    views, beside = [], []
    if remote is not None:
        places = [workspace.places.named(remote)] if remote else pushed_to(workspace.places)
        views = [workspace.view(place) for place in places]
        if remote and workspace.settings.routes:  # what runs made goes where these lead
            beside = [workspace.view(place) for place in pushed_to(workspace.places)]
    mended = mend_format(workspace.store_path, workspace.permissions) if repair else ""
    report = checking.check(
        repo,
        workspace.store,
        Selection.parse(paths, invocation.prefix),
        raw=raw_files(repo, workspace.settings) if repo.worktree is not None else (),
        format_damage=mended,
        raw_committed=raw_content.at_tips(repo, workspace.settings),
        views=views,
        beside=beside,
        fetch=workspace.fetcher(output.progress) if repair else None,
        elsewhere=partial(verified_on, workspace.views_for_reading()[0]) if repair else None,
        progress=output.progress,
    )
    if as_json:
        output.json("fsck", {"sound": report.is_sound, "report": report})
    else:
        _show(output, report)
    return ExitCode.OK if report.is_sound else ExitCode.ANSWER


def _show_runs(output: Output, report: Report) -> None:
    runs = report.runs
    if runs.count:
        stages = [*dict.fromkeys(run.stage for run in runs.incomplete)]
        here = (
            f", {len(runs.incomplete)} of them without all their data here: {named(stages, 'stage')}"
            if stages
            else ", all of them can be restored from here"
        )
        output.line(f"{count_text(runs.count, 'run')} of stages remembered{here}")
    lost = [*dict.fromkeys(run.stage for run in runs.incomplete if run.is_lost)]
    if lost:
        output.line(f"lost with what is damaged: data of runs of {named(lost, 'stage')}")
        output.message("hint: `git mlvc fsck --repair` gets it again from a remote")
    for line in runs.strange:
        output.line(f"of no use: {line}")


def _show_remote_runs(output: Output, report: Report) -> None:
    runs = report.remote_runs
    for hurt in runs.hurt:
        what = f" of stage {hurt.stage}: {hurt.path}" if hurt.stage else ""
        output.line(f"hurt: run {hurt.id.short} on '{hurt.remote}'{what}: {hurt.why}")
    if runs.hurt:
        output.message(
            "hint: `git mlvc repro -f STAGE`, then `git mlvc push`, makes and sends such data again"
        )
    for count, place in ((report.runs.newer, "here"), (runs.newer, f"on {report.remote}")):
        if count:
            output.line(f"not looked at: {count_text(count, 'run')} of a newer git-mlvc {place}")
    if report.runs.newer or runs.newer:
        output.message("hint: upgrade git-mlvc to look at them; they are kept as they are")


def _show(output: Output, report: Report) -> None:
    for line in report.damage:
        output.line(f"damaged: {line}")
    for name in report.quarantined:
        output.line(f"moved to quarantine: {name}")
    if report.in_quarantine and not report.quarantined:
        output.line(f"in quarantine: {named(report.in_quarantine, 'pack')}")
    for path in report.repaired:
        output.line(f"repaired: {path}")
    for hurt in [*report.hurt, *report.off_remote]:
        where = f"commit {hurt.commit[:10]}" if hurt.commit else "the index"
        output.line(f"hurt: {hurt.path} in {where}: {hurt.why}")
    if report.raw:
        output.line(f"in git itself, not as pointers: {named([str(path) for path in report.raw])}")
    for file in report.raw_committed:
        if file.path not in report.raw:
            where = f"commit {file.commit[:10]} ({file.branch})"
            output.line(f"in git itself, not as a pointer: {file.path} in {where}")
    if report.raw or report.raw_committed:
        output.message("hint: `git mlvc track --renormalize` converts and stages them")
    if report.hurt:
        output.message("hint: `git mlvc fsck --repair` gets it again from a remote or the worktree")
    if report.off_remote:
        output.message("hint: `git mlvc push` sends what is here")
    _show_runs(output, report)
    _show_remote_runs(output, report)
    checked = f"{count_text(report.packs, 'pack')}, {size_text(report.size_bytes)}"
    here = f"; {count_text(report.unfetched, 'file')} not fetched" if report.unfetched else ""
    output.line(f"checked {checked}, {count_text(report.records, 'record')}{here}")
    if report.is_sound:
        output.line("all is sound" if not report.damage else "what is left is sound")

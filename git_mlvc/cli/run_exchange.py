"""Runs of the run cache, as `push`, `pull` and `fetch` send and bring them besides data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.cli.output import Output
    from git_mlvc.git.revisions import PointerUse
    from git_mlvc.transfer.bundles import Bundle
    from git_mlvc.transfer.plan import PushReport
    from git_mlvc.transfer.runs import RunsReport
    from git_mlvc.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a push sends: data of commits, and what stages made."""

    uses: list[PointerUse]
    bundles: list[Bundle] = field(default_factory=list)


def outgoing(
    workspace: Workspace,
    refs: Sequence[str],
    *,
    everything: bool,
    each_path: bool,
    has_runs: bool,
) -> Outgoing:
    """Return the data of `refs`, and, with `has_runs`, all runs that are here and the outs that locks name.

    Outs that a stage file keeps off remotes are in neither.
    """
    from git_mlvc.pipeline.lock_files.lock_names import is_pipeline_here
    from git_mlvc.worktree import exchange

    repo, store = workspace.repository, workspace.store
    uses = exchange.pushed(repo, refs, everything=everything, each_path=each_path)
    if not is_pipeline_here(repo, store):
        return Outgoing(uses)
    from git_mlvc.pipeline.runs import run_travel

    kept = run_travel.unpushed(repo)
    uses = run_travel.without_unpushed(
        uses, kept, lambda: exchange.pushed(repo, refs, everything=everything, each_path=True)
    )
    if not has_runs:
        return Outgoing(uses)
    commits = exchange.pushed_commits(repo, refs, everything=everything)
    locks = run_travel.locks_between(repo, commits, []) if commits else []
    results, _ = run_travel.locked(repo, locks)
    by_locks = run_travel.bundles_of_locked(store, results, kept)
    return Outgoing(uses, [*run_travel.all_bundles(store), *(b for b in by_locks if not b.run)])


def tell_left(output: Output, name: str, report: PushReport, *, where: str = "here") -> None:
    """Say how many runs did not travel, and so are only `where` they were."""
    stayed = [bundle for bundle in report.left if bundle.run is not None]
    newer = sum(bundle.cargo.is_newer for bundle in stayed)
    if newer:
        stay = "stays" if newer == 1 else "stay"
        output.message(
            f"{name}: {count_text(newer, 'run')} of a newer git-mlvc {stay} {where}, unchanged\n"
            "hint: upgrade git-mlvc to send what it wrote"
        )
    left = len(stayed) - newer
    if left:
        stay = "stays" if left == 1 else "stay"
        output.message(
            f"{name}: {count_text(left, 'run')} {stay} {where}: not all that was made may travel or is {where}"
        )


def fetch_runs(invocation: Invocation, remote: str | None) -> RunsReport | None:
    """Bring the runs of remotes into the store; None where there is no pipeline or nobody to ask.

    A remote that cannot be opened is named; one that does not answer is in the report's `failed`.
    """
    from git_mlvc.cli.trust import settled
    from git_mlvc.pipeline.lock_files.lock_names import is_pipeline_here

    workspace, output = invocation.workspace, invocation.output
    if not is_pipeline_here(workspace.repository, workspace.store):
        return None
    from git_mlvc.transfer.runs import fetch_runs as bring

    workspace = settled(invocation, remote)
    if remote is not None:
        views, unopened = workspace.views_to_fetch_from(remote)
    else:
        views, unopened = workspace.views_for_reading()
    for failure in unopened:
        output.error(f"runs are not fetched: {failure.what}", why=failure.why, hint=failure.hint)
    return bring(workspace.store, views, progress=output.progress) if views else None


def runs_fields(report: RunsReport | None) -> dict[str, object]:
    """The JSON of a fetch of runs."""
    if report is None:
        return {"received": 0, "newer": 0, "left": [], "failed": []}
    return {
        "received": report.received,
        "newer": report.newer,
        "left": [{"id": run.hex(), "why": str(why)} for run, why in report.left.items()],
        "failed": [{"remote": name, "why": str(why)} for name, why in report.failed.items()],
    }


def show_runs(output: Output, report: RunsReport | None) -> int:
    """One line if anything came, and what could not be had; the exit code of a remote that did not answer."""
    if report is None:
        return ExitCode.OK
    if report.received or report.left:
        output.line(report.summary())
    if report.newer:
        output.message(
            f"warning: {count_text(report.newer, 'run')} of a newer git-mlvc received:"
            " kept, and not used\nhint: upgrade git-mlvc to restore from them"
        )
    for why in list(report.left.values())[:1]:
        output.message(f"warning: {why.what}\n  why: {why.why}")
    for name, failure in report.failed.items():
        output.error(
            f"whether '{name}' has runs is unknown: {failure.what}",
            why=failure.why,
            hint=failure.hint or "--no-run-cache leaves them",
        )
    return code_of(report)


def code_of(report: RunsReport | None) -> int:
    failures: list[MlvcError] = [] if report is None else list(report.failed.values())
    return next((failure.exit_code for failure in failures), ExitCode.OK)

"""`git mlvc exp apply`: an experiment into the worktree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.experiments.apply import Plan
    from git_mlvc.pipeline.report import Report
    from git_mlvc.worktree.fill import FillReport

_SHOWN = 20


@subcommand(
    "apply",
    example="""\
    git mlvc exp apply brisk-otter
    git commit -m "lr 0.3 is best"          # keeps it""",
)
@click.argument("name")
@click.option(
    "--force",
    is_flag=True,
    help="Overwrite uncommitted changes too; they are kept in git's stash.",
)
@json_option
def apply(invocation: Invocation, name: str, force: bool, as_json: bool) -> int:
    """Its changes stand in the worktree and are staged, as after `git cherry-pick --no-commit`: code, parameters,
    metrics, mlvc.lock, and data. Outs that git ignores are restored, so that `git mlvc repro` has nothing to do. On
    another commit than the one it was made on, it is merged with what was committed since; conflicts are told before
    anything is changed.

    Uncommitted changes in other files stay as they are. Where one would be overwritten, nothing is done, unless
    the experiment took it in: then nothing of it is lost. What a stage made is no such change: `git mlvc repro`
    brings it back.
    """
    from git_mlvc.cli.filling import filling
    from git_mlvc.experiments import apply as applying
    from git_mlvc.experiments import refs
    from git_mlvc.pipeline.repro_lock import ReproLock
    from git_mlvc.worktree.fill import fill

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    experiment = refs.find(repo, name)
    repo.needed_worktree("an experiment cannot be applied here")
    hint = "when it has ended, the same once more"
    with ReproLock(repo, hint=hint) as lock, filling(invocation):
        lock.say(f"applies {experiment.name}")
        planned = applying.plan(repo, workspace.store, experiment)
        if planned.cut_short:
            for kept in applying.move_cut_short(repo, planned):
                output.message(f"kept what a killed attempt left at {kept.path}: {kept.place}")
            planned = applying.plan(repo, workspace.store, experiment)
        if planned.lost and not force:
            raise applying.refusal(planned)
        stash = applying.keep_aside(repo, planned) if planned.lost else ""
        applying.execute(repo, planned)
        filled = fill(
            repo,
            workspace.store,
            applying.data_files(repo, planned),
            fetch=workspace.fetcher(output.progress),
            progress=output.progress,
        )
    restored = _restore(invocation) if planned.changes else None
    if as_json:
        output.json(
            "exp-apply",
            {
                "name": experiment.name,
                "commit": experiment.commit,
                "merged": planned.is_merged,
                "changed": [{"path": c.path, "change": c.letter} for c in planned.changes],
                "stash": stash or None,
                "left": [
                    {"path": path, "kind": left.kind, "why": left.why}
                    for path, left in filled.left.items()
                ],
                "restored": _stages(restored, "restored"),
                "stale": _stages(restored, "not run", "failed"),
                "kept": [{"path": one.path, "place": one.place} for one in restored.kept]
                if restored
                else [],
            },
        )
        return ExitCode.STORE if filled.left else ExitCode.OK
    return _show(invocation, planned, filled, restored, stash)


def _restore(invocation: Invocation) -> Report | None:
    """Put back what the lock of the experiment names and git does not have; no stage runs (law 12)."""
    from git_mlvc.cli.means import opened
    from git_mlvc.errors import MlvcError
    from git_mlvc.pipeline import repro
    from git_mlvc.pipeline.presence import may_have_stages

    means = opened(invocation)
    try:
        top = means.repo.worktree
        if top is None or not may_have_stages(top, means.repo.git):
            return None
        return repro.restore(means, repro.Request())
    except MlvcError as exc:
        invocation.output.message(f"warning: what stages made is not restored\n  why: {exc}")
        return None


def _stages(report: Report | None, *fates: str) -> list[str]:
    return [end.stage for end in report or () if end.fate.value in fates]


def _show(
    invocation: Invocation,
    planned: Plan,
    filled: FillReport,
    restored: Report | None,
    stash: str,
) -> int:
    from git_mlvc.cli.report_lines import tell_left

    output = invocation.output
    for change in planned.changes[:_SHOWN]:
        output.line(f"{change.letter} {change.path}")
    if len(planned.changes) > _SHOWN:
        output.line(f"… {count_text(len(planned.changes) - _SHOWN, 'more file')}")
    if not planned.changes:
        output.line(f"{planned.name}: all of it is in HEAD already")
        return ExitCode.OK
    merged = ", merged with what was committed since its baseline" if planned.is_merged else ""
    count = count_text(len(planned.changes), "file")
    output.line(f"{planned.name}: {count} changed and staged{merged}; `git commit` keeps it")
    for kept in restored.kept if restored else ():
        output.message(f"kept what stood at {kept.path}, which nobody else has: {kept.place}")
    stale = _stages(restored, "not run", "failed")
    if stale:
        output.message(
            f"{count_text(len(stale), 'stage')} cannot be restored here: {', '.join(stale[:_SHOWN])}\n"
            "hint: git mlvc repro --pull --plan"
        )
    if stash:
        output.message("what was overwritten is kept: git stash show -p")
    return tell_left(output, filled.left)

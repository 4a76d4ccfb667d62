"""What is told of an experiment that is made: what it stands on, what came of it, where to go next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_mlvc.cli import repro_lines
from git_mlvc.units import count_text, seconds_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.run import Outcome
    from git_mlvc.experiments.snapshot import Snapshot
    from git_mlvc.repo_path import RepoPath

_SHOWN = 10


def say_begin(output: Output, taken: Snapshot) -> None:
    """Say which uncommitted changes are part of it; new files by name."""
    new = set(taken.untracked)
    modified = [path for path in taken.changed if path not in new]
    if modified:
        output.message(f"with what is not committed: {_listed(modified)}")
    if taken.untracked:
        output.message(f"with new files that git does not track yet: {_listed(taken.untracked)}")
    if taken.left_out:
        output.message(f"without other repositories: {_listed(taken.left_out)}")
    if taken.dirty_submodules:
        output.message(
            f"without uncommitted changes inside submodules: {_listed(taken.dirty_submodules)}"
        )


def show(output: Output, outcome: Outcome) -> None:
    made, report = outcome.experiment, outcome.report
    if report is not None:
        for file in report.attributes:
            output.message(f"{file} has new lines there: large outs are kept as data")
        output.message(repro_lines.sum_of(report))
    if not outcome.is_new:
        output.line(f"experiment {made.name} is equal to this: nothing is recorded twice")
        return
    took = made.record.duration_s
    time = f" in {seconds_text(took)}" if took is not None else ""
    output.line(f"experiment {made.name}: commit {made.commit[:10]}{time}")


def fields(outcome: Outcome, taken: Snapshot) -> dict[str, object]:
    made, report = outcome.experiment, outcome.report
    return {
        "name": made.name,
        "is_new": outcome.is_new,
        "commit": made.commit,
        "ref": made.ref,
        "baseline": made.baseline,
        "overrides": dict(made.record.overrides),
        "changed": taken.changed,
        "untracked": taken.untracked,
        "duration_s": made.record.duration_s,
        "stages": [] if report is None else repro_lines.report_fields(report)["stages"],
    }


def _listed(paths: Sequence[RepoPath]) -> str:
    more = f" and {count_text(len(paths) - _SHOWN, 'other')}" if len(paths) > _SHOWN else ""
    return ", ".join(str(path) for path in paths[:_SHOWN]) + more

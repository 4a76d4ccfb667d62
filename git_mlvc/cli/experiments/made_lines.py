"""What is told of an experiment that is made: what it stands on, what came of it, where to go next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_mlvc.cli import repro_lines
from git_mlvc.errors import MlvcError
from git_mlvc.experiments import snapshot
from git_mlvc.units import count_text, seconds_text, size_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.run import Outcome
    from git_mlvc.experiments.snapshot import Snapshot
    from git_mlvc.pipeline.scene import Means
    from git_mlvc.repo_path import RepoPath

_SHOWN = 10
_METRICS = 20
_LARGE_BYTES = 10_000_000


def say_begin(output: Output, means: Means, taken: Snapshot) -> None:
    """Say which uncommitted changes are part of it; new files by name; and what of theirs is not as one may think."""
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
    for path, size_bytes in snapshot.large_in_git(means.repo, taken, _LARGE_BYTES):
        output.message(
            f"warning: {path} ({size_text(size_bytes)}) is in git itself there, for good"
            f" (as data: git mlvc track {shlex.quote(path.text)}; or ignore it)"
        )
    top = means.repo.needed_worktree("")
    lacking = [one for one in means.settings.experiment_links if not os.path.lexists(top / one)]
    if lacking:
        output.message(f"not lent, as it is not here: {', '.join(lacking)} ([exp] link)")


def say_left_out(output: Output, left: Sequence[str], stages: Sequence[str]) -> None:
    """Say which stages are not run although they use what the named `stages` make: their results are those of before."""
    if left:
        more = f" and {count_text(len(left) - _SHOWN, 'other')}" if len(left) > _SHOWN else ""
        output.message(
            f"without {', '.join(left[:_SHOWN])}{more}: what is there stays as it is, whatever comes of"
            f" {', '.join(stages)} (name them too, or no stage at all)"
        )


def show(output: Output, means: Means, outcome: Outcome, taken: Snapshot) -> None:
    """Say what it is called, what became of the metrics, and where to go next."""
    made, report = outcome.experiment, outcome.report
    if report is not None:
        for file in report.attributes:
            output.message(f"{file} has new lines there: large outs are kept as data")
        output.message(repro_lines.sum_of(report))
    if outcome.is_new:
        took = made.record.duration_s
        time = f" in {seconds_text(took)}" if took is not None else ""
        output.line(f"experiment {made.name}: commit {made.commit[:10]}{time}")
        if taken.untracked:
            _warn_of_secrets(output, means, outcome)
    else:
        output.line(f"experiment {made.name} is equal to this: nothing is recorded twice")
    for change in _changes(output, means, outcome):
        output.line(change)
    output.message(f"next: git mlvc exp show, or git mlvc exp apply {made.name}")


def _changes(output: Output, means: Means, outcome: Outcome) -> list[str]:
    """Return a line for each metric that is not what it is in the baseline."""
    from git_mlvc.cli.comparisons.figures import DIGITS, change_text, value_text
    from git_mlvc.cli.comparisons.labels import Labels
    from git_mlvc.experiments import values_at
    from git_mlvc.pipeline.revision import Revisions

    made = outcome.experiment
    with Revisions(means.repo, means.store) as revisions:
        try:
            old, new = (
                values_at.metrics(revisions.at(commit)) for commit in (made.baseline, made.commit)
            )
        except MlvcError as exc:
            output.message(f"its metrics cannot be compared: {exc}")
            return []
    for failure in new.failures:
        output.message(f"of its metrics: {failure}")
    changed = [one for one in values_at.changes(old, new) if one.is_change and one.new is not None]
    label = Labels((old, new))
    arrow = "→" if output.can_draw else "->"
    lines = []
    for one in changed[:_METRICS]:
        assert one.new is not None
        text = value_text(one.new.value, DIGITS)
        if one.old is not None:
            text = f"{value_text(one.old.value, DIGITS)} {arrow} {text}"
        number = one.difference
        if number is not None and number.change is not None:
            judged = {True: ", better", False: ", worse", None: ""}[number.is_better]
            text += f"  ({change_text(number.change, DIGITS)}{judged})"
        lines.append(f"  {label(one.place.path, one.place.key)}  {text}")
    if len(changed) > _METRICS:
        lines.append(f"  and {count_text(len(changed) - _METRICS, 'more metric')}")
    return lines


def _warn_of_secrets(output: Output, means: Means, outcome: Outcome) -> None:
    from git_mlvc.experiments.secrets import suspicious

    made = outcome.experiment
    found = suspicious(means.repo, made.commit, made.baseline, means.store)
    for one in found:
        output.message(f"warning: {one.path} may hold a secret: {one.why}")
    if found:
        output.message("hint: `git mlvc exp push` refuses it; leave it out with .gitignore")


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

"""What `repro` tells: each step of a plan, each stage as it ends, and the sum of it; for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from git_mlvc import text_width
from git_mlvc.pipeline.plan import Action, Step
from git_mlvc.pipeline.report import Ended, Fate, Report
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.cli.stage_lines import StageLines
    from git_mlvc.pipeline.outs.replaced import Kept

_IN_SUM = (Fate.RAN, Fate.RESTORED, Fate.ACCEPTED, Fate.UNCHANGED, Fate.FAILED, Fate.NOT_RUN)
_SHOWN_SKIPS = 10
_LONGEST_COLUMN = 40  # one stage with a long name does not push all reasons out of sight
_SHOWN_RESTORED = 30


class Telling:
    """`doing.Watch` for people; of what runs, `StageLines` tell. Without them (--json) only what keeps it
    waiting is told.
    """

    def __init__(self, output: Output, lines: StageLines | None) -> None:
        self._output = output
        self._lines = lines
        self._reasons: dict[str, str] = {}
        self._restored = 0
        if lines is not None:
            lines.why = lambda stage: self._reasons.get(stage, "")

    def planned(self, steps: Sequence[Step]) -> None:
        pass

    def waits(self, stage: str, why: str) -> None:
        if self._lines is not None:
            self._lines.waits(stage, why)
        else:
            self._output.message(f"{stage} {why}")

    def began(self, step: Step) -> None:
        self._reasons[step.stage] = step.reason

    def ended(self, end: Ended) -> None:
        if self._lines is None or end.fate not in (Fate.RESTORED, Fate.CHANGED):
            return
        self._restored += end.fate is Fate.RESTORED
        if end.fate is Fate.CHANGED or self._restored <= _SHOWN_RESTORED:
            self._output.message(line_of(end))
        elif self._restored == _SHOWN_RESTORED + 1:
            self._output.message("more stages are restored")  # their number is in the sum


def line_of(end: Ended) -> str:
    """Return e.g. "train: restored (params.toml: train.lr 0.1 → 0.01)"."""
    how = "not recorded: what it reads changed" if end.fate is Fate.CHANGED else end.fate.value
    text = f"{end.stage}: {how}"
    return f"{text} ({end.reason})" if end.reason else text


def sum_of(report: Report) -> str:
    """Return e.g. "1 stage ran, 2 restored, 10 unchanged"."""
    counts = [(fate, len(report.of(fate))) for fate in _IN_SUM]
    parts = [f"{count:,} {fate.value}" for fate, count in counts if count]
    changed = len(report.of(Fate.CHANGED))
    if changed:
        parts.append(f"{changed:,} not recorded")
    if not parts:
        return "nothing was asked for"
    if {fate for fate, count in counts if count} == {Fate.UNCHANGED}:
        return f"nothing to do: {count_text(len(report.ended), 'stage')} unchanged"
    return "stages: " + ", ".join(parts)


def show(output: Output, report: Report) -> None:
    errors = [end.error for end in report if end.error is not None]
    for error in errors if len(errors) > 1 else ():  # a single one ends the command
        output.error(error.what, why=error.why, hint=error.hint)
    show_kept(output, report.kept)
    for file in report.attributes:
        output.message(f"{file} has new lines: outs are kept as data")
    output.line(sum_of(report))


def show_kept(output: Output, kept: Iterable[Kept]) -> None:
    for one in kept:
        output.message(f"kept what stood at {one.path}, which nobody else has: {one.place}")


def show_plan(output: Output, steps: Sequence[Step]) -> None:
    """One line for each stage with work; of the others their number, or each where they are few."""
    idle = sum(step.action is Action.SKIP for step in steps)
    shown = [
        (step.action.value, step.stage, step.reason)
        for step in steps
        if step.action is not Action.SKIP or idle <= _SHOWN_SKIPS
    ]
    if idle > _SHOWN_SKIPS:
        shown.append((Action.SKIP.value, count_text(idle, "stage"), "unchanged"))
    first = max((len(action) for action, _, _ in shown), default=0)
    names = [w for _, name, _ in shown if (w := text_width.width(name)) <= _LONGEST_COLUMN]
    second = max(names, default=0)
    for action, name, reason in shown:
        output.line(f"{action:{first}}  {text_width.left(name, second)}  {reason}".rstrip())
    if idle == len(steps):
        output.line("nothing to do")


def plan_fields(steps: Iterable[Step]) -> dict[str, object]:
    listed = [
        {
            "stage": step.stage,
            "action": step.action,
            "reasons": step.reasons,
            "waits_for": step.waits_for,
        }
        for step in steps
    ]
    return {"has_work": any(row["action"] is not Action.SKIP for row in listed), "steps": listed}


def report_fields(report: Report) -> dict[str, object]:
    ended = [
        {
            "stage": end.stage,
            "fate": end.fate,
            "reasons": end.reasons,
            "duration_ms": end.duration_ms,
            "error": None if end.error is None else {"what": end.error.what, "why": end.error.why},
            "because_of": end.because_of,
            "outs": _outs(end),
        }
        for end in report
    ]
    kept = [{"path": kept.path, "place": str(kept.place)} for kept in report.kept]
    return {
        "ok": report.is_good,
        "stages": ended,
        "kept": kept,
        "attributes": report.attributes,
    }


def _outs(end: Ended) -> list[dict[str, object]]:
    if end.result is None:
        return []
    return [
        {"path": path, "oid": state.oid, "size_bytes": state.size_bytes, "files": state.files}
        for path, state in end.result.outs
    ]

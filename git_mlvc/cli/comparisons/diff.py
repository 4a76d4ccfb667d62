"""`metrics diff` and `params diff`: what became of each value from one revision to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.cli.comparisons import asked, declare, fitting, markdown
from git_mlvc.cli.comparisons.declare import CSV, JSON, MARKDOWN, Files, Form, Subject
from git_mlvc.cli.comparisons.figures import change_text, percentage_text, shortened, value_text
from git_mlvc.cli.comparisons.labels import Labels
from git_mlvc.cli.csv_form import csv_bytes
from git_mlvc.metrics.difference import Difference, Direction
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.values_at import Change, Place, Reading

_ARROWS = {Direction.UP: "↑", Direction.DOWN: "↓"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two readings and what became of each value; `changed` are those that are not the same."""

    old: Reading
    new: Reading
    changes: Sequence[Change]
    changed: Sequence[Change]


def run(
    invocation: Invocation,
    subject: Subject,
    form: Form,
    *,
    revs: Sequence[str],
    files: Files,
    kinds: Sequence[str],
    shows_all: bool,
) -> int:
    """Compare the first revision (HEAD unless named) with each of the others; `kinds` as in `asked`.

    Returns the exit code.
    """
    output = invocation.output
    meant = asked.compared(invocation, subject.verb, revs, kinds)
    old, *others = declare.readings(invocation, subject, meant, files)
    found = [compared(subject, old, new, shows_all=shows_all) for new in others]
    is_one = not kinds and len(revs) <= 2  # by what was asked, not by what there is
    if form.kind == JSON and is_one:
        output.json(f"{subject.verb}-diff", fields(found[0]))
    elif form.kind == JSON:
        output.json(f"{subject.verb}-diffs", {"comparisons": [fields(one) for one in found]})
    elif form.kind == CSV:
        output.data(csv_bytes(_csv(found, is_one=is_one)))
    else:
        _show_all(output, subject, form, [one for one in found if one.changed])
    code = declare.tell(output, subject, (old, *others), files)
    if form.kind not in (JSON, CSV):
        for one in found:
            if one.changes:
                _tell_same(output, subject, one, form, is_one=is_one)
    return code


def compared(subject: Subject, old: Reading, new: Reading, *, shows_all: bool) -> Comparison:
    """Return what became of each value; 1 and 1.0 are the same as metrics, and not as parameters."""
    from git_mlvc.experiments import values_at

    changes = values_at.changes(old, new)
    is_metric = subject.verb == "metrics"
    changed = [one for one in changes if (one.is_change if is_metric else one.is_exact_change)]
    return Comparison(old, new, changes, changes if shows_all else changed)


# -- for people


def _show_all(output: Output, subject: Subject, form: Form, found: Sequence[Comparison]) -> None:
    for at, one in enumerate(found):
        if at:
            output.line()
        show(output, subject, form, one)


def show(output: Output, subject: Subject, form: Form, found: Comparison) -> None:
    label = Labels((found.old, found.new))
    is_marked = form.kind == MARKDOWN
    can_draw = is_marked or output.can_draw
    is_metric = subject.verb == "metrics"
    columns = [subject.noun, f">{found.old.name}", f">{found.new.name}"]
    columns += [">change", ">%", ""] if is_metric else []

    def value(one: Change, place: Place | None) -> str:
        if place is None:
            return "?" if one.is_unknown else "-"
        text = value_text(place.value, form.digits)
        return text if is_marked else shortened(text)

    rows = []
    for one in found.changed:
        row = [label(one.place.path, one.place.key), value(one, one.old), value(one, one.new)]
        number = one.difference
        if is_metric and number is not None:
            change, percentage = number.change, number.percentage
            row += [change_text(change, form.digits), percentage_text(percentage)]
            row.append("unknown" if one.is_unknown else _verdict(number, can_draw=can_draw))
        rows.append(row)
    if is_marked:
        lines = markdown.table(columns, rows)
        for text in _renamed(found):
            lines += ["", markdown.escaped(text)]
        for line in lines:
            output.line(line)
        return
    if is_metric and not any(row[4] for row in rows):
        columns, rows = [*columns[:4], columns[5]], [[*row[:4], row[5]] for row in rows]
    if len(columns) == 6 and not fitting.fits(columns, rows, output.width):
        # The percentage says it too; whether it is better should stand beside it.
        columns, rows = _without_change(columns), [_without_change(row) for row in rows]
    for part, (names, cells) in enumerate(fitting.blocks(columns, rows, output.width)):
        if part:
            output.line()
        output.table(names, cells)
    for text in _renamed(found):
        output.message(text)


def _without_change(row: Sequence[str]) -> list[str]:
    return [*row[:3], *row[4:]]


def _renamed(found: Comparison) -> list[str]:
    """Say which files are taken for the same under another name."""
    pairs = dict.fromkeys(
        (one.old.path, one.new.path)
        for one in found.changed
        if one.old is not None and one.new is not None and one.old.path != one.new.path
    )
    return [
        f"{old} ({found.old.name}) is compared with {new} ({found.new.name})" for old, new in pairs
    ]


def _verdict(number: Difference, *, can_draw: bool) -> str:
    direction = number.direction
    words = {Direction.ADDED: "new", Direction.REMOVED: "gone", Direction.UNORDERED: "changed"}
    arrow = _ARROWS.get(direction, "") if can_draw else ""
    judged = {True: "better", False: "worse", None: ""}[number.is_better]
    if direction in _ARROWS and not can_draw:
        arrow = direction.value
    return " ".join(filter(None, [arrow, judged or words.get(direction, "")]))


def _tell_same(
    output: Output, subject: Subject, found: Comparison, form: Form, *, is_one: bool
) -> None:
    same = len(found.changes) - len(found.changed)
    between = f"{found.old.name} and {found.new.name}"
    if not found.changed:
        text = f"no {subject.noun} differs between {between}"
        if form.kind == MARKDOWN:
            output.line(markdown.escaped(f"{text[0].upper()}{text[1:]}."))
        else:
            output.message(text)
    elif same:
        which = "" if is_one else f" between {between}"
        output.message(f"{count_text(same, subject.noun)} unchanged{which} (--all shows them)")


# -- for programs


def fields(found: Comparison) -> Mapping[str, object]:
    return {
        "old": _side(found.old),
        "new": _side(found.new),
        "unchanged": len(found.changes) - len(found.changed),
        "differences": [_difference(one) for one in found.changed],
    }


def _side(reading: Reading) -> Mapping[str, object]:
    return {
        "rev": reading.rev,
        "commit": reading.commit or None,
        "missing": reading.missing,
        "errors": [{"what": one.what, "why": one.why} for one in reading.failures],
    }


def _difference(one: Change) -> Mapping[str, object]:
    number = one.difference
    was, now = one.old, one.new
    return {
        "path": one.place.path,
        "key": one.place.key,
        "old_path": was.path if was else None,
        "old": declare.json_value(was.value) if was else None,
        "old_text": value_text(was.value, None) if was else None,
        "new": declare.json_value(now.value) if now else None,
        "new_text": value_text(now.value, None) if now else None,
        "change": declare.json_value(number.change) if number else None,
        "percentage": number.percentage if number else None,
        "direction": _direction(one, number),
        "goal": one.goal or None,
        "is_better": number.is_better if number else None,
    }


def _direction(one: Change, number: Difference | None) -> str:
    if one.is_unknown:
        return "unknown"
    if one.old is None:
        return Direction.ADDED.value
    if one.new is None:
        return Direction.REMOVED.value
    if number is not None:
        return number.direction.value
    return "changed" if one.is_exact_change else Direction.SAME.value


def _csv(found: Sequence[Comparison], *, is_one: bool) -> list[list[str]]:
    """Return one table; where several are compared, the first column says with which revision."""
    header = ["path", "key", "old", "new", "change", "percentage", "direction", "goal", "better"]
    if is_one:
        return [header, *_csv_rows(found[0])]
    rows = [[one.new.name, *row] for one in found for row in _csv_rows(one)]
    return [["revision", *header], *rows]


def _csv_rows(found: Comparison) -> list[list[str]]:
    judged = {True: "better", False: "worse", None: ""}
    rows = []
    for one in found.changed:
        number = one.difference
        change, percentage = (number.change, number.percentage) if number else (None, None)
        rows.append(
            [
                str(one.place.path),
                one.place.key,
                value_text(one.old.value, None) if one.old else "",
                value_text(one.new.value, None) if one.new else "",
                "" if change is None else repr(change),
                "" if percentage is None else repr(percentage),
                _direction(one, number),
                one.goal,
                judged[number.is_better if number else None],
            ]
        )
    return rows

"""The table of experiments: which rows, in which order, which columns, and what is best. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from git_mlvc.experiments import columns as columns_of
from git_mlvc.experiments import filter as filter_expression
from git_mlvc.experiments.columns import Column, Columns, Kind, NoColumn
from git_mlvc.experiments.filter import MISSING, equal, is_number
from git_mlvc.experiments.findings import Findings

DONE = "done"


@dataclass(frozen=True, slots=True)
class Row:
    """An experiment, a baseline, or the worktree.

    `baseline` is the commit that it was made on, empty for a baseline. `state` is empty for a baseline, DONE for an
    experiment that has a commit, else "queued", "running", "failed" or "interrupted". `overrides`: what was set
    for it. Times in seconds.
    """

    name: str
    commit: str = ""
    baseline: str = ""
    state: str = ""
    made_at_s: int | None = None
    duration_s: float | None = None
    subject: str = ""
    sweep: str = ""
    stages: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    overrides: Mapping[str, object] = field(default_factory=dict, hash=False)
    findings: Findings = field(default_factory=Findings, hash=False)

    def value(self, column: Column) -> object:
        """Return what stands in a column; MISSING if nothing does."""
        place = (column.file, column.key)
        if column.kind is Kind.PARAM:
            return self.findings.params.get(place, MISSING)
        if column.kind is Kind.METRIC:
            return self.findings.metrics.get(place, MISSING)
        found = self._fixed(column)
        return MISSING if found is None or found == "" else found

    def _fixed(self, column: Column) -> object:
        found: dict[Column, object] = {
            columns_of.NAME: self.name,
            columns_of.STATE: self.state,
            columns_of.DURATION: self.duration_s,
            columns_of.MADE: self.made_at_s,
            columns_of.COMMIT: self.commit,
            columns_of.SWEEP: self.sweep,
            columns_of.SUBJECT: self.subject,
        }
        return found[column]


@dataclass(frozen=True, slots=True)
class Group:
    """A baseline and the experiments made on it."""

    baseline: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to show. `sort`: a column, with a `-` before it for the other way round; "" for the usual one.

    `columns`: as they were typed; none for the usual ones. `drops_empty`: leave out groups in which nothing is.
    """

    sort: str = ""
    filter: str = ""
    only_changed: bool = False
    columns: tuple[str, ...] = ()
    drops_empty: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """What is shown. `columns`: without the name, which stands first. `goals` and `best`: of metrics.

    `known`: all columns there are. `hidden`: those that are equal everywhere and were left out for that.
    """

    groups: tuple[Group, ...]
    known: Columns
    columns: tuple[Column, ...]
    hidden: tuple[Column, ...]
    goals: Mapping[Column, str]
    best: Mapping[Column, int | float]
    sorted_by: Column | None
    is_reversed: bool

    @property
    def rows(self) -> Iterator[Row]:
        return _rows(self.groups)

    def is_best(self, column: Column, value: object) -> bool:
        return column in self.best and is_number(value) and value == self.best[column]


def make(groups: Sequence[Group], choice: Choice) -> Table:
    """Return the table. Raises UsageError: an unknown column, a filter that cannot be read."""
    known = Columns(_measured(groups))
    goals = _goals(groups, known)
    groups = filtered(groups, known, choice)
    sort, is_reversed = _sort(choice.sort, known, goals)
    if sort is not None:
        groups = [_sorted(group, sort, goals.get(sort), is_reversed) for group in groups]
    rows = [*_rows(groups)]
    shown = _chosen(choice.columns, known) or [*_usual(rows, known)]
    hidden: list[Column] = []
    if choice.only_changed:
        hidden = [column for column in shown if column.file and not differs(rows, column)]
        shown = [column for column in shown if column not in hidden]
    return Table(
        tuple(groups),
        known,
        tuple(shown),
        tuple(hidden),
        goals,
        _best(rows, goals),
        sort,
        is_reversed,
    )


# -- rows


def filtered(groups: Iterable[Group], known: Columns, choice: Choice) -> list[Group]:
    """Return the groups with those experiments of which the filter holds; baselines stay.

    Raises UsageError that points at what is wrong.
    """
    groups = list(groups)
    keeps = _keeps(choice.filter, known, [row for group in groups for row in group.rows])
    kept = [replace(one, rows=tuple(row for row in one.rows if keeps(row))) for one in groups]
    return [group for group in kept if group.rows or not choice.drops_empty]


def _keeps(text: str, known: Columns, rows: Sequence[Row]) -> Callable[[Row], bool]:
    if not text:
        return lambda _: True
    expression = filter_expression.parse(text)
    meant: dict[str, Column] = {}
    for name in expression.names:
        try:
            meant[name.text] = known.find(name.text)
        except NoColumn as exc:
            hint = exc.hint
            if exc.says.startswith("no "):
                hint = f"{hint}; a text stands in quotes: '{name.text}'" if hint else hint
            raise expression.mistake(name.at, exc.says, hint=hint) from exc
    for (
        name
    ) in expression.alone:  # `not acc` would hold of every experiment, and `exp rm` believe it
        values = [row.value(meant[name.text]) for row in rows]
        if any(value is not MISSING and not isinstance(value, bool | None) for value in values):
            raise expression.mistake(name.at, "compare it: it is not true or false", hint="")
    return lambda row: expression.holds(lambda name: row.value(meant[name]))


def _sort(text: str, known: Columns, goals: Mapping[Column, str]) -> tuple[Column | None, bool]:
    """Return the column to sort by, and whether the other way round.

    Unless one is asked for it is the first metric that has a goal of its own, else the first of all.
    """
    if text:
        is_reversed = text.startswith("-")
        return known.find(text.removeprefix("-")), is_reversed
    metrics = [column for column in known.measured if column.kind is Kind.METRIC]
    return next((one for one in metrics if one in goals), metrics[0] if metrics else None), False


def _sorted(group: Group, column: Column, goal: str | None, is_reversed: bool) -> Group:
    """Sort best first: metrics by their goal, all else from the smallest on. What has no value comes last."""
    is_falling = (column.kind is Kind.METRIC and goal != "min") != is_reversed
    with_value = [row for row in group.rows if _has(row.value(column))]
    without = [row for row in group.rows if not _has(row.value(column))]
    with_value.sort(key=lambda row: _order(row.value(column)), reverse=is_falling)
    return replace(group, rows=(*with_value, *without))


def _has(value: object) -> bool:
    return value is not MISSING and value is not None and not _is_nan(value)


def _order(value: object) -> tuple[int, object]:
    """Numbers come before texts, and these before lists, so that all can be sorted."""
    if is_number(value):
        return 0, value
    if isinstance(value, bool):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, str(value))


def _rows(groups: Iterable[Group]) -> Iterator[Row]:
    for group in groups:
        yield group.baseline
        yield from group.rows


# -- columns


def _measured(groups: Iterable[Group]) -> Iterator[Column]:
    """Yield the columns in the order in which they are first met: metrics, then parameters."""
    rows = [*_rows(groups)]
    for row in rows:
        for file, key in row.findings.metrics:
            yield Column(Kind.METRIC, file, key)
    for row in rows:
        for file, key in row.findings.params:
            yield Column(Kind.PARAM, file, key)


def _usual(rows: Sequence[Row], known: Columns) -> Iterator[Column]:
    if any(row.state not in ("", DONE) for row in rows):
        yield columns_of.STATE
    yield from known.measured
    if any(row.duration_s is not None for row in rows):
        yield columns_of.DURATION


def _chosen(words: Iterable[str], known: Columns) -> list[Column]:
    found = dict.fromkeys(column for word in words for column in known.matching(word))
    return [column for column in found if column is not columns_of.NAME]


def differs(rows: Iterable[Row], column: Column) -> bool:
    """Return whether the rows do not all have the same in a column; NaN is the same as NaN here."""
    values = [row.value(column) for row in rows]
    return any(not _same(values[0], value) for value in values[1:])


def _same(one: object, two: object) -> bool:
    return (_is_nan(one) and _is_nan(two)) or equal(one, two)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


# -- what is better


def _goals(groups: Iterable[Group], known: Columns) -> dict[Column, str]:
    """Return the goals that stages give; of several, the one of the row that stands first."""
    found: dict[Column, str] = {}
    metrics = {
        (column.file, column.key): column for column in known.measured if column.kind is Kind.METRIC
    }
    for row in _rows(groups):
        for place, goal in row.findings.goals.items():
            if place in metrics:
                found.setdefault(metrics[place], goal)
    return found


def _best(rows: Sequence[Row], goals: Mapping[Column, str]) -> dict[Column, int | float]:
    """Return the best value of each metric that has two different ones."""
    values: dict[Column, list[int | float]] = {}
    for row in rows:
        for (file, key), value in row.findings.metrics.items():
            if not _is_nan(value):
                values.setdefault(Column(Kind.METRIC, file, key), []).append(value)
    return {
        column: (min if goals.get(column) == "min" else max)(found)
        for column, found in values.items()
        if len(set(found)) > 1
    }

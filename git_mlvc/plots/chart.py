"""Charts as values: what is drawn, before anybody says how. Pure.

`specs` makes them into Vega-Lite and `terminal` into text. Every chart shows the same thing of several revisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from git_mlvc.plots.definition import Definition
from git_mlvc.plots.table import Table

X = float | str


class Scale(Enum):
    """What x is: numbers, moments (seconds since 1970), or names in the order of the file."""

    NUMBER = "number"
    TIME = "time"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Series:
    """One column of one revision. `ys`: None where the value is NaN or infinite, so that a line is broken there."""

    revision: str
    column: str
    xs: Sequence[X]
    ys: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over x, each in the order of x; or, where `is_scatter`, points in the order of the file."""

    title: str
    x_label: str
    y_label: str
    scale: Scale
    series: tuple[Series, ...]
    is_scatter: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar for each name. `is_lying`: names stand at the left, values go to the right."""

    title: str
    name_label: str
    value_label: str
    series: tuple[Series, ...]
    is_lying: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """How often each class was taken for which: `counts[revision][actual][predicted]` in the order of `labels`."""

    title: str
    predicted_label: str
    actual_label: str
    labels: tuple[str, ...]
    counts: Mapping[str, Sequence[Sequence[int]]]
    is_normalized: bool = False
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """The rows of each revision, for a template of the user's. `template`: its path; `text`: what it says."""

    title: str
    definition: Definition
    template: str
    text: str
    tables: Mapping[str, Table]
    remarks: tuple[str, ...] = ()


Chart = Lines | Bars | Matrix | Own


def revisions(chart: Chart) -> tuple[str, ...]:
    """Return the revisions that a chart shows something of, each once, in order."""
    if isinstance(chart, Lines | Bars):
        return tuple(dict.fromkeys(one.revision for one in chart.series))
    return tuple(chart.counts if isinstance(chart, Matrix) else chart.tables)


def columns(chart: Lines | Bars) -> tuple[str, ...]:
    """Return the columns that a chart shows, each once, in order."""
    return tuple(dict.fromkeys(one.column for one in chart.series))


def same_revisions(chart: Chart) -> tuple[str, ...]:
    """Say of which revisions a chart shows the same: of lines over each other only one is seen."""
    groups: dict[str, list[str]] = {}
    for revision in revisions(chart):
        if isinstance(chart, Lines | Bars):
            shown = repr([(s.column, s.xs, s.ys) for s in chart.series if s.revision == revision])
        elif isinstance(chart, Matrix):
            shown = repr(chart.counts[revision])
        else:
            shown = repr(chart.tables[revision].columns)
        groups.setdefault(shown, []).append(revision)
    return tuple(f"the same in {joined(group)}" for group in groups.values() if len(group) > 1)


def joined(names: Sequence[str]) -> str:
    """Return names as a sentence has them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

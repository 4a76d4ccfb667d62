"""Charts as text: lines of braille, bars of blocks, matrices as tables; or all of it in ASCII. Pure.

Several revisions are told apart by colour; where there is none, by their marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from git_mlvc import text_width
from git_mlvc.plots import thinning
from git_mlvc.plots.canvas import Canvas, Place
from git_mlvc.plots.chart import Bars, Chart, Lines, Matrix, Scale, Series, X, columns, joined
from git_mlvc.plots.chart import revisions as revisions_of
from git_mlvc.plots.picture import Picture
from git_mlvc.units import count_text, size_text

HEIGHT = 14
MAX_BARS = 30
_HEADS = (8, 5, 3)  # columns for the name of a class, as many as there is room for
_COLOURS = (34, 33, 32, 35, 36, 31, 94, 93, 92, 95, 96, 91)
_MARKS = "●+×○▲◆■△◇□"
_ASCII_MARKS = "*+xo#@%&=~"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Style:
    """`width` in columns. `can_draw`: more than ASCII can be written."""

    width: int
    can_draw: bool = True
    has_colours: bool = False

    def coloured(self, text: str, owner: int | None) -> str:
        if not self.has_colours or owner is None or not text.strip():
            return text
        return f"\x1b[{_COLOURS[owner % len(_COLOURS)]}m{text}\x1b[0m"

    def cut(self, text: str, width: int) -> str:
        return text_width.cut(text, width, "…" if self.can_draw else "..")

    def mark(self, owner: int) -> str:
        marks = _MARKS if self.can_draw else _ASCII_MARKS
        return self.coloured(marks[0 if self.has_colours else owner % len(marks)], owner)


def lines(chart: Chart, revisions: Sequence[str], style: Style) -> list[str]:
    """Return a chart as lines of at most `style.width` columns, without its title and remarks."""
    if isinstance(chart, Lines):
        return _lines(chart, revisions, style)
    if isinstance(chart, Bars):
        return _bars(chart, revisions, style)
    if isinstance(chart, Matrix):
        return _matrices(chart, style)
    return [
        style.cut(f"drawn by {text_width.shown(chart.template)}, in a browser only", style.width)
    ]


# -- lines and points


def _lines(chart: Lines, revisions: Sequence[str], style: Style) -> list[str]:
    places = _Places(chart)
    if not places.has_any:
        return ["no points"]
    y_labels = _y_labels(places.low, places.high)
    margin = max(map(len, y_labels.values())) + 1
    several = len(chart.series) > 1 and not style.has_colours
    marks = (_MARKS if style.can_draw else _ASCII_MARKS) if several or not style.can_draw else ""
    canvas = Canvas(max(10, style.width - margin - 2), HEIGHT, marks)
    owners = _owners(chart, revisions)
    for series, owner in zip(chart.series, owners, strict=True):
        draw = canvas.dots if chart.is_scatter else canvas.line
        draw(places.of(series, canvas.width * 4, is_line=not chart.is_scatter), owner)
    tick, wall, corner, floor = "┤│└─" if style.can_draw else "+|+-"
    found = []
    for at, row in enumerate(canvas.rows()):
        label = y_labels.get(at, "")
        cells = "".join(
            style.coloured("".join(text for text, _ in run), owner)
            for owner, run in groupby(row, key=lambda cell: cell[1])
        ).rstrip()
        found.append(f"{label:>{margin}}{tick if label else wall}{cells}")
    found.append(" " * margin + corner + floor * canvas.width)
    found.append(" " * (margin + 1) + _x_labels(chart, places, canvas.width, style))
    return [*found, *_legend(chart, owners, style)]


class _Places:
    """Where points stand between the least and the greatest of all series."""

    def __init__(self, chart: Lines) -> None:
        self._names: dict[X, int] = {}
        self._chart = chart
        xs = [
            self._number(x)
            for one in chart.series
            for x, y in zip(one.xs, one.ys, strict=True)
            if y is not None
        ]
        ys = [y for one in chart.series for y in one.ys if y is not None]
        self.has_any = bool(ys)
        self.left, self.right = min(xs, default=0.0), max(xs, default=0.0)
        self.low, self.high = min(ys, default=0.0), max(ys, default=0.0)

    def of(self, series: Series, most: int, *, is_line: bool) -> list[Place | None]:
        xs, ys = thinning.line(series.xs, series.ys, most) if is_line else (series.xs, series.ys)
        return [
            None
            if y is None
            else (
                _share(self._number(x), self.left, self.right),
                1 - _share(y, self.low, self.high),
            )
            for x, y in zip(xs, ys, strict=True)
        ]

    def name(self, edge: float) -> str:
        return str(next((name for name, at in self._names.items() if at == edge), ""))

    def _number(self, x: X) -> float:
        return x if isinstance(x, float) else float(self._names.setdefault(x, len(self._names)))


def _share(value: float, low: float, high: float) -> float:
    # Halved: the distance of the largest and the smallest float is no float.
    width = high / 2 - low / 2
    return (value / 2 - low / 2) / width if width > 0 else 0.5


def _y_labels(low: float, high: float) -> dict[int, str]:
    if low == high:
        return {HEIGHT // 2: number_text(low)}
    half = (HEIGHT - 1) // 2
    middle = high - (high / 2 - low / 2) * 2 * half / (HEIGHT - 1)
    return {0: number_text(high), half: number_text(middle), HEIGHT - 1: number_text(low)}


def _x_labels(chart: Lines, places: _Places, width: int, style: Style) -> str:
    def shown(value: float) -> str:
        if chart.scale is Scale.NAME:
            return style.cut(text_width.shown(places.name(value)), max(4, width // 3))
        return _time_text(value) if chart.scale is Scale.TIME else number_text(value)

    left, right = shown(places.left), shown(places.right)
    room = width - text_width.width(left) - text_width.width(right)
    if left == right or room < 1:
        return style.cut(left if left == right else f"{left} {right}", width)
    middle = style.cut(text_width.shown(chart.x_label), max(0, room - 4))
    before = (room - text_width.width(middle)) // 2
    return left + text_width.left(" " * before + middle, room) + right


def _time_text(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return number_text(seconds)


# -- bars


def _bars(chart: Bars, revisions: Sequence[str], style: Style) -> list[str]:
    names = list(dict.fromkeys(x for one in chart.series for x in one.xs))
    shown = names[:MAX_BARS]
    owners = _owners(chart, revisions)
    values = [dict(zip(one.xs, one.ys, strict=True)) for one in chart.series]
    greatest = max(
        (abs(y) for found in values for name in shown if (y := found.get(name)) is not None),
        default=0.0,
    )
    margin = min(text_width.widest(text_width.shown(str(name)) for name in shown), style.width // 3)
    room = max(5, style.width - margin - 14)
    found = []
    for name in shown:
        label = style.cut(text_width.shown(str(name)), margin)
        for by_name, owner in zip(values, owners, strict=True):
            value = by_name.get(name)
            if value is None:
                continue
            mark = f"{style.mark(owner)} " if len(chart.series) > 1 else ""
            bar = style.coloured(_bar(value, greatest, room, style), owner)
            found.append(f"{text_width.left(label, margin)} {mark}{bar} {number_text(value)}")
            label = ""
    if len(names) > len(shown):
        found.append(f"and {count_text(len(names) - len(shown), 'more bar')}")
    return [*(found or ["no bars"]), *_legend(chart, owners, style)]


def _bar(value: float, greatest: float, room: int, style: Style) -> str:
    length = abs(value) / greatest * room if greatest else 0.0
    whole = int(length)
    if not style.can_draw:
        return "#" * round(length) if value >= 0 else "-" * round(length)
    if value < 0:
        return "░" * round(length)
    return "█" * whole + _EIGHTHS[int((length - whole) * 8)].strip()


# -- confusion matrices


def _matrices(chart: Matrix, style: Style) -> list[str]:
    """Return one after the other; equal ones once."""
    named: dict[str, list[str]] = {}
    for revision, counts in chart.counts.items():
        named.setdefault(repr(counts), []).append(revision)
    found: list[str] = []
    for revisions in named.values():
        if len(chart.counts) > 1:
            heading = text_width.shown(joined(revisions))
            found += [*([""] if found else []), style.cut(heading, style.width)]
        found += _matrix(chart, chart.counts[revisions[0]], style)
    return found


def _matrix(chart: Matrix, counts: Sequence[Sequence[int]], style: Style) -> list[str]:
    labels = [text_width.shown(label) for label in chart.labels]
    cells = [[_cell_text(n, sum(row), chart, style) for n in row] for row in counts]
    margin = min(text_width.widest([text_width.shown(chart.actual_label), *labels]), 16)
    for longest in _HEADS:
        heads = [
            style.cut(label, longest) if longest > 3 else text_width.cut(label, longest, "")
            for label in labels
        ]
        widths = [
            text_width.widest([head, *(row[at] for row in cells)]) for at, head in enumerate(heads)
        ]
        if margin + 3 + sum(width + 1 for width in widths) <= style.width:
            break
    else:
        right = sum(row[at] for at, row in enumerate(counts))
        total = sum(map(sum, counts))
        share = f"{right / total:.1%}" if total else "none"
        told = f"{count_text(total, 'row')}, {share} right"
        return [style.cut(told, style.width), style.cut("too wide to be shown here", style.width)]
    wall = "│" if style.can_draw else "|"

    def row(head: str, texts: Sequence[str]) -> str:
        padded = map(text_width.right, texts, widths)
        shown = text_width.right(style.cut(head, margin), margin)
        return f"{shown} {wall} {' '.join(padded)}".rstrip()

    actual, predicted = (
        text_width.shown(chart.actual_label),
        text_width.shown(chart.predicted_label),
    )
    return [
        style.cut(f"{'':>{margin}}   {predicted}", style.width),
        row(actual, heads),
        *(row(label, texts) for label, texts in zip(labels, cells, strict=True)),
    ]


def _cell_text(count: int, total: int, chart: Matrix, style: Style) -> str:
    if not count:
        return "·" if style.can_draw else "."
    return f"{count / total:.2f}" if chart.is_normalized else str(count)


# -- images


def pictures(found: Mapping[str, Picture]) -> list[str]:
    """Return what images are; which of them are the same."""
    told = []
    first: dict[bytes, str] = {}
    for revision, one in found.items():
        extent = f", {one.width} × {one.height}" if one.width else ""
        kind = one.media_type.removeprefix("image/").removesuffix("+xml").upper()
        same = f", the same as in {text_width.shown(first[one.data])}" if one.data in first else ""
        first.setdefault(one.data, revision)
        told.append(
            f"{text_width.shown(revision)}: {kind}{extent}, {size_text(len(one.data))}{same}"
        )
    return told


# -- what they share


def _owners(chart: Lines | Bars, revisions: Sequence[str]) -> list[int]:
    """Return whose colour each series has: that of its revision; of its column where only these differ."""
    names = columns(chart)
    if len(revisions_of(chart)) > 1 and len(names) > 1:
        kinds = [(one.revision, one.column) for one in chart.series]
        return [kinds.index(kind) for kind in kinds]
    if len(names) > 1:
        return [names.index(one.column) for one in chart.series]
    return [list(revisions).index(one.revision) for one in chart.series]


def _legend(chart: Lines | Bars, owners: Sequence[int], style: Style) -> list[str]:
    if len(chart.series) < 2:
        return []
    by_revision, by_column = len(revisions_of(chart)) > 1, len(columns(chart)) > 1
    name: Callable[[Series], str] = lambda one: " ".join(  # noqa: E731
        filter(None, (one.column if by_column else "", one.revision if by_revision else ""))
    )
    found: list[str] = []
    used = 0
    for series, owner in zip(chart.series, owners, strict=True):
        text = style.cut(text_width.shown(name(series)), style.width - 4)
        taken = text_width.width(text) + 4
        if not found or used + taken > style.width:
            found.append("  ")
            used = 2
        found[-1] += f"{style.mark(owner)} {text}  "
        used += taken
    return [line.rstrip() for line in found]


def number_text(value: float) -> str:
    """Return a number in at most five digits: "0.0123", "12,300", "1.2e+09"."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 1000 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.4g}"

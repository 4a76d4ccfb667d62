"""The table of experiments as lines of text, for a terminal of any width or a pipe. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from git_mlvc.cli.experiments import cells
from git_mlvc.experiments import columns
from git_mlvc.experiments.columns import Column, Kind
from git_mlvc.experiments.filter import is_number
from git_mlvc.experiments.table import Row, Table, differs
from git_mlvc.text_width import cut, cut_start, shown, width

_GAP = "  "
_INDENT = "  "
_BEST = "*"
_LONGEST_TEXT = 16  # of a parameter, where there is not room for all
_SHORTEST_NAME = 8
_SHARE_OF_NAMES = 3  # a third of a terminal's columns, where there is not room for all
_FEWEST = 2  # metrics that stay when there is not room for all columns


@dataclass(frozen=True, slots=True)
class Style:
    """`columns`: of the terminal, None for a pipe. `bold` and `plain` surround what is best."""

    columns: int | None = None
    can_draw: bool = True
    bold: str = ""
    plain: str = ""

    @property
    def sign(self) -> str:
        """What stands where something was cut off."""
        return "…" if self.can_draw else "."


@dataclass(frozen=True, slots=True)
class Lines:
    """`left_out`: the columns for which there was no room."""

    lines: tuple[str, ...]
    left_out: tuple[Column, ...]


@dataclass(slots=True)
class _Grid:
    """Names and cells by row, headings by column; `best`: which cells are, by row and column."""

    names: list[str]
    columns: list[Column]
    headings: dict[Column, str]
    cells: dict[Column, list[str]]
    is_right: dict[Column, bool]

    def width_of(self, column: Column) -> int:
        return max(width(self.headings[column]), *map(width, self.cells[column]), 0)

    @property
    def name_width(self) -> int:
        return max(map(width, self.names))

    @property
    def width(self) -> int:
        return self.name_width + sum(len(_GAP) + self.width_of(column) for column in self.columns)


def draw(table: Table, style: Style) -> Lines:
    """Return the lines: headings, then each baseline with its experiments, indented."""
    rows = [*table.rows]
    grid = _grid(table, rows)
    left_out: list[Column] = []
    if style.columns is not None and grid.width > style.columns:
        left_out = _fit(grid, table, rows, style)
    return Lines(tuple(_lines(grid, style)), tuple(left_out))


def _grid(table: Table, rows: Sequence[Row]) -> _Grid:
    found = [*table.columns]
    texts: dict[Column, list[str]] = {}
    is_right: dict[Column, bool] = {}
    for column in found:
        values = [row.value(column) for row in rows]
        texts[column] = [cells.text(column, value) for value in values]
        is_right[column] = column is columns.DURATION or any(map(is_number, values))
        if column in table.best:
            marks = [_BEST if table.is_best(column, value) else " " for value in values]
            texts[column] = [one + mark for one, mark in zip(texts[column], marks, strict=True)]
    names = [(_INDENT if row.state else "") + shown(row.name) for row in rows]
    headings = {column: shown(table.known.label(column)) for column in found}
    for column in table.best:
        if column in headings:
            headings[column] += " "
    return _Grid(["experiment", *names], found, headings, texts, is_right)


# -- where there is not room for all


def _fit(grid: _Grid, table: Table, rows: Sequence[Row], style: Style) -> list[Column]:
    """Shorten headings and texts, then drop columns until the rest fits; return those that were dropped."""
    room = style.columns or 0
    ends = Counter(column.last_part for column in grid.columns)
    for column in grid.columns:
        if ends[column.last_part] == 1:
            space = " " if grid.headings[column].endswith(" ") else ""
            grid.headings[column] = shown(column.last_part) + space
        if not grid.is_right[column]:
            grid.cells[column] = [
                cut(text, _LONGEST_TEXT, style.sign) for text in grid.cells[column]
            ]
    whole_names = grid.names
    if grid.width > room:
        shortest = max(_SHORTEST_NAME, room // _SHARE_OF_NAMES)
        grid.names = _shorter(whole_names, shortest, style.sign)
    left_out: list[Column] = []
    for column in _expendable(grid, table, rows):
        if grid.width <= room:
            break
        grid.columns.remove(column)
        left_out.append(column)
    beside = grid.width - grid.name_width
    longest = max(_SHORTEST_NAME, room - beside)
    grid.names = _shorter(whole_names, longest, style.sign)
    for column in grid.columns:
        over = grid.width - room
        if over > 0:
            left = max(6, grid.width_of(column) - over)
            grid.headings[column] = cut(grid.headings[column], left, style.sign)
    return [column for column in table.columns if column in left_out]


def _shorter(names: Sequence[str], columns: int, sign: str) -> list[str]:
    """Return names cut to so many columns: at their end, or in the middle where they would be the same then."""
    at_end = [cut(name, columns, sign) for name in names]
    if len(set(at_end)) == len(set(names)):
        return at_end
    end = columns // 2
    middle = [cut(name, columns - end, "") + cut_start(name, end, sign) for name in names]
    return [
        name if width(name) <= columns else one for name, one in zip(names, middle, strict=True)
    ]


def _expendable(grid: _Grid, table: Table, rows: Sequence[Row]) -> list[Column]:
    """Return the columns that may go, first those that tell least; what the table is sorted by stays."""

    def is_kept(column: Column) -> bool:
        return column in (table.sorted_by, columns.STATE)

    others = [column for column in grid.columns if not is_kept(column)]
    equal = [one for one in others if one.file and not differs(rows, one)]
    rest = [one for one in others if one not in equal]
    overridden = {place for row in rows for place in row.overrides}
    params = [one for one in rest if one.kind is Kind.PARAM]
    was_set = [one for one in params if f"{one.file}:{one.key}" in overridden]
    metrics = [one for one in rest if one.kind is Kind.METRIC]
    few = metrics[: _FEWEST - any(map(is_kept, grid.columns))]
    return [
        *reversed(equal),
        *reversed([one for one in rest if one.kind is Kind.FIXED]),
        *reversed([one for one in params if one not in was_set]),
        *reversed([one for one in metrics if one not in few]),
        *reversed(was_set),
        *reversed(few),
    ]


# -- lines


def _lines(grid: _Grid, style: Style) -> list[str]:
    widths = {column: grid.width_of(column) for column in grid.columns}
    name_width = grid.name_width
    lines = [_line(grid, grid.names[0], name_width, grid.headings, widths, Style())]
    if style.columns is not None:
        lines.append(("─" if style.can_draw else "-") * min(grid.width, style.columns))
    for at, name in enumerate(grid.names[1:]):
        texts = {column: grid.cells[column][at] for column in grid.columns}
        lines.append(_line(grid, name, name_width, texts, widths, style))
    return lines


def _line(
    grid: _Grid,
    name: str,
    name_width: int,
    texts: dict[Column, str],
    widths: dict[Column, int],
    style: Style,
) -> str:
    parts = [name + " " * (name_width - width(name))]
    for column in grid.columns:
        text = texts[column]
        space = " " * (widths[column] - width(text))
        if style.bold and text.endswith(_BEST) and column.kind is Kind.METRIC:
            text = f"{style.bold}{text}{style.plain}"
        parts.append(space + text if grid.is_right[column] else text + space)
    return _GAP.join(parts).rstrip()

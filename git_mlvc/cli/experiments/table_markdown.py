"""The table of experiments in Markdown, fit for a pull request. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from git_mlvc.cli.experiments import cells
from git_mlvc.experiments.columns import Column, Kind
from git_mlvc.experiments.filter import is_number
from git_mlvc.experiments.table import Row, Table
from git_mlvc.text_width import shown

_ESCAPED = {ord(sign): f"\\{sign}" for sign in "\\`*_[]|~$"}
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
# Nobody is called, and no issue is linked, by a name in a table.
_CALLS = {ord("@"): "@&#8203;", ord("#"): "#&#8203;"}


def markdown(table: Table) -> Iterator[str]:
    """Yield the lines: one table, the baselines in italics, the best values in bold."""
    yield _line(["experiment", *(escaped(table.known.label(one)) for one in table.columns)])
    rows = [*table.rows]
    yield _line(["---", *("---:" if _is_right(one, rows) else "---" for one in table.columns)])
    for row in rows:
        name = escaped(row.name) if row.state else f"*{escaped(row.name)}*"
        yield _line([name, *(_cell(table, row, column) for column in table.columns)])


def escaped(text: str) -> str:
    """Return a text that means nothing to Markdown, HTML or a forge."""
    return shown(text).translate({**_ESCAPED, **_ENTITIES, **_CALLS})


def _cell(table: Table, row: Row, column: Column) -> str:
    value = row.value(column)
    text = escaped(cells.text(column, value))
    is_best = column.kind is Kind.METRIC and table.is_best(column, value)
    return f"**{text}**" if is_best else text


def _is_right(column: Column, rows: list[Row]) -> bool:
    return any(is_number(row.value(column)) for row in rows)


def _line(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"

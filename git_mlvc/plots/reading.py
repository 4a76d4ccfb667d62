"""Tables out of CSV, TSV, JSON, JSON lines and YAML, by the ending of the name. Pure.

What cannot be a row of the table is left out and told in its remarks; a file that is no table is an InputError.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from git_mlvc import text_width
from git_mlvc.errors import ConfigError, InputError
from git_mlvc.fs import structured
from git_mlvc.fs.structured import parse_json, parse_yaml
from git_mlvc.plots.table import Cell, Table, number
from git_mlvc.units import count_text, size_text

MAX_TABLE_BYTES = 100_000_000
MAX_COLUMNS = 10_000
_DEEPEST = 32


def table(data: bytes, name: str) -> Table:
    """Return the table that a file holds. Raises InputError naming `name`, and the line where there is one."""
    reader = _READERS.get(ending(name))
    if reader is None:
        raise InputError(
            f"{name} cannot be drawn",
            why="it is neither a table nor an image by its name",
            hint="tables end in .csv, .tsv, .json, .jsonl or .yaml, images in .png, .jpg, .gif, .svg or .webp",
        )
    if len(data) > MAX_TABLE_BYTES:
        raise InputError(
            f"{name} is too large to be drawn",
            why=f"it has {size_text(len(data))}; tables are read up to {size_text(MAX_TABLE_BYTES)}",
            hint="write fewer rows, for example every hundredth step",
        )
    found = reader(data, name)
    if not found.columns:
        raise InputError(f"{name} has no columns to draw", why="it is empty")
    if not all(key and key.isprintable() for key in found.columns):
        # A name is asked for by typing it, and shown in terminals.
        named = {
            text_width.shown(key) or _unnamed(found): one for key, one in found.columns.items()
        }
        found = Table(named, found.remarks)
    if len(found.columns) > MAX_COLUMNS:
        raise InputError(f"{name} has {len(found.columns):,} columns", why="that is no table")
    return found


def _unnamed(found: Table) -> str:
    return "value" if "value" not in found.columns else "(no name)"


def ending(name: str) -> str:
    """Return the ending of a name in small letters, without its dot; "" if it has none."""
    stem, dot, end = name.rpartition("/")[2].rpartition(".")
    return end.lower() if dot and stem else ""


def is_table(name: str) -> bool:
    return ending(name) in _READERS


# -- text with separators


def _separated(data: bytes, name: str, separator: str) -> Table:
    text = _text(data, name)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if separator not in first:
        separator = next((other for other in ";\t," if other in first), separator)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
    rows = ((lines.line_num, row) for row in _rows(lines, name) if any(map(str.strip, row)))
    _, header = next(rows, (0, []))
    names = [text_width.shown(cell.strip()) for cell in header]
    if len(names) > 1 and not names[0] and "index" not in names:
        names[0] = "index"  # as data frames are written
    _check_header(names, name)
    columns: list[list[Cell]] = [[] for _ in names]
    broken: list[str] = []
    for line, row in rows:
        if len(row) != len(names):
            values = count_text(len(row), "value")
            broken.append(f"line {line} has {values}, not {len(names)}")
            continue
        for column, cell in zip(columns, row, strict=True):
            column.append(structured.pointed(cell, separator))
    return Table(dict(zip(names, columns, strict=True)), _left_out(broken, "row"))


def _rows(lines: Any, name: str) -> Iterator[list[str]]:
    try:
        yield from lines
    except csv.Error as exc:
        raise InputError(f"{name}, line {lines.line_num} cannot be read", why=str(exc)) from exc


def _check_header(names: Sequence[str], file: str) -> None:
    if names and all(number(name) is not None for name in names):
        raise InputError(
            f"{file} has no names of columns",
            why=f"its first line is {', '.join(names[:4])}{' …' if len(names) > 4 else ''}",
            hint="write their names in the first line, as in: step,loss",
        )
    for place, name in enumerate(names, start=1):
        if not name:
            raise InputError(
                f"{file}: column {place} has no name", hint="name it in the first line"
            )
        if names.index(name) != place - 1:
            raise InputError(f"{file} has two columns '{name}'", hint="give each its own name")


# -- documents


def _json(data: bytes, name: str) -> Table:
    return _from_document(_parsed(parse_json, data, name), name)


def _yaml(data: bytes, name: str) -> Table:
    return _from_document(_parsed(parse_yaml, data, name), name)


def _json_lines(data: bytes, name: str) -> Table:
    found: list[object] = []
    broken: list[str] = []
    for at, line in enumerate(_text(data, name).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError) as exc:
            why = exc.msg if isinstance(exc, json.JSONDecodeError) else "it is nested too deeply"
            broken.append(f"line {at}: {why}")
    if broken and not found:
        raise InputError(f"{name} holds no rows", why=broken[0])
    table = _of_rows(found, name)
    return Table(table.columns, (*_left_out(broken, "line"), *table.remarks))


def _parsed(parse: Callable[[bytes, str], object], data: bytes, name: str) -> object:
    try:
        return parse(data, name)
    except ConfigError as exc:  # it is no setting that is wrong here
        raise InputError(exc.what, why=exc.why, hint=exc.hint) from exc


def _from_document(document: object, name: str) -> Table:
    places = list(_tables_in(document, "", 0))
    if not places:
        raise InputError(
            f"{name} holds no table",
            why="there is no list of rows in it, and no table of columns",
            hint='write rows, [{"step": 0, "loss": 0.7}, …], or columns, {"step": [0], "loss": [0.7]}',
        )
    where, found = places[0]
    table = _of_rows(found, name) if isinstance(found, list) else _of_columns(found, name)
    if len(places) == 1:
        return table
    others = ", ".join(f"'{other}'" for other, _ in places[1:4])
    return Table(table.columns, (*table.remarks, f"drawn is '{where}'; not {others}"))


def _tables_in(value: object, where: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield what can be a table in the order of the file, with the keys that lead there."""
    if isinstance(value, list):
        if value:
            yield where, value
    elif isinstance(value, Mapping) and depth < _DEEPEST:
        if value and all(isinstance(one, list) and _is_flat(one) for one in value.values()):
            yield where, value
        elif value and all(_is_cell(one) for one in value.values()):
            yield where, [{"name": str(key), "value": one} for key, one in value.items()]
        else:
            for key, one in value.items():
                if isinstance(one, list | Mapping):
                    yield from _tables_in(one, f"{where}.{key}" if where else str(key), depth + 1)


def _of_columns(columns: Mapping[object, list[object]], name: str) -> Table:
    heights = {str(key): len(column) for key, column in columns.items()}
    tallest = max(heights, key=lambda key: heights[key])
    short = min(heights, key=lambda key: heights[key])
    if heights[tallest] != heights[short]:
        raise InputError(
            f"{name}: columns are not of one length",
            why=f"'{tallest}' has {count_text(heights[tallest], 'value')}, '{short}' {heights[short]}",
        )
    return Table({str(key): [_cell(one) for one in column] for key, column in columns.items()})


def _of_rows(rows: Iterable[object], name: str) -> Table:
    columns: dict[str, list[Cell]] = {}
    broken: list[str] = []
    height = 0
    for at, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            if not _is_cell(row):
                broken.append(f"row {at} is no object")
                continue
            row = {"value": row}  # a plain list of numbers
        for key, value in _flattened(row, "", 0):
            column = columns.setdefault(key, [])
            column += [None] * (height - len(column))
            if len(column) == height:
                column.append(value)
        height += 1
    for column in columns.values():
        column += [None] * (height - len(column))
    if not columns and broken:
        raise InputError(f"{name} holds no rows", why=broken[0])
    return Table(columns, _left_out(broken, "row"))


def _flattened(row: Mapping[Any, Any], above: str, depth: int) -> Iterator[tuple[str, Cell]]:
    """Yield the cells of a row; what is nested is called by all of its keys, with dots."""
    for key, value in row.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _flattened(value, name, depth + 1)
        elif _is_cell(value):
            yield name, _cell(value)


def _is_flat(values: list[object]) -> bool:
    return all(_is_cell(value) for value in values)


def _is_cell(value: object) -> bool:
    return not isinstance(value, Mapping | list)


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


# -- both


def _left_out(broken: Sequence[str], noun: str) -> tuple[str, ...]:
    if not broken:
        return ()
    return (f"{count_text(len(broken), noun)} left out: {broken[0]}",)


def _text(data: bytes, name: str) -> str:
    encoding = "utf-16" if data.startswith(structured.UTF_16) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise InputError(
            f"{name}, line {line} is not UTF-8 text", why=exc.reason, hint="save it as UTF-8"
        ) from exc


_READERS: Mapping[str, Callable[[bytes, str], Table]] = {
    "csv": lambda data, name: _separated(data, name, ","),
    "tsv": lambda data, name: _separated(data, name, "\t"),
    "json": _json,
    "jsonl": _json_lines,
    "ndjson": _json_lines,
    "yaml": _yaml,
    "yml": _yaml,
}

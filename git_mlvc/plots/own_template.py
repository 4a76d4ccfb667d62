"""Vega-Lite templates of the user's: a JSON file with anchors in the place of data, columns and titles. Pure.

An anchor is a text by itself, `"values": "<DVC_METRIC_DATA>"`, or within another, `"title": "<DVC_METRIC_TITLE> (test)"`.
Those of DVC's templates that say what is drawn are known (ANCHORS); any other is an error. Rows are as in the file,
with the revision as `rev`. A template loads nothing and sets no options of the page.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from git_mlvc.errors import ConfigError, InputError
from git_mlvc.fs.structured import parse_json
from git_mlvc.plots import palette
from git_mlvc.plots.chart import Own
from git_mlvc.plots.table import Cell, number

MAX_ROWS = 20_000
REVISION = "rev"
_ANCHOR = re.compile(r"<(?:DVC|MLVC)_METRIC_([A-Z_]+)>")
_SPECIAL = re.compile(r"([\\.\[\]'\"])")  # what Vega-Lite reads as a path into a field


def filled(chart: Own, revisions: Sequence[str]) -> dict[str, Any]:
    """Return the template with all anchors filled in. Raises InputError naming the template."""
    name = chart.template
    try:
        template = parse_json(chart.text.encode("utf-8", "surrogatepass"), name)
    except ConfigError as exc:
        raise InputError(exc.what, why=exc.why, hint=exc.hint) from exc
    if not isinstance(template, Mapping):
        raise InputError(f"{name} is no Vega-Lite template", why="it is no JSON object")
    if "<DVC_METRIC_DATA>" not in chart.text and "<MLVC_METRIC_DATA>" not in chart.text:
        raise InputError(
            f"{name} has no place for the data",
            hint='write "data": {"values": "<DVC_METRIC_DATA>"} into it',
        )
    values = _values(chart, revisions)

    def fill(text: str) -> Any:
        whole = _ANCHOR.fullmatch(text)
        if whole:
            return _anchor(whole[1], values, name)()
        return _ANCHOR.sub(lambda found: str(_anchor(found[1], values, name)()), text)

    spec = _walked(template, fill, name)
    assert isinstance(spec, dict)
    # The page's own affairs: where it is shown and with which options.
    return {key: value for key, value in spec.items() if key not in ("$schema", "usermeta")}


Values = Mapping[str, Callable[[], Any]]


def _values(chart: Own, revisions: Sequence[str]) -> Values:
    wanted = chart.definition
    x, y = wanted.x, wanted.y[0] if wanted.y else ""

    def field(name: str, anchor: str) -> str:
        if not name:
            raise InputError(
                f"{wanted.path}: its template needs {anchor}", hint=f'write {anchor} = "a column"'
            )
        for table in chart.tables.values():
            if name in table.columns:
                return _SPECIAL.sub(r"\\\1", name)
        next(iter(chart.tables.values())).column(name, wanted.path)
        return name

    colours = palette.colours(len(revisions))
    return {
        "DATA": lambda: _rows(chart),
        "X": lambda: field(x, "x"),
        "Y": lambda: field(y, "y"),
        "TITLE": lambda: chart.title,
        "X_LABEL": lambda: wanted.x_label or x,
        "Y_LABEL": lambda: wanted.y_label or y,
        "COLOR": lambda: {
            "field": REVISION,
            "type": "nominal",
            "scale": {"domain": list(revisions), "range": list(colours)},
        },
        "PLOT_WIDTH": lambda: "container",
        "PLOT_HEIGHT": lambda: 300,
        "ZOOM_AND_PAN": lambda: {"name": "zoom", "select": "interval", "bind": "scales"},
    }


def _anchor(name: str, values: Values, template: str) -> Callable[[], Any]:
    if name in values:
        return values[name]
    near = difflib.get_close_matches(name, list(values), n=1)
    known = ", ".join(f"<DVC_METRIC_{one}>" for one in values)
    raise InputError(
        f"{template}: the anchor <DVC_METRIC_{name}> is not known",
        why=f"known are {known}",
        hint=f"did you mean <DVC_METRIC_{near[0]}>?" if near else "",
    )


def _walked(value: Any, fill: Callable[[str], Any], name: str) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [_walked(one, fill, name) for one in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("data"), Mapping) and "url" in value["data"]:
        raise InputError(
            f"{name} loads data from elsewhere",
            why="a page of plots holds all that it shows",
            hint='write "data": {"values": "<DVC_METRIC_DATA>"} into it',
        )
    return {key: _walked(one, fill, name) for key, one in value.items()}


def _rows(chart: Own) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for revision, table in chart.tables.items():
        if len(found) + table.height > MAX_ROWS:
            raise InputError(
                f"{chart.definition.path} has too many rows for a template",
                why=f"what to leave out is not known; at most {MAX_ROWS:,} rows are drawn",
                hint="use a template of git mlvc, which thins them, or write fewer rows",
            )
        for at in range(table.height):
            row: dict[str, object] = {
                key: _native(cells[at]) for key, cells in table.columns.items()
            }
            found.append({**row, REVISION: revision})
    return found


def _native(cell: Cell) -> object:
    """Numbers as numbers; what JSON has no number for is missing."""
    value = number(cell)
    if value is None:
        return cell
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e15 else value

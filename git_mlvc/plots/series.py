"""From tables to charts: which columns are drawn, and how, where the user has not said. Pure.

What is guessed: x is a column called step, epoch … or else the number of the row; y is every other column of numbers,
each in a chart of its own; two columns called actual and predicted are a confusion matrix; names with one number each
are bars.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from git_mlvc.errors import InputError
from git_mlvc.plots.chart import Bars, Chart, Lines, Own, Scale, Series, X
from git_mlvc.plots.confusion import confusion, guessed_classes
from git_mlvc.plots.definition import NAMES, Definition, Template
from git_mlvc.plots.table import Cell, Table, is_empty, label, moment, number, numbers
from git_mlvc.units import count_text

STEPS = (
    "step",
    "global_step",
    "steps",
    "iteration",
    "iter",
    "it",
    "epoch",
    "epochs",
    "round",
    "batch",
)
_BESIDE = (*STEPS, "index", "row", "time", "timestamp", "datetime", "date", "wall_time", "elapsed")
MAX_GUESSED = 12
ROW = "row"
LOGGED = "step"
"""With one more column, a table of this is a log of one metric: of a step that stands twice the last counts."""


def charts(
    definition: Definition, tables: Mapping[str, Table], own_template: str = ""
) -> list[Chart]:
    """Return what is drawn of one file, as it is in each revision (by what it is called), in their order.

    `own_template`: what the file `definition.own_template` holds. Raises InputError naming the file and column.
    """
    if definition.own_template:
        title = definition.title or definition.path
        return [
            Own(title, definition, definition.own_template, own_template, tables, _told(tables))
        ]
    filled = {revision: table for revision, table in tables.items() if table.height}
    if not filled:
        raise InputError(f"{definition.path} has no rows to draw")
    kind = _template(definition, next(iter(filled.values())))
    if kind in (Template.CONFUSION, Template.CONFUSION_NORMALIZED):
        is_normalized = kind is Template.CONFUSION_NORMALIZED
        return [confusion(definition, filled, is_normalized, _told(tables))]
    definition, was_guessed, remarks = _with_columns(definition, filled, kind)
    if not was_guessed or len(definition.y) == 1:
        return [_chart(definition, filled, kind, (*_told(tables), *remarks))]
    made: list[Chart] = []
    for at, column in enumerate(definition.y):
        title = f"{definition.title or definition.path}: {column}"
        told = () if at else (*_told(tables), *remarks)
        made.append(_chart(replace(definition, y=(column,), title=title), filled, kind, told))
    return made


def check_template(name: str, path: str) -> None:
    """Raises InputError where a template is neither a known name nor the name of a JSON file."""
    if not name or name in NAMES or name.endswith(".json"):
        return
    near = difflib.get_close_matches(name, NAMES, n=1)
    raise InputError(
        f"{path}: '{name}' is no template",
        why=f"templates are {', '.join(NAMES)}, or the path of a Vega-Lite file that ends in .json",
        hint=f"did you mean '{near[0]}'?" if near else "",
    )


# -- guessing


def _template(definition: Definition, table: Table) -> Template:
    if definition.template:
        return Template(definition.template)
    if not definition.x and not definition.y and guessed_classes(table):
        return Template.CONFUSION
    x = definition.x or _step_column(table)
    if x not in table.columns:
        names = [name for name in table.columns if not table.is_numeric(name)]
        has_numbers = len(names) < len(table.columns)
        is_list = len(names) == 1 and has_numbers and not table.is_time(names[0])
        return Template.BAR if is_list and not x and _are_once(table, names[0]) else Template.LINE
    if not table.is_numeric(x) and not table.is_time(x):
        y = [name for name in definition.y if name in table.columns]
        if y and not any(table.is_numeric(name) for name in y):
            return Template.CONFUSION
        return Template.BAR if _are_once(table, x) else Template.LINE
    return Template.LINE


def _are_once(table: Table, name: str) -> bool:
    return len({label(cell) for cell in table.columns[name]}) == table.height


def _with_columns(
    definition: Definition, tables: Mapping[str, Table], kind: Template
) -> tuple[Definition, bool, tuple[str, ...]]:
    """Return the definition with its columns named, whether `y` was guessed, and what to say of that.

    An `x` that stays empty is the number of the row. Raises InputError.
    """
    table = _having((definition.x, *definition.y), tables)
    for name in filter(None, (definition.x, *definition.y)):
        table.column(name, definition.path)
    x = definition.x or _guessed_x(table, kind, definition.y)
    if definition.y:
        return replace(definition, x=x), False, ()
    y = [name for name in table.columns if name != x and _is_drawable(table, name)]
    y = [name for name in y if name.lower() not in _BESIDE] or y
    if not y and not definition.x:  # all that there is is what was taken for x
        y, x = [name for name in (x,) if name in table.columns and table.is_numeric(name)], ""
    if not y:
        raise InputError(
            f"{definition.path} has no column of numbers to draw",
            why=f"its columns are {', '.join(repr(name) for name in list(table.columns)[:12])}",
            hint="name one with y",
        )
    more = [f"'{name}'" for name in y[MAX_GUESSED:]]
    told = (f"not drawn, name them with y: {', '.join(more[:20])}",) if more else ()
    return replace(definition, x=x, y=tuple(y[:MAX_GUESSED])), True, told


def _having(wanted: Sequence[str], tables: Mapping[str, Table]) -> Table:
    """Return the first table that has all these columns, else the first."""
    found = list(tables.values())
    return next((one for one in found if all(n in one.columns for n in wanted if n)), found[0])


def _is_drawable(table: Table, name: str) -> bool:
    return table.is_numeric(name) and not table.is_blank(name)


def _guessed_x(table: Table, kind: Template, y: Sequence[str]) -> str:
    if kind is Template.BAR:
        names = [name for name in table.columns if not table.is_numeric(name) and name not in y]
        if names:
            return names[0]
        rest = [name for name in table.columns if name not in y]
        return rest[0] if len(table.columns) > 1 and rest else ""
    found = _step_column(table, y)
    if kind is Template.SCATTER and not found:
        rest = [name for name in table.columns if name not in y and _is_drawable(table, name)]
        found = rest[0] if len(rest) > (0 if y else 1) else ""
    return found


def _step_column(table: Table, y: Sequence[str] = ()) -> str:
    by_name = {name.lower(): name for name in table.columns if name not in y}
    known = (by_name[step] for step in STEPS if step in by_name)
    return next((name for name in known if _is_drawable(table, name)), "")


# -- drawing


def _chart(
    definition: Definition, tables: Mapping[str, Table], kind: Template, told: Sequence[str]
) -> Chart:
    remarks = list(told)
    if kind is Template.BAR:
        return _bars(definition, tables, remarks)
    scale = _scale(definition.x, tables)
    series = [
        _series(definition, column, revision, table, scale, remarks, sort=kind is Template.LINE)
        for column in definition.y
        for revision, table in tables.items()
        if _has(table, (definition.x, column), revision, remarks)
    ]
    return Lines(
        definition.title or definition.path,
        definition.x_label or definition.x or ROW,
        definition.y_label or _y_label(definition.y),
        scale,
        tuple(series),
        is_scatter=kind is Template.SCATTER,
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _bars(definition: Definition, tables: Mapping[str, Table], remarks: list[str]) -> Bars:
    """`x` and `y` as they are written: where `x` is the one of numbers, the bars are lying."""
    is_lying = False
    first = _having((definition.x, *definition.y), tables)
    if definition.x and len(definition.y) == 1:
        x, y = definition.x, definition.y[0]
        if first.is_numeric(x) and not first.is_numeric(y):
            is_lying = True
            definition = replace(
                definition,
                x=y,
                y=(x,),
                x_label=definition.y_label,
                y_label=definition.x_label,
            )
    series = [
        _series(definition, column, revision, table, Scale.NAME, remarks, sort=False)
        for column in definition.y
        for revision, table in tables.items()
        if _has(table, (definition.x, column), revision, remarks)
    ]
    return Bars(
        definition.title or definition.path,
        definition.x_label or definition.x or ROW,
        definition.y_label or _y_label(definition.y),
        tuple(series),
        is_lying=is_lying or _need_room([str(x) for one in series for x in one.xs]),
        remarks=tuple(dict.fromkeys(remarks)),
    )


def _need_room(names: Sequence[str]) -> bool:
    """True if names are too long or too many to stand side by side."""
    different = set(names)
    return len(different) > 12 or max(map(len, different), default=0) > 12


def _has(table: Table, names: Sequence[str], revision: str, remarks: list[str]) -> bool:
    missing = [name for name in names if name and name not in table.columns]
    remarks += [f"{revision} has no column '{name}'" for name in missing]
    return not missing


def _scale(x: str, tables: Mapping[str, Table]) -> Scale:
    having = [table for table in tables.values() if x in table.columns]
    if not x or all(table.is_numeric(x) for table in having):
        return Scale.NUMBER
    return Scale.TIME if all(table.is_time(x) for table in having) else Scale.NAME


def _series(
    definition: Definition,
    column: str,
    revision: str,
    table: Table,
    scale: Scale,
    remarks: list[str],
    *,
    sort: bool,
) -> Series:
    """Rows without x or y are left out; those whose y is no finite number leave a gap."""
    ys, wrong = numbers(table.columns[column], column)
    xs = table.columns[definition.x] if definition.x else list(range(table.height))
    points: list[tuple[X, float | None]] = []
    odd_x = infinite = 0
    for x_cell, y in zip(xs, ys, strict=True):
        if y is None:
            continue
        x = _x(x_cell, scale)
        if x is None:
            odd_x += 1
        elif math.isfinite(y):
            points.append((x, y))
        else:
            infinite += 1
            points.append((x, None))
    if sort and scale is not Scale.NAME:
        points.sort(key=lambda point: point[0])
    if definition.x == LOGGED and len(table.columns) == 2:
        once = dict(points)
        if len(once) < len(points):
            twice = count_text(len(points) - len(once), "row")
            remarks.append(f"{revision}: {twice} left out, whose step stands again below")
            points = list(once.items())
    if wrong:
        remarks.append(f"{revision}: {wrong}")
    if odd_x:
        remarks.append(
            f"{revision}: {count_text(odd_x, 'row')} left out, whose '{definition.x}' is no {scale.value}"
        )
    if infinite:
        verb = "is" if infinite == 1 else "are"
        remarks.append(
            f"{revision}: {count_text(infinite, 'value')} of '{column}' {verb} NaN or infinite"
        )
    return Series(revision, column, [x for x, _ in points], [y for _, y in points])


def _x(cell: Cell, scale: Scale) -> X | None:
    if scale is Scale.NUMBER:
        value = number(cell)
        return value if value is not None and math.isfinite(value) else None
    if scale is Scale.TIME:
        return moment(cell)
    return None if is_empty(cell) else label(cell)


def _y_label(columns: Sequence[str]) -> str:
    return ", ".join(columns) if len(columns) <= 3 else "value"


def _told(tables: Mapping[str, Table]) -> tuple[str, ...]:
    return tuple(f"{rev}: {remark}" for rev, table in tables.items() for remark in table.remarks)

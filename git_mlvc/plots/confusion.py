"""Confusion matrices: pairs of an actual and a predicted class, counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from git_mlvc.errors import InputError
from git_mlvc.plots.chart import Matrix
from git_mlvc.plots.definition import Definition
from git_mlvc.plots.table import Table, is_empty, label, number
from git_mlvc.units import count_text

_ACTUAL = ("actual", "y_true", "true", "target", "label", "truth", "true_label", "actual_label")
_PREDICTED = ("predicted", "y_pred", "pred", "prediction", "predicted_label", "guess")
MAX_CLASSES = 50
OTHERS = "(others)"

Pairs = Counter[tuple[str, str]]


def guessed_classes(table: Table) -> tuple[str, str] | None:
    """Return the columns of actual and predicted classes, as their names tell; None if they do not."""
    by_name = {name.lower(): name for name in table.columns}
    actual = next((by_name[name] for name in _ACTUAL if name in by_name), None)
    predicted = next((by_name[name] for name in _PREDICTED if name in by_name), None)
    return (actual, predicted) if actual is not None and predicted is not None else None


def confusion(
    definition: Definition,
    tables: Mapping[str, Table],
    is_normalized: bool,
    told: Sequence[str] = (),
) -> Matrix:
    """`x` is the predicted class, `y` the actual one. Raises InputError."""
    remarks = list(told)
    actual, predicted = _columns(definition, tables)
    pairs: dict[str, Pairs] = {}
    for revision, table in tables.items():
        missing = [name for name in (actual, predicted) if name not in table.columns]
        remarks += [f"{revision} has no column '{name}'" for name in missing]
        if not missing:
            pairs[revision] = _pairs(table, actual, predicted, revision, remarks)
    labels = _labels(pairs)
    if not labels:
        raise InputError(f"{definition.path}: '{actual}' and '{predicted}' hold no classes")
    if len(labels) > MAX_CLASSES:
        remarks.append(
            f"of {len(labels):,} classes the {MAX_CLASSES - 1} most frequent are drawn, all else as {OTHERS}"
        )
        labels = _most_frequent(pairs, labels)
    return Matrix(
        definition.title or definition.path,
        definition.x_label or predicted,
        definition.y_label or actual,
        tuple(labels),
        {revision: _counts(found, labels) for revision, found in pairs.items()},
        is_normalized,
        tuple(dict.fromkeys(remarks)),
    )


def _columns(definition: Definition, tables: Mapping[str, Table]) -> tuple[str, str]:
    if len(definition.y) > 1:
        raise InputError(
            f"{definition.path}: a confusion matrix has one y",
            why="y is the column of actual classes",
        )
    wanted = [name for name in (definition.x, *definition.y) if name]
    tables_with = (table for table in tables.values() if all(n in table.columns for n in wanted))
    table = next(tables_with, next(iter(tables.values())))
    for name in wanted:
        table.column(name, definition.path)
    guessed = guessed_classes(table)
    if guessed is None and len(table.columns) == 2 and len(wanted) < 2:
        first, second = table.columns
        guessed = (first, second)
    if guessed is None and len(wanted) < 2:
        raise InputError(
            f"{definition.path}: which columns are the classes is not known",
            why=f"its columns are {', '.join(repr(name) for name in list(table.columns)[:12])}",
            hint='write x = "the predicted class" and y = "the actual class"',
        )
    actual, predicted = guessed or ("", "")
    return (definition.y[0] if definition.y else actual), definition.x or predicted


def _pairs(table: Table, actual: str, predicted: str, revision: str, remarks: list[str]) -> Pairs:
    found: Pairs = Counter()
    empty = 0
    for one, other in zip(table.columns[actual], table.columns[predicted], strict=True):
        if is_empty(one) or is_empty(other):
            empty += 1
        else:
            found[label(one), label(other)] += 1
    if empty:
        remarks.append(f"{revision}: {count_text(empty, 'row')} left out, with an empty class")
    return found


def _labels(pairs: Mapping[str, Pairs]) -> list[str]:
    found = {name for counted in pairs.values() for pair in counted for name in pair}
    as_numbers = {name: number(name) for name in found}
    if all(value is not None for value in as_numbers.values()):
        return sorted(found, key=lambda name: (as_numbers[name] or 0.0, name))
    return sorted(found)


def _most_frequent(pairs: Mapping[str, Pairs], labels: Sequence[str]) -> list[str]:
    often: Counter[str] = Counter()
    for counted in pairs.values():
        for (actual, predicted), count in counted.items():
            often[actual] += count
            often[predicted] += count
    kept = {name for name, _ in often.most_common(MAX_CLASSES - 1)}
    return [*(name for name in labels if name in kept), OTHERS]


def _counts(pairs: Pairs, labels: Sequence[str]) -> list[list[int]]:
    places = {name: at for at, name in enumerate(labels)}
    counts = [[0] * len(labels) for _ in labels]
    for (actual, predicted), count in pairs.items():
        counts[places.get(actual, -1)][places.get(predicted, -1)] += count
    return counts

"""The table of experiments for programs: the fields of a JSON answer, and CSV."""

from __future__ import annotations

from collections.abc import Mapping

from git_mlvc.cli.csv_form import csv_bytes
from git_mlvc.cli.experiments import cells
from git_mlvc.experiments import columns as columns_of
from git_mlvc.experiments.columns import Column, Kind
from git_mlvc.experiments.filter import MISSING
from git_mlvc.experiments.findings import Place
from git_mlvc.experiments.table import Group, Row, Table

_BEFORE = (columns_of.COMMIT, columns_of.STATE, columns_of.MADE)


def fields(table: Table, others: int) -> dict[str, object]:
    """Return the fields of `--json`; docs/reference/json.md. JSON without NaN and infinity."""
    return {
        "columns": [_column(column, table) for column in table.columns],
        "sorted_by": table.sorted_by and table.known.label(table.sorted_by),
        "baselines": [_group(group) for group in table.groups],
        "others": others,
    }


def csv_table(table: Table) -> bytes:
    """Return the table as CSV with all digits, a row for each baseline and experiment."""
    chosen = [column for column in table.columns if column not in _BEFORE]
    shown = [*_BEFORE, *chosen]
    rows = [["baseline", "experiment", *(_heading(column, table) for column in shown)]]
    for group in table.groups:
        for row in (group.baseline, *group.rows):
            name = "" if row is group.baseline else row.name
            values = [cells.exact(row.value(column)) for column in shown]
            rows.append([group.baseline.commit, name, *values])
    return csv_bytes(rows)


def _heading(column: Column, table: Table) -> str:
    if column in (columns_of.MADE, columns_of.DURATION):
        return "made_at_s" if column is columns_of.MADE else "duration_s"
    return table.known.label(column)


def _column(column: Column, table: Table) -> dict[str, object]:
    found: dict[str, object] = {
        "name": table.known.label(column),
        "kind": column.kind.value or "fixed",
        "file": column.file,
        "key": column.key,
    }
    if column.kind is Kind.METRIC:
        found["goal"] = table.goals.get(column)
        found["best"] = cells.strict(table.best.get(column, MISSING))
    return found


def _group(group: Group) -> dict[str, object]:
    row = group.baseline
    return {
        "name": row.name,
        "commit": row.commit,
        **_measured(row),
        "experiments": [_experiment(one) for one in group.rows],
    }


def _experiment(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "commit": row.commit or None,
        "state": row.state,
        "made_at_s": row.made_at_s,
        "duration_s": row.duration_s,
        "subject": row.subject,
        "sweep": row.sweep or None,
        "stages": list(row.stages),
        "changed": list(row.changed),
        "overrides": {place: cells.strict(value) for place, value in row.overrides.items()},
        **_measured(row),
    }


def _measured(row: Row) -> dict[str, object]:
    return {
        "params": _by_file(row.findings.params),
        "metrics": _by_file(row.findings.metrics),
        "problems": list(row.findings.problems),
    }


def _by_file(values: Mapping[Place, object]) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for (file, key), value in values.items():
        found.setdefault(file, {})[key] = cells.strict(value)
    return found

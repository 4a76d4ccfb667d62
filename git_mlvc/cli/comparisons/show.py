"""`metrics show` and `params show`: what values there are, at each revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from git_mlvc.cli.comparisons import asked, declare, fitting, markdown
from git_mlvc.cli.comparisons.declare import CSV, JSON, MARKDOWN, Files, Form, Subject
from git_mlvc.cli.comparisons.figures import shortened, value_text
from git_mlvc.cli.comparisons.labels import Labels
from git_mlvc.cli.csv_form import csv_bytes

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.values_at import Reading
    from git_mlvc.pipeline.parameters.param_values import Value


def run(
    invocation: Invocation,
    subject: Subject,
    form: Form,
    *,
    revs: Sequence[str],
    files: Files,
    kinds: Sequence[str],
    only_changed: bool,
) -> int:
    """Show the values of all revisions that are named, else of the worktree; `kinds` as in `asked`.

    Returns the exit code.
    """
    output = invocation.output
    found = declare.readings(invocation, subject, asked.shown(invocation, revs, kinds), files)
    if form.kind == JSON:
        output.json(subject.verb, {"revisions": [_json(reading) for reading in found]})
    elif form.kind == CSV:
        output.data(csv_bytes(_csv(found)))
    elif any(file.values for reading in found for file in reading.files):
        _show(output, subject, form, found, only_changed=only_changed)
    return declare.tell(output, subject, found, files)


# -- for people


def _show(
    output: Output, subject: Subject, form: Form, found: Sequence[Reading], *, only_changed: bool
) -> None:
    label = Labels(found)
    values = [
        {
            label(file.path, key): value
            for file in reading.files
            for key, value in file.values.items()
        }
        for reading in found
    ]
    keys = list(dict.fromkeys(key for one in values for key in one))
    if only_changed and len(found) > 1:
        keys = [key for key in keys if len({_text(one, key) for one in values}) > 1]
        if not keys:
            output.message(f"no {subject.noun} differs between these {len(found)} revisions")
            return
    is_marked = form.kind == MARKDOWN
    cut = str if is_marked else shortened

    def cell(one: Mapping[str, Value], key: str) -> str:
        return cut(value_text(one[key], form.digits)) if key in one else "-"

    if len(found) == 1:
        columns = [subject.noun, ">value"]
        rows = [[key, cell(values[0], key)] for key in keys]
    else:
        columns = ["revision", *(f">{key}" for key in keys)]
        rows = [
            [reading.name, *(cell(one, key) for key in keys)]
            for reading, one in zip(found, values, strict=True)
        ]
    is_wide = not is_marked and not fitting.fits(columns, rows, output.width)
    if is_wide and 1 < len(found) < len(keys):
        columns, rows = _turned(subject, columns, rows)
    if is_marked:
        for line in markdown.table(columns, rows):
            output.line(line)
        return
    for part, (names, cells) in enumerate(fitting.blocks(columns, rows, output.width)):
        if part:
            output.line()
        output.table(names, cells)


def _turned(
    subject: Subject, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Return the table with a row for each value: where there is no room for a column each."""
    keys = [name.removeprefix(">") for name in columns[1:]]
    return [subject.noun, *(f">{row[0]}" for row in rows)], [
        [key, *(row[at] for row in rows)] for at, key in enumerate(keys, start=1)
    ]


def _text(values: Mapping[str, Value], key: str) -> str | None:
    return value_text(values[key], None) if key in values else None


# -- for programs


def _json(reading: Reading) -> Mapping[str, object]:
    return {
        "rev": reading.rev,
        "commit": reading.commit or None,
        "files": [
            {
                "path": file.path,
                "values": [
                    {
                        "key": key,
                        "value": declare.json_value(value),
                        "text": value_text(value, None),
                        "goal": file.goals.get(key),
                    }
                    for key, value in file.values.items()
                ],
            }
            for file in reading.files
        ],
        "missing": reading.missing,
        "errors": [{"what": one.what, "why": one.why} for one in reading.failures],
    }


def _csv(found: Sequence[Reading]) -> list[list[str]]:
    places = dict.fromkeys(
        (file.path, key) for reading in found for file in reading.files for key in file.values
    )
    rows = [["revision", "commit", *(f"{path}:{key}" for path, key in places)]]
    for reading in found:
        values = {
            (file.path, key): one for file in reading.files for key, one in file.values.items()
        }
        cells = [value_text(values[at], None) if at in values else "" for at in places]
        rows.append([reading.name, reading.commit, *cells])
    return rows

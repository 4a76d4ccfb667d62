"""What `metrics` and `params` ask for in common: revisions, files, and how to answer."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from git_mlvc.cli import namesakes
from git_mlvc.cli.comparisons.figures import DIGITS
from git_mlvc.cli.options import Function, help_text
from git_mlvc.errors import ExitCode, MlvcError, UsageError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.values_at import Reading
    from git_mlvc.pipeline.parameters.param_values import Value
    from git_mlvc.pipeline.revision import At, Revisions
    from git_mlvc.repo_path import RepoPath

TABLE, JSON, MARKDOWN, CSV = "table", "json", "md", "csv"
Read = Callable[["At", Sequence["RepoPath"]], "Reading"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verb is about: its name, one of it, how it is read, and what to do where none is declared."""

    verb: str
    noun: str
    read: Read
    declare: str


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer: TABLE, JSON, MARKDOWN or CSV; numbers with so many significant digits."""

    kind: str
    digits: int = DIGITS


@dataclass(frozen=True, slots=True)
class Files:
    """Which files to read, those that are declared unless some are named; and whether to fetch what is not here."""

    paths: Sequence[str]
    fetches: bool


def command(name: str, summary: str, doc: str, example: str) -> Callable[[Function], click.Command]:
    """Declare the click command of a sub-command."""

    def made(function: Function) -> click.Command:
        text = help_text(summary, doc, example)
        return click.command(name, short_help=summary, help=text)(click.pass_obj(function))

    return made


def common_options(function: Function) -> Function:
    """Add --path, --fetch and the forms of an answer; the function gets `paths`, `fetches`, and what `form` takes."""
    options = (
        click.option(
            "--path",
            "paths",
            multiple=True,
            metavar="PATH",
            help="Only this file, or those in this directory; it need not be declared. Can be repeated.",
        ),
        click.option(
            "--fetch",
            "fetches",
            is_flag=True,
            help="Fetch the data of these files where it is not here.",
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON value (docs/reference/json.md)."
        ),
        click.option("--md", "as_md", is_flag=True, help="A Markdown table, for a pull request."),
        click.option("--csv", "as_csv", is_flag=True, help="CSV, with all digits."),
        click.option(
            "--precision",
            type=click.IntRange(1, 17),
            default=DIGITS,
            show_default=True,
            metavar="N",
            help="Significant digits in tables and Markdown.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def form(*, as_json: bool, as_md: bool, as_csv: bool, precision: int) -> Form:
    """Raises UsageError where two forms are asked for."""
    kinds = [kind for kind, on in ((JSON, as_json), (MARKDOWN, as_md), (CSV, as_csv)) if on]
    if len(kinds) > 1:
        raise UsageError(
            f"--{kinds[0]} and --{kinds[1]} are two forms of one answer", hint="take one of them"
        )
    return Form(kinds[0] if kinds else TABLE, precision)


def readings(
    invocation: Invocation, subject: Subject, revs: Iterable[str | None], files: Files
) -> list[Reading]:
    """Read what is asked for at each revision. Raises UsageError for an unknown one."""
    from git_mlvc.pipeline.revision import Revisions
    from git_mlvc.worktree.selection import Selection

    workspace = invocation.workspace
    raw = Selection.parse(files.paths, invocation.prefix).patterns if files.paths else ()
    wanted = [_path(one) for one in raw]
    fetch = workspace.fetcher(invocation.output.progress) if files.fetches else None
    with Revisions(workspace.repository, workspace.store, fetch=fetch) as revisions:
        places = [_at(revisions, rev, invocation, subject) for rev in revs]
        namesakes.tell(invocation.output, revisions)
        return [subject.read(at, wanted) for at in places]


def _path(raw: bytes) -> RepoPath:
    from git_mlvc.repo_path import RepoPath

    if not raw:
        raise UsageError("--path names a file, or a directory below the top")
    return RepoPath(raw)


def _at(revisions: Revisions, rev: str | None, invocation: Invocation, subject: Subject) -> At:
    try:
        return revisions.at(rev)
    except UsageError as exc:
        if rev and (invocation.cwd / rev).is_file():
            exc.why = "it is a file, not a revision"
            exc.hint = f"git mlvc {subject.verb} show --path {shlex.quote(rev)}"
        raise


def tell(output: Output, subject: Subject, found: Sequence[Reading], files: Files) -> int:
    """Say what could not be read, or why there is nothing; return the exit code."""
    from git_mlvc.pipeline.revision import MissingData

    is_named = bool(files.paths)  # then they should be somewhere
    code = ExitCode.OK
    for reading in found:
        for failure in reading.failures:
            hint = failure.hint
            if isinstance(failure, MissingData) and not files.fetches:
                hint = f"add --fetch, or: {hint}"
            output.error(_where(reading, failure), why=failure.why, hint=hint)
            code = code or failure.exit_code
    if all(reading.is_empty for reading in found):
        output.message(f"no {subject.verb} are declared")
        output.message(f"hint: {subject.declare}")
    there = {file.path for reading in found for file in reading.files}
    lacking = dict.fromkeys(path for one in found for path in one.missing)
    for path in lacking:
        where = [one.name for one in found if path in one.missing]
        if is_named and path not in there:
            output.error(
                f"there is no {path}", why=f"neither a file nor a directory in {' or '.join(where)}"
            )
            code = code or ExitCode.INPUT
        else:
            output.message(f"{path} is not there ({', '.join(where)})")
    if (
        subject.verb == "metrics"
        and not is_named
        and any(one.missing and one.rev is None for one in found)
    ):
        output.message("hint: git mlvc repro")
    return code


def _where(reading: Reading, failure: MlvcError) -> str:
    is_said = reading.rev is None or f" of {reading.rev} " in f"{failure.what} "
    return failure.what if is_said else f"{reading.rev}: {failure.what}"


# -- values for programs


def json_value(value: Value) -> Value:
    """Return a value as strict JSON holds it: what is no finite number is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [json_value(one) for one in value]
    if isinstance(value, dict):
        return {key: json_value(one) for key, one in value.items()}
    return value

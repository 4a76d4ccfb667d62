"""`git mlvc exp show`: the table of experiments."""

from __future__ import annotations

import csv
import time
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import UsageError
from git_mlvc.units import count_text, names_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.table import Table

_MOST_PROBLEMS = 5
_LONGEST_PROBLEM = 300
_MOST_NAMES = 8


@subcommand(
    "show",
    example="""\
    git mlvc exp show                                  # what was tried on HEAD, best first
    git mlvc exp show --all --sort -loss
    git mlvc exp show --filter 'metrics.acc > 0.9 and params.lr < 0.1' --only-changed
    git mlvc exp show --columns acc,lr,seed --md       # for a pull request
    git mlvc exp show --all --html > experiments.html""",
)
@click.argument("revs", nargs=-1, metavar="[REV]...")
@click.option("--all", "shows_all", is_flag=True, help="Every experiment, by baseline.")
@click.option(
    "--sort", default="", metavar="[-]METRIC", help="Best first by this; with '-' worst first."
)
@click.option(
    "--filter", "filter_", default="", metavar="EXPRESSION", help="Only those of which this holds."
)
@click.option("--only-changed", is_flag=True, help="Hide columns that are equal everywhere.")
@click.option(
    "--columns",
    default="",
    metavar="A,B,…",
    help="These columns, in this order; a glob (train.*) is fine.",
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Answer as CSV, with all digits.")
@click.option("--md", "as_md", is_flag=True, help="Answer as a table of Markdown.")
@click.option("--html", "as_html", is_flag=True, help="Answer as one HTML page.")
def show(
    invocation: Invocation,
    revs: tuple[str, ...],
    shows_all: bool,
    sort: str,
    filter_: str,
    only_changed: bool,
    columns: str,
    as_json: bool,
    as_csv: bool,
    as_md: bool,
    as_html: bool,
) -> None:
    """Shows the experiments that were made on HEAD, or on each REV: the baseline first, then best first by
    METRIC, by default the first one that has a goal in mlvc.toml: metrics = [{path = "metrics.json", goal = {loss =
    "min"}}]. Larger is better unless the goal says "min". A * marks the best value of each metric.

    A column is called by its key where that is unique (loss, train.lr), else metrics.KEY, params.KEY or FILE:KEY;
    every experiment has name, state, duration (in seconds), made, commit, sweep and subject. An EXPRESSION has
    < <= > >= == != ~ (a glob on a text), in [..], and, or, not, ( ), numbers, and texts in quotes. What is
    missing makes a comparison false.

    On a terminal that is too narrow columns are left out, and named below.
    """
    from git_mlvc.experiments import listing
    from git_mlvc.experiments.table import Choice, make

    if sum((as_json, as_csv, as_md, as_html)) > 1:
        raise UsageError("--json, --csv, --md and --html exclude each other")
    if shows_all and revs:
        raise UsageError("--all shows every experiment, and takes no REV")
    workspace, output = invocation.workspace, invocation.output
    found = listing.collect(
        workspace.repository,
        lambda: workspace.store,
        revs,
        shows_all=shows_all,
        now_s=time.time(),
        permissions=workspace.permissions,
    )
    choice = Choice(
        sort, filter_, only_changed, _words(columns), drops_empty=bool(filter_) and shows_all
    )
    table = make(found.groups, choice)
    if as_json:
        from git_mlvc.cli.experiments.table_fields import fields

        output.json("experiments", fields(table, found.others))
    elif as_csv:
        from git_mlvc.cli.experiments.table_fields import csv_table

        output.data(csv_table(table))
    elif as_md:
        from git_mlvc.cli.experiments.table_markdown import markdown

        for line in markdown(table):
            output.line(line)
    elif as_html:
        from git_mlvc.cli.experiments.table_page import page

        output.data(page(table).encode("utf-8", "replace"))
    else:
        _draw(invocation, table)
    if not as_json:
        _remark(output, table, found.others, is_chosen=bool(revs))


def _words(text: str) -> tuple[str, ...]:
    """Cut a list at its commas; a name with a comma in it stands in quotes, as in CSV."""
    words = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(word.strip() for word in words if word.strip())


def _draw(invocation: Invocation, table: Table) -> None:
    from git_mlvc.cli.experiments.table_lines import Style, draw

    output = invocation.output
    is_coloured = output.width is not None and not invocation.environment.get("NO_COLOR")
    bold, plain = ("\x1b[1;32m", "\x1b[0m") if is_coloured else ("", "")
    drawn = draw(table, Style(output.width, output.can_draw, bold, plain))
    for line in drawn.lines:
        output.line(line)
    output.flush()
    if drawn.left_out:
        names = [table.known.label(column) for column in drawn.left_out]
        output.message(
            f"left out, there is no room: {names_text(names, most=_MOST_NAMES, noun='column')}"
            " (--columns chooses, --only-changed hides)"
        )


def _remark(output: Output, table: Table, others: int, *, is_chosen: bool) -> None:
    """Say beside the answer how it is sorted, what is hidden, and what could not be read."""
    from git_mlvc.cli.experiments.cells import text
    from git_mlvc.text_width import cut, shown

    rows = [*table.rows]
    if table.hidden:
        equal = [
            f"{table.known.label(column)}={text(column, rows[0].value(column))}"
            for column in table.hidden
        ]
        output.message(f"equal everywhere: {names_text(equal, most=_MOST_NAMES, noun='column')}")
    if table.sorted_by is not None and any(len(group.rows) > 1 for group in table.groups):
        output.message(f"sorted by {_order(table)}{'; * is best' if table.best else ''}")
    problems = [(row.name, problem) for row in rows for problem in row.findings.problems]
    for name, problem in problems[:_MOST_PROBLEMS]:
        first, _, _ = problem.partition("\n")  # `exp logs` has the rest
        output.message(f"{shown(name)}: {cut(shown(first), _LONGEST_PROBLEM)}")
    if len(problems) > _MOST_PROBLEMS:
        output.message(f"and {count_text(len(problems) - _MOST_PROBLEMS, 'more problem')}: --json")
    if others:
        where = "not shown" if is_chosen else "on other commits"
        more = count_text(others, "more experiment")
        output.message(f"{more} {where}: git mlvc exp show --all")
    elif not any(group.rows for group in table.groups):
        output.message("no experiments yet: git mlvc exp run")


def _order(table: Table) -> str:
    from git_mlvc.experiments.columns import Kind

    column = table.sorted_by
    assert column is not None
    label = table.known.label(column)
    if column.kind is not Kind.METRIC:
        return f"{label}, {'largest' if table.is_reversed else 'smallest'} first"
    goal = table.goals.get(column)
    said = f"goal {goal}" if goal else "the larger the better, as no goal says otherwise"
    return f"{label}, {'worst' if table.is_reversed else 'best'} first ({said})"

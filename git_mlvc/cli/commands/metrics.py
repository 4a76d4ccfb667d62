"""`git mlvc metrics`: the numbers that say how good a result is, at any revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from git_mlvc.cli.comparisons.declare import Subject
from git_mlvc.cli.comparisons.group import diff_of, show_of
from git_mlvc.cli.options import help_text
from git_mlvc.cli.registry import VERBS

if TYPE_CHECKING:
    from git_mlvc.experiments.values_at import Reading
    from git_mlvc.pipeline.revision import At
    from git_mlvc.repo_path import RepoPath


def _read(at: At, paths: Sequence[RepoPath]) -> Reading:
    from git_mlvc.experiments import values_at

    return values_at.metrics(at, paths)


_SUBJECT = Subject(
    "metrics",
    "metric",
    _read,
    'name them in a stage of mlvc.toml: metrics = ["metrics.json"]; or --path FILE',
)


@click.group(
    "metrics",
    invoke_without_command=True,
    short_help=VERBS["metrics"].summary,
    help=help_text(
        VERBS["metrics"].summary,
        "Metrics are the numbers of the files that stages name in `metrics`: JSON, TOML, YAML, CSV or TSV. Where no"
        " stage names any, metrics.json (.toml, .yaml, .csv) at the top counts.",
        "git mlvc metrics show --all-branches\ngit mlvc metrics diff main",
    ),
)
@click.pass_context
def metrics(context: click.Context) -> int | None:
    """Without a sub-command: show."""
    if context.invoked_subcommand is None:
        return cast("int", context.invoke(_SHOW))
    return None


_SHOW = show_of(
    _SUBJECT,
    "Tables in a file are flattened to dotted keys, lists by index (val.acc, per_class.0); of a CSV the last"
    " value of each column counts. Texts, true and false are no metrics.",
    "git mlvc metrics show\ngit mlvc metrics show v1.0 HEAD . --csv\n"
    "git mlvc metrics show --path results/scores.json",
)
_DIFF = diff_of(
    _SUBJECT,
    "The percentage is of the old value's size. Better or worse is told where the stage has a `goal` for the"
    ' metric: metrics = [{path = "metrics.json", goal = {loss = "min"}}].',
    "git mlvc metrics diff\ngit mlvc metrics diff main HEAD --md",
)

for _command in (_SHOW, _DIFF):
    metrics.add_command(_command)

"""`git mlvc params`: the parameters that stages read, at any revision."""

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

    return values_at.params(at, paths)


_SUBJECT = Subject(
    "params",
    "param",
    _read,
    'name them in a stage of mlvc.toml: params = ["train.lr"]; or --path FILE',
)
_WHAT = (
    "Parameters are the values that stages name in `params` or by `${…}`, and what a script has logged as such. Where"
    " there are none, all values of params.toml (.yaml, .json) at the top count."
)


@click.group(
    "params",
    invoke_without_command=True,
    short_help=VERBS["params"].summary,
    help=help_text(
        VERBS["params"].summary, _WHAT, "git mlvc params show\ngit mlvc params diff main"
    ),
)
@click.pass_context
def params(context: click.Context) -> int | None:
    """Without a sub-command: show."""
    if context.invoked_subcommand is None:
        return cast("int", context.invoke(_SHOW))
    return None


_SHOW = show_of(
    _SUBJECT,
    "A table is shown value by value, a list as one.",
    "git mlvc params show\ngit mlvc params show --all-tags --only-changed\n"
    "git mlvc params show --path params.toml",
)
_DIFF = diff_of(
    _SUBJECT,
    "A table is compared value by value, a list as one.",
    "git mlvc params diff\ngit mlvc params diff v1.0 brave-owl --md",
)

for _command in (_SHOW, _DIFF):
    params.add_command(_command)

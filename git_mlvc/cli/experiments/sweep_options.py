"""The options of `git mlvc exp run` by which one command line makes many experiments, or leaves them to workers."""

from __future__ import annotations

from dataclasses import dataclass

import click

from git_mlvc.cli.options import Function
from git_mlvc.errors import UsageError

_OPTIONS = (
    click.option(
        "--random",
        "random_count",
        type=click.IntRange(1),
        metavar="N",
        help="Of all points of a sweep, N drawn at random.",
    ),
    click.option(
        "--optuna",
        "optuna_count",
        type=click.IntRange(1),
        metavar="N",
        help="Search for the best point with Optuna, in N experiments.",
    ),
    click.option("--maximize", metavar="METRIC", help="With --optuna: what is to become large."),
    click.option("--minimize", metavar="METRIC", help="With --optuna: what is to become small."),
    click.option(
        "--seed",
        type=click.IntRange(0),
        metavar="N",
        help="With --random and --optuna: another seed draws other points (0).",
    ),
    click.option("--queue", "is_queued", is_flag=True, help="Leave it to `git mlvc exp start`."),
)


@dataclass(frozen=True, slots=True)
class Many:
    """What these options say."""

    random_count: int | None
    optuna_count: int | None
    maximize: str | None
    minimize: str | None
    seed: int | None
    is_queued: bool

    @property
    def is_search(self) -> bool:
        return self.random_count is not None or self.optuna_count is not None

    def check(self, *, is_sweep: bool, jobs: int) -> None:
        """Raises UsageError for options that do not go together."""
        goals = [goal for goal in (self.maximize, self.minimize) if goal is not None]
        if self.random_count is not None and self.optuna_count is not None:
            raise UsageError("--random and --optuna exclude each other")
        if self.is_search and not is_sweep:
            raise UsageError(
                "there is nothing to choose from",
                why="no -S gives more than one value",
                hint="-S train.lr=0.1,0.01 or -S 'train.lr=loguniform(1e-5,1e-1)'",
            )
        if self.optuna_count is not None and len(goals) != 1:
            raise UsageError(
                "--optuna needs to know what is best",
                hint="one of --maximize METRIC, --minimize METRIC",
            )
        if self.optuna_count is None and goals:
            raise UsageError("--maximize and --minimize go with --optuna N")
        if self.seed is not None and not self.is_search:
            raise UsageError(
                "--seed goes with --random and --optuna", hint="a parameter is set with -S seed=3"
            )
        if self.is_queued and self.optuna_count is not None:
            raise UsageError(
                "--optuna cannot be queued", why="each point is chosen by what came of those before"
            )
        if self.is_queued and is_sweep and jobs > 1:
            raise UsageError(
                "-j says how many experiments of a sweep run at once, and a queue has its workers for that",
                hint=f"leave it out here, then: git mlvc exp start -j {jobs}",
            )


def sweep_options(function: Function) -> Function:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function

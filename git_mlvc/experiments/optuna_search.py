"""A search for the best point with Optuna, which is an optional extra and imported when it is used.

Its study lives in memory only: what is known of it are the experiments of the sweep and their metrics, so that
an interrupted search goes on from them, wherever they were made.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from git_mlvc.errors import UsageError
from git_mlvc.experiments.sweep import Choices, Dimension, canonical

if TYPE_CHECKING:
    from git_mlvc.experiments.sweeping import Point

INSTALL = "pip install 'git-mlvc[optuna]'"


class OptunaSearch:
    """`sweeping.Search`: up to `wanted` points, each chosen by what came of those before it.

    `dimensions`: what is varied. `metric_of`: the number to be the largest or smallest, of a commit; None if it
    has none: then the point counts as failed. `seed`: the same one searches the same way.
    """

    def __init__(
        self,
        dimensions: Mapping[str, Dimension],
        wanted: int,
        metric_of: Callable[[str], float | None],
        *,
        is_maximized: bool,
        seed: int,
    ) -> None:
        self._optuna = _imported()
        self._dimensions = dimensions
        self._left = wanted
        self._metric_of = metric_of
        self._is_maximized = is_maximized
        self._seed = seed
        self._study: Any = None
        self._distributions = {key: self._distribution(one) for key, one in dimensions.items()}
        self._trials: dict[int, Any] = {}
        self._earlier: list[tuple[int, Point, str]] = []
        self._last_number = 0

    def goes_on_from(self, number: int, point: Point, commit: str) -> None:
        """An experiment of the sweep is there already; it counts as one of those wanted. Before the first `ask`."""
        self._earlier.append((number, point, commit))

    def ask(self) -> tuple[int, Point] | None:
        if self._study is None:
            self._begin()
        if self._left <= 0:
            return None
        self._left -= 1
        self._last_number += 1
        trial = self._study.ask(self._distributions)
        self._trials[self._last_number] = trial
        return self._last_number, self._point(trial.params)

    def tell(self, number: int, commit: str) -> None:
        trial = self._trials.pop(number)
        value = self._metric_of(commit) if commit else None
        if value is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, value)

    # -- inside

    def _begin(self) -> None:
        optuna = self._optuna
        # With the same seed again it would ask again what it asked at first.
        seed = self._seed + len(self._earlier)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own options, that they are experimental
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        direction = "maximize" if self._is_maximized else "minimize"
        self._study = optuna.create_study(sampler=sampler, direction=direction)
        for number, point, commit in sorted(self._earlier, key=lambda one: one[0]):
            self._left -= 1
            self._last_number = max(self._last_number, number)
            value = self._metric_of(commit)
            if value is None or not self._holds(point):
                continue
            self._study.add_trial(
                optuna.trial.create_trial(
                    params={key: self._given(key, point[key]) for key in self._dimensions},
                    distributions=self._distributions,
                    value=value,
                )
            )

    def _distribution(self, one: Dimension) -> Any:
        kinds = self._optuna.distributions
        if isinstance(one, Choices):
            return kinds.CategoricalDistribution([canonical(value) for value in one.values])
        if one.is_whole:
            return kinds.IntDistribution(int(one.low), int(one.high), log=one.is_log)
        return kinds.FloatDistribution(one.low, one.high, log=one.is_log)

    def _point(self, params: Mapping[str, Any]) -> Point:
        """Categories are told to Optuna as texts of JSON: it knows no lists and no tables."""
        return {
            key: json.loads(value) if isinstance(self._dimensions[key], Choices) else value
            for key, value in params.items()
        }

    def _given(self, key: str, value: object) -> object:
        return canonical(value) if isinstance(self._dimensions[key], Choices) else value

    def _holds(self, point: Point) -> bool:
        return all(
            key in point and self._distributions[key]._contains(self._inner(key, point[key]))
            for key in self._dimensions
        )

    def _inner(self, key: str, value: object) -> Any:
        return self._distributions[key].to_internal_repr(self._given(key, value))


def _imported() -> Any:
    try:
        import optuna
    except ImportError as exc:
        raise UsageError(
            "--optuna needs Optuna, which is not installed",
            hint=f"{INSTALL}, or --random N, which needs nothing",
        ) from exc
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna

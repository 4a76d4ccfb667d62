"""A callback for XGBoost: `xgboost.train(…, callbacks=[Callback()])`, and for its scikit-learn classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from git_mlvc.log.libraries import imported
from git_mlvc.log.names import fitting
from git_mlvc.log.runs import Run, current


class LoggingToFiles:
    """What is ours in `Callback`; the rest is XGBoost's."""

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._run = run

    def after_iteration(
        self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, list[Any]]]
    ) -> bool:
        run = self._run or current()
        # Going on with a model (`xgb_model`) it counts from 0 again; the model's own rounds go on.
        epoch = model.num_boosted_rounds() - 1
        for data, metrics in evals_log.items():
            for metric, history in metrics.items():
                name = fitting(f"{data}/{metric}")
                value = history[-1]
                if isinstance(value, tuple):  # of `cv`: mean and standard deviation over the folds
                    value, deviation = value
                    run.metric(f"{name}-std", deviation, epoch)
                run.metric(name, value, epoch)
        return False  # go on

    def after_training(self, model: Any) -> Any:
        (self._run or current()).flush()
        return model


def __getattr__(name: str) -> Any:
    if name != "Callback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base = imported("xgboost.callback").TrainingCallback
    made = type(name, (LoggingToFiles, base), {"__module__": __name__})
    globals()[name] = made
    return made

"""A callback for LightGBM: `lightgbm.train(…, callbacks=[Callback()])`, and for its scikit-learn classes.

LightGBM takes anything that can be called; nothing of it is imported.
"""

from __future__ import annotations

from typing import Any

from git_mlvc.log.names import fitting
from git_mlvc.log.runs import Run, current


class Callback:
    """Logs each result of an evaluation: training/l2, valid_0/auc; of `cv` also the deviation, valid/l2-std."""

    order = 15  # before early stopping (30), which ends the round by an exception
    before_iteration = False

    def __init__(self, run: Run | None = None) -> None:
        self._run = run

    def __call__(self, env: Any) -> None:
        run = self._run or current()
        for data, metric, value, _, *deviation in env.evaluation_result_list or ():
            name = fitting(f"{data}/{metric}")
            run.metric(name, value, env.iteration)
            if deviation and deviation[0] is not None:
                run.metric(f"{name}-std", deviation[0], env.iteration)

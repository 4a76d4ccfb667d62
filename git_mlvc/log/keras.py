"""A callback for Keras: `model.fit(…, callbacks=[Callback()])`; for Keras 3, and for the one in TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from git_mlvc.log.libraries import imported, log_all
from git_mlvc.log.runs import Run, current
from git_mlvc.log.scalars import plain_where_possible

# Of all that an optimizer has as configuration, what it is tuned by.
_TUNED = (
    "name",
    "learning_rate",
    "weight_decay",
    "momentum",
    "nesterov",
    "rho",
    "beta_1",
    "beta_2",
    "epsilon",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "gradient_accumulation_steps",
)


class LoggingToFiles:
    """What is ours in `Callback`; the rest is Keras's."""

    params: Mapping[str, Any] | None  # of `fit`; set by Keras, as `model` is
    model: Any

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._run = run

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        fit = self.params or {}
        optimizer = getattr(self.model, "optimizer", None)
        config = optimizer.get_config() if optimizer is not None else {}
        given = {
            "epochs": fit.get("epochs"),
            "steps_per_epoch": fit.get("steps"),
            "optimizer": {one: config[one] for one in _TUNED if config.get(one) is not None},
        }
        (self._run or current()).params(plain_where_possible(given))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        log_all(self._run or current(), logs or {}, epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        (self._run or current()).flush()


def __getattr__(name: str) -> Any:
    if name != "Callback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    is_tensorflows = "keras" not in sys.modules and "tensorflow" in sys.modules
    library = imported("tensorflow").keras if is_tensorflows else imported("keras")
    made = type(name, (LoggingToFiles, library.callbacks.Callback), {"__module__": __name__})
    globals()[name] = made
    return made

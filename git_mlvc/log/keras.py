"""A callback for Keras: `model.fit(…, callbacks=[Callback()])`; for Keras 3, and for the one in TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from git_mlvc.log.names import fitting
from git_mlvc.log.runs import Run, current


class LoggingToFiles:
    """What is ours in `Callback`; the rest is Keras's."""

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._run = run

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        for name, value in (logs or {}).items():
            (self._run or current()).metric(fitting(name), value, epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        (self._run or current()).flush()


def __getattr__(name: str) -> Any:
    if name != "Callback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    is_tensorflows = "keras" not in sys.modules and "tensorflow" in sys.modules
    library = import_module("tensorflow").keras if is_tensorflows else import_module("keras")
    made = type(name, (LoggingToFiles, library.callbacks.Callback), {"__module__": __name__})
    globals()[name] = made
    return made

"""A logger for PyTorch Lightning: `Trainer(logger=Logger())`.

Both packages are taken, `lightning` and `pytorch_lightning`: the one that the script has imported.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from git_mlvc.log.libraries import imported, log_all
from git_mlvc.log.runs import Run, current
from git_mlvc.log.scalars import plain_where_possible

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


class LoggingToFiles:
    """What is ours in `Logger`; the rest is Lightning's."""

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self._run = run

    def __getstate__(self) -> dict[str, Any]:
        """For the processes that a strategy like ddp_spawn starts: they log where this one does."""
        return {**vars(self), "_run": self.experiment}

    @property
    def experiment(self) -> Run:
        return self._run or current()

    # Lightning puts its checkpoints below: DIR/checkpoints.
    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.experiment.dir)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        log_all(self.experiment, metrics, step)

    def log_hyperparams(self, params: Any, *args: Any, **options: Any) -> None:
        table = params if isinstance(params, Mapping) else vars(params)
        self.experiment.params(plain_where_possible(table))

    def save(self) -> None:
        self.experiment.flush()

    def finalize(self, status: str) -> None:
        self.experiment.flush()


def __getattr__(name: str) -> Any:
    if name != "Logger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package = next((one for one in _PACKAGES if one in sys.modules), None) or _installed()
    base = imported(f"{package}.loggers", "lightning").Logger
    only_first = imported(f"{package}.utilities").rank_zero_only
    writing = ("log_metrics", "log_hyperparams", "save", "finalize")
    methods = {one: only_first(getattr(LoggingToFiles, one)) for one in writing}
    made = type(name, (LoggingToFiles, base), {**methods, "__module__": __name__})
    globals()[name] = made
    return made


def _installed() -> str:
    return next((one for one in _PACKAGES if find_spec(one.partition(".")[0])), _PACKAGES[0])

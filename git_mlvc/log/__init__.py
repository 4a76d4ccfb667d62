"""What a training script imports to have its numbers read by `git mlvc metrics`, `plots` and `exp show`.

    from git_mlvc import log

    log.params({"lr": 0.1})
    for epoch in range(10):
        log.metric("loss", train(), step=epoch)

It writes plain files (see `writer`) and needs nothing but Python. Callbacks for training libraries are the modules
`lightning`, `keras`, `transformers`, `xgboost`, `lightgbm` and `sklearn`; none imports its library before it is used.
The guide: docs/guide/logging.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from git_mlvc.log.runs import Run, begin, current

__all__ = ["Run", "artifact", "flush", "image", "metric", "metrics", "params", "run", "table"]

_FOR_LIBRARIES = ("keras", "lightgbm", "lightning", "sklearn", "transformers", "xgboost")


def run(
    dir: str | os.PathLike[str] | None = None,
    *,
    resume: bool | int = False,
    all_ranks: bool = False,
) -> Run:
    """Begin a run: `with log.run() as run: run.metric(…)`. Until it ends, `log.metric` and the others mean it.

    `dir`: where the files go; without it $MLVC_LOG_DIR, or the current directory.
    `resume`: True goes on with what an earlier run has logged there, a step keeps of it the rows up to that step.
    Otherwise metrics of an earlier run are replaced. What another process is logging there right now is joined.
    `all_ranks`: log in each of several equal processes, and not in the first one only.
    """
    return begin(dir, resume=resume, all_ranks=all_ranks)


def metric(name: str, value: Any, step: Any = None, *, plot: bool = True) -> None:
    """As `Run.metric`."""
    current().metric(name, value, step, plot=plot)


def metrics(values: Mapping[str, Any], step: Any = None, *, plot: bool = True) -> None:
    """As `Run.metrics`."""
    current().metrics(values, step, plot=plot)


def params(params: Mapping[str, Any]) -> None:
    """As `Run.params`."""
    current().params(params)


def image(name: str, image: Any, step: Any = None) -> None:
    """As `Run.image`."""
    current().image(name, image, step)


def table(name: str, columns: Mapping[str, Iterable[Any]]) -> None:
    """As `Run.table`."""
    current().table(name, columns)


def artifact(path: str | os.PathLike[str], name: str | None = None) -> Path:
    """As `Run.artifact`."""
    return current().artifact(path, name)


def flush() -> None:
    """As `Run.flush`."""
    current().flush()


def __getattr__(name: str) -> ModuleType:
    """`log.sklearn` and its like, imported when they are asked for."""
    if name in _FOR_LIBRARIES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

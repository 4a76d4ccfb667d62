"""What the callbacks share: importing their library, and logging what it hands on under names of its own."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from git_mlvc.log.names import fitting
from git_mlvc.log.runs import Run
from git_mlvc.log.scalars import number

_MOST_PARTS = 1000  # of one metric: a value for each class, not a tensor of weights


def imported(name: str, package: str | None = None) -> Any:
    """Return a module of a library. Raises ModuleNotFoundError that names what has to be installed."""
    package = package or name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{name}.".startswith(f"{exc.name}."):
            raise  # the library is there, and misses something of its own
        raise ModuleNotFoundError(
            f"No module named {exc.name!r}: this callback is for a library that this Python does not have. "
            f"Install it: pip install {package}",
            name=exc.name,
        ) from None


def log_all(run: Run, values: Mapping[str, Any], step: int | None) -> None:
    """Log what can be logged; an array of one dimension as NAME/0, NAME/1…, a table as a group.

    Texts and other things that libraries put among their metrics are left out: a training of hours does not end for one.
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            log_all(run, {f"{name}/{key}": one for key, one in value.items()}, step)
        elif getattr(value, "ndim", 0) == 1 and len(value) > 1:
            if len(value) <= _MOST_PARTS:
                log_all(run, {f"{name}/{place}": one for place, one in enumerate(value)}, step)
        elif (one := _number(name, value)) is not None:
            run.metric(fitting(name), one, step)


def _number(name: str, value: Any) -> int | float | None:
    try:
        return int(value) if isinstance(value, bool) else number(name, value)
    except (TypeError, ValueError):
        return None

"""Several `-S KEY=VALUE`: which parameters are set to one value, and which are varied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from git_mlvc.experiments import assignment, overrides, sweep
from git_mlvc.experiments.overrides import Parameters
from git_mlvc.experiments.sweep import Dimension
from git_mlvc.pipeline.model import Param


@dataclass(frozen=True, slots=True)
class Assigned:
    """`fixed`: "FILE:KEY" -> value; `varied`: "FILE:KEY" -> its values, in the order in which they were given."""

    fixed: dict[str, object] = field(default_factory=dict)
    varied: dict[str, Dimension] = field(default_factory=dict)


def assigned(parameters: Parameters, assignments: Iterable[str]) -> Assigned:
    """Read them; of two for one key, the last counts. Raises UsageError, ConfigError."""
    found = Assigned()
    for text in assignments:
        key, typed = assignment.split(text)
        param = parameters.find(key)
        name = overrides.written(param)
        found.fixed.pop(name, None)
        found.varied.pop(name, None)
        if sweep.is_several(typed):
            found.varied[name] = sweep.dimension(typed, _Fit(parameters, param), key)
        else:
            found.fixed[name] = parameters.fitting(param, typed)
    return found


class _Fit:
    """`sweep.Fit` of a parameter."""

    def __init__(self, parameters: Parameters, param: Param) -> None:
        self._parameters = parameters
        self._param = param

    @property
    def is_whole(self) -> bool:
        current = self._parameters.current(self._param)
        return isinstance(current, int) and not isinstance(current, bool)

    def text(self, typed: str) -> object:
        return self._parameters.fitting(self._param, typed)

    def value(self, value: object) -> object:
        return self._parameters.suited(self._param, value)

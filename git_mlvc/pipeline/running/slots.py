"""Which of the ready stages may start: at most so many at once, and each resource within its slots. Pure.

A resource of which git's configuration does not say how much there is has one slot: two stages that ask
for a graphics card never share one by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.model import Stage

UNCONFIGURED_SLOTS = 1


@dataclass(frozen=True, slots=True)
class Admitted:
    """A stage that may start now. `slots`: by `resource_name`, the numbers, from 0, that are its own until
    it ends.
    """

    stage: Stage
    slots: Mapping[str, tuple[int, ...]]


class Slots:
    """Hands out places; whoever got one gives it back by the stage's address.

    `jobs`: how many stages may run at once, at least 1. `resources`: how many slots each resource has on
    this machine, by the name that `resource_name` gives it.
    """

    def __init__(self, jobs: int, resources: Mapping[str, int]) -> None:
        if jobs < 1:
            raise ValueError(f"{jobs} stages at once is none at all")
        self._jobs = jobs
        self._resources = resources
        self._held: dict[str, dict[str, tuple[int, ...]]] = {}

    def check(self, stages: Iterable[Stage]) -> None:
        """Raises ConfigError if a stage asks for more than there is: it could never start."""
        for stage in stages:
            for name, count in _asked(stage).items():
                if count > self._total(name):
                    raise self._refusal(stage, name, count)

    def choose(self, ready: Sequence[Stage]) -> list[Admitted]:
        """Take places for those that may start now, the first first.

        One that has to wait for a resource keeps later ones from taking it away: it would wait for ever
        if it needs two slots and others take one at a time.
        """
        admitted = []
        spoken_for: set[str] = set()
        for stage in ready:
            if len(self._held) >= self._jobs:
                break
            asked = _asked(stage)
            free = {name: self._free(name) for name in asked}
            if spoken_for & asked.keys() or any(len(free[n]) < c for n, c in asked.items()):
                spoken_for |= asked.keys()
                continue
            slots = {name: tuple(free[name][:count]) for name, count in asked.items()}
            self._held[stage.address] = slots
            admitted.append(Admitted(stage, slots))
        return admitted

    def give_back(self, address: str) -> None:
        del self._held[address]

    def _total(self, name: str) -> int:
        return self._resources.get(name, UNCONFIGURED_SLOTS)

    def _free(self, name: str) -> list[int]:
        taken = {number for held in self._held.values() for number in held.get(name, ())}
        return [number for number in range(self._total(name)) if number not in taken]

    def _refusal(self, stage: Stage, name: str, count: int) -> ConfigError:
        total = self._total(name)
        known = name in self._resources
        there = (
            f"this machine has {total}" if known else "nobody has said that there is more than 1"
        )
        return ConfigError(
            f"stage '{stage.address}' asks for {count} slots of the resource '{name}': {there}",
            why=f"{stage.file}, line {stage.line}",
            hint=f"git config mlvc.resources.{name} {count}, if the machine has that many",
        )


def resource_name(name: str) -> str:
    """Return the name as git's configuration can hold it: lower case, `-` in the place of `_`."""
    return name.lower().replace("_", "-")


def _asked(stage: Stage) -> dict[str, int]:
    return {resource_name(name): count for name, count in stage.resources.items() if count}

"""Which of the ready stages may start: at most so many at once, and each resource within its slots. Pure.

A resource of which git's configuration does not say how much there is has one slot: two stages that ask
for a graphics card never share one by mistake.

Whoever waits for slots keeps those that came later from taking them away, in this process and in others: else
one that needs two would wait for ever while others take one at a time. So the one that came first waits for
nothing but stages that run, and they end: nobody waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.model import Stage

UNCONFIGURED_SLOTS = 1
_NAMED = 3
Numbers = Mapping[str, tuple[int, ...]]
"""Slots: by `resource_name` their numbers, from 0, ascending."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A stage that may start now, with the slots that are its own until it ends."""

    stage: Stage
    slots: Numbers


@dataclass(frozen=True, slots=True)
class Wish:
    """A stage that waits for slots: how many of each resource, and since when (nanoseconds, of the clock)."""

    stage: str
    asked: Mapping[str, int]
    since_ns: int


@dataclass(frozen=True, slots=True)
class Claims:
    """What one process has, by stage, and what it waits for. `process` and `place` say who and where it is."""

    held: Mapping[str, Numbers]
    wishes: tuple[Wish, ...] = ()
    process: str = ""
    place: str = ""


class Slots:
    """Hands out places; whoever got one gives it back by the stage's address.

    `jobs`: how many stages may run at once, at least 1. `resources`: how many slots each resource has on
    this machine, by the name that `resource_name` gives it. `lent`: those of the stage that we run in, if we do.
    """

    def __init__(
        self, jobs: int, resources: Mapping[str, int], lent: Numbers | None = None
    ) -> None:
        if jobs < 1:
            raise ValueError(f"{jobs} stages at once is none at all")
        self._jobs = jobs
        self._resources = resources
        self._lent = lent or {}
        self._held: dict[str, Numbers] = {}
        self._since_ns: dict[str, int] = {}
        self._wishes: tuple[Wish, ...] = ()

    @property
    def claims(self) -> Claims:
        return Claims(dict(self._held), self._wishes)

    @property
    def is_full(self) -> bool:
        """True if as many stages run as may."""
        return len(self._held) >= self._jobs

    def check(self, stages: Iterable[Stage]) -> None:
        """Raises ConfigError if a stage asks for more than there is: it could never start."""
        for stage in stages:
            for name, count in asked(stage).items():
                if count > self._total(name):
                    raise self._refusal(stage, name, count)

    def choose(
        self, ready: Sequence[Stage], others: Sequence[Claims] = (), now_ns: int = 0
    ) -> list[Admitted]:
        """Take places for those that may start now: those that wait already, then the first first.

        Those that have to wait for slots, and not for one of our own places, are the wishes in `claims` then.
        """
        admitted = []
        wishes: list[Wish] = []
        spoken_for: set[str] = set()
        for stage in sorted(ready, key=lambda one: self._since_ns.get(one.address, now_ns)):
            if self.is_full:
                break
            wish = self._wish(stage, now_ns)
            slots = None if spoken_for & wish.asked.keys() else self._free(wish, others)
            if slots is None:
                spoken_for |= wish.asked.keys()
                wishes.append(wish)
                continue
            self._since_ns.pop(stage.address, None)
            self._held[stage.address] = slots
            admitted.append(Admitted(stage, slots))
        self._wishes = tuple(wishes[: self._jobs - len(self._held)])
        self._since_ns |= {wish.stage: wish.since_ns for wish in self._wishes}
        return admitted

    def give_back(self, address: str) -> None:
        del self._held[address]

    def is_kept_by(self, wish: Wish, other: Claims) -> bool:
        """True if another process has something that a wish of ours is for, or waits for it longer."""
        return any(
            (set(_taken(other, name)) & set(self._pool(name, count)))
            or any(name in one.asked and one.since_ns < wish.since_ns for one in other.wishes)
            for name, count in wish.asked.items()
        )

    # -- inside

    def _wish(self, stage: Stage, now_ns: int) -> Wish:
        return Wish(stage.address, asked(stage), self._since_ns.get(stage.address, now_ns))

    def _free(self, wish: Wish, others: Sequence[Claims]) -> Numbers | None:
        """Return the smallest numbers that nobody has; None if they are too few or somebody came before."""
        found = {}
        for name, count in wish.asked.items():
            for other in others:
                if any(name in one.asked and one.since_ns < wish.since_ns for one in other.wishes):
                    return None
            taken = set(_taken(Claims(self._held), name))
            taken.update(number for other in others for number in _taken(other, name))
            free = [number for number in self._pool(name, count) if number not in taken]
            if len(free) < count:
                return None
            found[name] = tuple(free[:count])
        return found

    def _pool(self, name: str, count: int) -> Sequence[int]:
        lent = self._lent.get(name, ())
        return lent if len(lent) >= count else range(self._total(name))

    def _total(self, name: str) -> int:
        return self._resources.get(name, UNCONFIGURED_SLOTS)

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


def asked(stage: Stage) -> dict[str, int]:
    """Return how many slots a stage asks for, by `resource_name`."""
    return {resource_name(name): count for name, count in stage.resources.items() if count}


def waiting_text(wish: Wish, others: Sequence[Claims]) -> str:
    """Return e.g. "waits for gpu: process 4711 runs train in /home/ada/b".

    `others`: those that keep a wish from coming true.
    """
    told = []
    for other in others:
        has = [one for one, slots in other.held.items() if slots.keys() & wish.asked.keys()]
        what = f"runs {', '.join(has)}" if has else "waits for it longer"
        told.append(f"{other.process} {what} in {other.place}")
    more = [f"and {len(told) - _NAMED} more"] if len(told) > _NAMED else []
    return f"waits for {', '.join(wish.asked)}: {'; '.join([*told[:_NAMED], *more])}"


def _taken(claims: Claims, name: str) -> Iterable[int]:
    for slots in claims.held.values():
        yield from slots.get(name, ())

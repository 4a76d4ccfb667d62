"""Carrying a sweep out: its points become experiments, a few at a time; again called, it goes on where it was.

A sweep is known by the commit and files that it stands on, its stages and what it varies (`sweep.identity`), so
the same command line finds the points that are there. They are called after the sweep, with a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import UsageError
from git_mlvc.experiments import names, refs, states
from git_mlvc.experiments.answers import Answer
from git_mlvc.experiments.states import State
from git_mlvc.experiments.sweep import canonical

if TYPE_CHECKING:
    from git_mlvc.experiments.crew import Crew
    from git_mlvc.experiments.refs import Experiment
    from git_mlvc.git.repository import Repository

Point = Mapping[str, object]
"""Overrides: "FILE:KEY" -> value."""


class Search(Protocol):
    """Which points are tried, given what came of earlier ones."""

    def ask(self) -> tuple[int, Point] | None:
        """Return the next point and its number, from 1; None when it was the last."""
        ...

    def tell(self, number: int, commit: str) -> None:
        """The experiment of that point is this commit; or an empty text, and it failed."""
        ...


class Listed:
    """Points that are known from the start."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points
        self._next = 0

    def ask(self) -> tuple[int, Point] | None:
        if self._next == len(self._points):
            return None
        self._next += 1
        return self._next, self._points[self._next - 1]

    def tell(self, number: int, commit: str) -> None: ...


class Told(Protocol):
    """Who wants to know how it goes. Names are those of points."""

    def began(self, state: State) -> None: ...

    def waits(self, state: State, why: str) -> None: ...

    def ended(self, point: Ended) -> None: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a point. `was_there`: it had been made before; `answer` is how it is now, or why not."""

    name: str
    overrides: Point = field(hash=False)
    answer: Answer
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep of this repository. `template`: what all its points share; `there`: points that are experiments."""

    name: str
    template: State
    there: Mapping[str, Experiment] = field(hash=False)

    def state(self, number: int, point: Point) -> State:
        """Return the experiment that a point is to become."""
        overrides = {**self.template.overrides, **point}
        return replace(self.template, name=f"{self.name}-{number}", overrides=overrides)

    def found(self, state: State) -> Experiment | None:
        """Return the experiment that a point is already."""
        return self.there.get(canonical(dict(state.overrides)))


def of(repo: Repository, template: State, name: str) -> Sweep:
    """Find what is there of a sweep (`template.sweep` is its identity), or choose a name for a new one.

    `name`: the user's, may be empty. Raises UsageError if an experiment outside of it has such a name.
    """
    known = refs.list(repo)
    mine = [one for one in known if one.record.sweep == template.sweep]
    there = {canonical(dict(one.record.overrides)): one for one in mine}
    waiting = states.read(repo).states
    own = [one.name for one in mine] + [one.name for one in waiting if one.sweep == template.sweep]
    others = {one.name for one in known if one.record.sweep != template.sweep}
    others |= {one.name for one in waiting if one.sweep != template.sweep}
    used = {part for one in others if (part := _stem(one))}
    stem = name or next((part for one in own if (part := _stem(one))), "")
    if stem in used and name:
        raise UsageError(
            f"there are experiments '{name}-…' already, of another sweep or of none",
            why="code, data or values were not what they are now, so this is a new one",
            hint="choose another --name",
        )
    return Sweep(stem or _generated(template.sweep, used | others), template, there)


def carry_out(sweep: Sweep, search: Search, crew: Crew, told: Told) -> list[Ended]:
    """Make all points that are not there, and return what became of each, in the order in which they ended.

    A point that fails does not stop the others. Raises KeyboardInterrupt as `Crew.work`.
    """
    ended: list[Ended] = []
    numbers: dict[str, int] = {}

    def finish(number: int, one: Ended) -> None:
        search.tell(number, one.answer.commit)
        ended.append(one)
        told.ended(one)

    def next_one() -> State | None:
        while (asked := search.ask()) is not None:
            number, point = asked
            state = sweep.state(number, point)
            found = sweep.found(state)
            if found is None:
                numbers[state.name] = number
                return state
            finish(number, Ended(found.name, state.overrides, _as_it_is(found), was_there=True))
        return None

    def over(state: State, answer: Answer | None) -> None:
        if answer is None:
            answer = Answer(
                state.name,
                error="the process that ran it was killed",
                why="by the system, for want of memory perhaps, or by somebody",
                hint=f"git mlvc exp logs {state.name}",
            )
        finish(numbers[state.name], Ended(state.name, state.overrides, answer))

    crew.work(next_one, told.began, over, told.waits)
    return ended


def failures(ended: Iterable[Ended]) -> list[Ended]:
    """Return those that failed."""
    return [one for one in ended if one.answer.error]


def _as_it_is(found: Experiment) -> Answer:
    return Answer(
        found.name, found.name, found.commit, is_new=False, duration_s=found.record.duration_s
    )


def _stem(name: str) -> str:
    """Return the name of the sweep that a point's name begins with; "" if it ends with no number."""
    stem, dash, number = name.rpartition("-")
    return stem if dash and number.isascii() and number.isdigit() else ""


def _generated(identity: str, taken: Iterable[str]) -> str:
    """Return a name that follows from the identity: after an interruption it is the same."""
    seed = int(identity, 16)

    def choose(words: Sequence[str]) -> str:
        nonlocal seed
        seed, at = divmod(seed, len(words))
        seed = seed or int(identity, 16) + at + 1
        return words[at]

    return names.generate(taken, choose)

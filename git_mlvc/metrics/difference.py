"""What became of a number, or of any value, from one revision to another. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from git_mlvc.metrics import goals
from git_mlvc.metrics.numbers import Number


class Direction(Enum):
    """Where a number went. UNORDERED: to or from NaN."""

    UP = "up"
    DOWN = "down"
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    UNORDERED = "unordered"


@dataclass(frozen=True, slots=True)
class Difference:
    """A number before and after; None where there is none. `goal`: "max", "min", or "" if nobody has said."""

    key: str
    old: Number | None
    new: Number | None
    goal: str = ""

    @property
    def direction(self) -> Direction:
        if self.old is None:
            return Direction.SAME if self.new is None else Direction.ADDED
        if self.new is None:
            return Direction.REMOVED
        if same(self.old, self.new):
            return Direction.SAME
        if self.new > self.old:
            return Direction.UP
        return Direction.DOWN if self.new < self.old else Direction.UNORDERED

    @property
    def change(self) -> Number | None:
        """New less old; None where there are not two numbers that can be told apart by it."""
        if self.old is None or self.new is None:
            return None
        if same(self.old, self.new):
            return 0
        if self.old != self.old or self.new != self.new:
            return None
        try:
            change = self.new - self.old
        except OverflowError:  # a whole number beyond any float, less a float
            change = math.inf if self.new > self.old else -math.inf
        return None if change != change else change

    @property
    def percentage(self) -> float | None:
        """The change in percent of the old value's size; None where that is 0 or no finite number."""
        change, old = self.change, self.old
        if change is None or not old:
            return None
        try:
            percentage = 100 * (change / abs(old))
        except OverflowError:  # whole numbers beyond any float
            return None
        return percentage if math.isfinite(percentage) and abs(old) != math.inf else None

    @property
    def is_better(self) -> bool | None:
        """By the goal; None where there is none, or nothing to compare."""
        if not self.goal or self.old is None or self.new is None:
            return None
        if self.direction is Direction.SAME:
            return None
        return goals.is_better(self.new, self.old, self.goal)


def same(one: Number, other: Number) -> bool:
    """True if two numbers are equal; NaN is NaN."""
    return one == other or (one != one and other != other)


def between(
    old: Mapping[str, Number], new: Mapping[str, Number], goal: object = None
) -> list[Difference]:
    """Return a difference for each key of either side, those of `new` first, in their order."""
    keys = [*new, *(key for key in old if key not in new)]
    by_key = goals.of(goal, keys)
    return [Difference(key, old.get(key), new.get(key), by_key.get(key, "")) for key in keys]

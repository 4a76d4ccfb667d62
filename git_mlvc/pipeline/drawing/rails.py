"""A graph drawn with rails, as `git log --graph` draws commits: one row for each node, from top to bottom. Pure.

Each rail leads down to one node that is still to come; edges to the same node share a rail as soon as they can.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Node = TypeVar("Node", bound=Hashable)

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_BOXES = {
    0: " ",
    _UP | _DOWN: "│",
    _LEFT | _RIGHT: "─",
    _UP | _RIGHT: "╰",
    _UP | _LEFT: "╯",
    _DOWN | _RIGHT: "╭",
    _DOWN | _LEFT: "╮",
    _UP | _DOWN | _RIGHT: "├",
    _UP | _DOWN | _LEFT: "┤",
    _UP | _LEFT | _RIGHT: "┴",
    _DOWN | _LEFT | _RIGHT: "┬",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}
_PLAIN = {0: " ", _UP | _DOWN: "|", _LEFT | _RIGHT: "-"}  # and "+" for all that bends or branches


@dataclass(frozen=True, slots=True)
class Style:
    """The signs of a drawing; `is_plain` uses ASCII only."""

    is_plain: bool = False

    @property
    def node(self) -> str:
        return "*" if self.is_plain else "●"

    def sign(self, ways: int) -> str:
        """Return the sign that leads these ways."""
        return _PLAIN.get(ways, "+") if self.is_plain else _BOXES[ways]


@dataclass(frozen=True, slots=True)
class Row(Generic[Node]):
    """A line of rails; `node` stands beside it, or None where rails only meet and part."""

    rails: str
    node: Node | None = None


def draw(
    order: Sequence[Node], following: Mapping[Node, Sequence[Node]], style: Style = Style()
) -> list[Row[Node]]:
    """Return the rows of a graph: `order` has each node before those that `following` it."""
    return _Drawing(following, style).rows(order)


def in_depth(order: Sequence[Node], following: Mapping[Node, Sequence[Node]]) -> list[Node]:
    """Return another order that does, in which a node stands soon after those it follows: fewer rails."""
    waiting = dict.fromkeys(order, 0)
    for node in order:
        for one in following.get(node, ()):
            waiting[one] += 1
    ready = [node for node in reversed(order) if not waiting[node]]
    found = []
    while ready:
        node = ready.pop()
        found.append(node)
        for one in reversed(following.get(node, ())):
            waiting[one] -= 1
            if not waiting[one]:
                ready.append(one)
    return found


def width(rows: Sequence[Row[Node]]) -> int:
    """Return how many columns of a terminal the rails take."""
    return max((len(row.rails) for row in rows), default=0)


@dataclass
class _Drawing(Generic[Node]):
    following: Mapping[Node, Sequence[Node]]
    style: Style
    rails: list[Node | None] = field(default_factory=list)  # where each leads; None: free

    def rows(self, order: Sequence[Node]) -> list[Row[Node]]:
        found: list[Row[Node]] = []
        for node in order:
            arriving = [at for at, target in enumerate(self.rails) if target == node]
            place = arriving[0] if arriving else self._free()
            if len(arriving) > 1:
                found.append(Row(self._junction(place, up=arriving, down=[place])))
            for at in arriving[1:]:
                self.rails[at] = None
            self.rails[place] = node
            found.append(Row(self._standing(place), node))
            found.extend(self._parting(node, place))
            while self.rails and self.rails[-1] is None:
                self.rails.pop()
        return found

    def _parting(self, node: Node, place: int) -> list[Row[Node]]:
        """Lead on from a node; the rails are those below it afterwards."""
        others = [one for one in self.following.get(node, ()) if one not in self.rails]
        joined = [
            self.rails.index(one) for one in self.following.get(node, ()) if one in self.rails
        ]
        self.rails[place] = others[0] if others else None
        opened = []
        for one in others[1:]:
            at = self._free(after=place)
            self.rails[at] = one
            opened.append(at)
        if not opened and not joined:
            return []
        down = [*opened, *joined, *([place] if others else [])]
        return [Row(self._junction(place, up=[place, *joined], down=down))]

    def _free(self, after: int = -1) -> int:
        for at in range(after + 1, len(self.rails)):
            if self.rails[at] is None:
                return at
        self.rails.append(None)
        return len(self.rails) - 1

    def _standing(self, place: int) -> str:
        signs = [self.style.sign(_UP | _DOWN if target is not None else 0) for target in self.rails]
        signs[place] = self.style.node
        return " ".join(signs).rstrip()

    def _junction(self, place: int, *, up: Sequence[int], down: Sequence[int]) -> str:
        """Draw the row that joins `place` with other rails: which come from above, which go on below."""
        first, last = min(*up, *down, place), max(*up, *down, place)
        met = {*up, *down, place}
        text = []
        for at, target in enumerate(self.rails):
            ways = 0
            if at in met:
                ways = _UP * (at in up) | _DOWN * (at in down)
                ways |= _LEFT * (at > first) | _RIGHT * (at < last)
            elif target is not None:  # a rail of others: it passes, and what crosses it goes behind
                ways = _UP | _DOWN
            elif first < at < last:
                ways = _LEFT | _RIGHT
            text.append(self.style.sign(ways))
            text.append(self.style.sign(_LEFT | _RIGHT if first <= at < last else 0))
        return "".join(text).rstrip()

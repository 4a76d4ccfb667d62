"""Dots in the cells of a terminal: eight to a cell in braille, or one mark to a cell. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

# The dots of a braille cell, two columns by four rows, as Unicode numbers them from U+2800.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800

Place = tuple[float, float]
"""Across and down, each from 0 to 1."""


class Canvas:
    """`width` by `height` cells, and who last drew into each. `marks`: one for each who draws; none for braille."""

    def __init__(self, width: int, height: int, marks: Sequence[str] = ()) -> None:
        self.width = width
        self.height = height
        self._marks = marks
        self._across = 1 if marks else 2
        self._down = 1 if marks else 4
        self._dots: dict[tuple[int, int], int] = {}
        self._owners: dict[tuple[int, int], int] = {}

    def line(self, places: Iterable[Place | None], owner: int) -> None:
        """Join the places in their order; None is a gap."""
        before: tuple[int, int] | None = None
        for place in places:
            if place is None:
                before = None
                continue
            here = self._pixel(place)
            self._segment(before or here, here, owner)
            before = here

    def dots(self, places: Iterable[Place | None], owner: int) -> None:
        for place in places:
            if place is not None:
                self._dot(*self._pixel(place), owner)

    def rows(self) -> list[list[tuple[str, int | None]]]:
        """Return the rows from the top: of each cell what stands there, and whose it is."""
        return [[self._cell(x, y) for x in range(self.width)] for y in range(self.height)]

    def _cell(self, x: int, y: int) -> tuple[str, int | None]:
        owner = self._owners.get((x, y))
        if owner is None:
            return " ", None
        if self._marks:
            return self._marks[owner % len(self._marks)], owner
        return chr(_BRAILLE + self._dots[x, y]), owner

    def _pixel(self, place: Place) -> tuple[int, int]:
        x = round(place[0] * (self.width * self._across - 1))
        return x, round(place[1] * (self.height * self._down - 1))

    def _segment(self, start: tuple[int, int], end: tuple[int, int], owner: int) -> None:
        steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
        for step in range(steps + 1):
            x = start[0] + (end[0] - start[0]) * step / steps
            y = start[1] + (end[1] - start[1]) * step / steps
            self._dot(math.floor(x + 0.5), math.floor(y + 0.5), owner)

    def _dot(self, x: int, y: int, owner: int) -> None:
        cell = (x // self._across, y // self._down)
        bit = _DOTS[y % self._down][x % self._across]
        self._dots[cell] = self._dots.get(cell, 0) | bit
        self._owners[cell] = owner

"""Fewer points where there are more than a screen can show. Pure.

A line keeps, of each stretch of x, its first, lowest, highest and last point and its gaps: at a width of a few hundred
pixels it looks as it did, and no spike is lost. Of scattered points one stays for each spot of a fine grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from git_mlvc.plots.chart import X

MAX_POINTS = 1000
_GRID = 128
MAX_SPOTS = 4000

Points = tuple[Sequence[X], Sequence[float | None]]


def line(xs: Sequence[X], ys: Sequence[float | None], most: int = MAX_POINTS) -> Points:
    """Return at most about `most` of the points, in their order; all of them if there are no more."""
    if len(xs) <= most:
        return xs, ys
    stretches = max(1, most // 5)
    kept: set[int] = set()
    for stretch in range(stretches):
        start, end = (len(xs) * edge // stretches for edge in (stretch, stretch + 1))
        kept |= _of_stretch(ys, start, end)
    order = sorted(kept)
    return [xs[at] for at in order], [ys[at] for at in order]


def _of_stretch(ys: Sequence[float | None], start: int, end: int) -> set[int]:
    kept = {start, end - 1}
    lowest = highest = None
    low = math.inf
    high = -math.inf
    gap = None
    for at in range(start, end):
        y = ys[at]
        if y is None:
            gap = at if gap is None else gap
            continue
        if y < low:
            lowest, low = at, y
        if y > high:
            highest, high = at, y
    return kept | {at for at in (lowest, highest, gap) if at is not None}


def spots(xs: Sequence[float], ys: Sequence[float | None]) -> list[int]:
    """Return the places of the points that are drawn: all up to MAX_SPOTS, else one for each spot of a grid.

    The outermost points, in each direction, are among them; points without y are not.
    """
    there = [(at, x, y) for at, (x, y) in enumerate(zip(xs, ys, strict=True)) if y is not None]
    if len(there) <= MAX_SPOTS:
        return [at for at, _, _ in there]
    left, right = min(x for _, x, _ in there), max(x for _, x, _ in there)
    low, high = min(y for _, _, y in there), max(y for _, _, y in there)
    outermost = {
        min(there, key=lambda one: one[1])[0],
        max(there, key=lambda one: one[1])[0],
        min(there, key=lambda one: one[2])[0],
        max(there, key=lambda one: one[2])[0],
    }
    first: dict[tuple[int, int], int] = {}
    for at, x, y in there:
        first.setdefault((_cell(x, left, right), _cell(y, low, high)), at)
    return sorted({*first.values(), *outermost})


def _cell(value: float, low: float, high: float) -> int:
    # Halved: the distance of the largest and the smallest float is no float.
    width = high / 2 - low / 2
    return int((value / 2 - low / 2) / width * _GRID) if width > 0 else 0

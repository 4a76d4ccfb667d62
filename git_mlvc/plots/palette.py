"""Colours that can be told apart on white and on black, also by most who see fewer colours. Pure."""

from __future__ import annotations

import colorsys

# Chosen so that any two differ also to who sees no red or no green (by 17 and more in CIELAB), on both grounds.
_FIRST = (
    "#2e7be4",
    "#e6770b",
    "#13a06f",
    "#cf4b9d",
    "#7033ff",
    "#c61034",
    "#00abd6",
    "#c4954f",
    "#a720b6",
    "#457365",
)
MOST = len(_FIRST)
"""How many colours are told apart at a glance; beyond these something else has to help."""
_DASHES = ((1, 0), (4, 2), (2, 2), (8, 3))
# From few to many, both with text on them: cells of a confusion matrix.
DEPTHS = ("#eff5fc", "#0b4a94")
_GOLDEN = 0.618033988749895


def colours(count: int) -> tuple[str, ...]:
    """Return as many colours; the first are always the same."""
    return tuple(_FIRST[at] if at < len(_FIRST) else _further(at) for at in range(count))


def dashes(count: int) -> tuple[tuple[int, ...], ...]:
    """Return how the line of each colour is dashed: not, for the first MOST; then each MOST of them in another way."""
    return tuple(_DASHES[at // MOST % len(_DASHES)] for at in range(count))


def _further(at: int) -> str:
    level = (0.42, 0.52, 0.60)[at % 3]
    red, green, blue = colorsys.hls_to_rgb((at * _GOLDEN) % 1.0, level, 0.62)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"

"""Colours that can be told apart on white and on black, also by most who see fewer colours. Pure."""

from __future__ import annotations

import colorsys

_FIRST = (
    "#2e7be4",
    "#e6770b",
    "#13a06f",
    "#cf4b9d",
    "#8a63d2",
    "#b08d10",
    "#17a3bf",
    "#d9483b",
    "#87776b",
    "#6f9a25",
)
# From few to many, both with text on them: cells of a confusion matrix.
DEPTHS = ("#eff5fc", "#0b4a94")
_GOLDEN = 0.618033988749895


def colours(count: int) -> tuple[str, ...]:
    """Return as many colours; the first are always the same."""
    return tuple(_FIRST[at] if at < len(_FIRST) else _further(at) for at in range(count))


def _further(at: int) -> str:
    level = (0.42, 0.52, 0.60)[at % 3]
    red, green, blue = colorsys.hls_to_rgb((at * _GOLDEN) % 1.0, level, 0.62)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"

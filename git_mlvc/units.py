"""Sizes, counts and durations as people read them."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def size_text(size_bytes: int) -> str:
    """Return a size in powers of 1000 with two digits or more: "999 B", "1.2 kB", "4 MB", "12 GB"."""
    value = float(size_bytes)
    unit = _UNITS[0]
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    text = f"{value:.1f}" if unit != "B" and value < 9.95 else f"{value:,.0f}"
    return f"{text.removesuffix('.0')} {unit}"


def seconds_text(seconds: float) -> str:
    """Return e.g. "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count_text(count: int, noun: str) -> str:
    """Return e.g. "1 file", "20,000 files"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def names_text(names: Sequence[str], *, most: int, noun: str = "file") -> str:
    """Return the first `most` names and how many more there are: "a, b and 3 other files"."""
    shown = ", ".join(names[:most])
    more = len(names) - most
    return f"{shown} and {count_text(more, f'other {noun}')}" if more > 0 else shown

"""Sizes, counts and durations as people read them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def size_text(size_bytes: int) -> str:
    """Return e.g. `0 B`, `999 B`, `1.2 kB`, `12 MB`, `4.1 GB`: decimal units, two digits or more."""
    value = float(size_bytes)
    for unit in _UNITS:
        if round(value, 1 if value < 10 else 0) < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    if unit == "B":
        return f"{size_bytes} B"
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def seconds_text(seconds: float) -> str:
    """Return e.g. `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count_text(count: int, noun: str) -> str:
    """Return e.g. `1 file`, `12 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

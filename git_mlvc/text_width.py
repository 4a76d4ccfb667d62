"""Texts as a terminal shows them: how many columns they take, cut and padded to fit, without what it would obey. Pure.

Every table measures with these: what is wide (日本, 🙂) takes two columns, an accent of its own none. The widths are
those of rich, so that its tables and ours agree; it is only asked where a text is neither Latin nor a sign of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_JOINERS = "\u200c\u200d"
# Letters of Latin, the sign of what is cut off, arrows, and what lines and bars are drawn with.
_NARROW = re.compile(
    r"[\x20-\x7e\xa1-\xac\xae-\u02ff\u2026\u2190-\u2193\u2500-\u259f\u2800-\u28ff]*\Z"
)


def shown(text: str) -> str:
    """Return a text on one line, with escapes for what cannot be shown or would steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or _joins(text, at) else ascii(one)[1:-1]
        for at, one in enumerate(text)
    )


def width(text: str) -> int:
    """Return how many columns the text takes."""
    if text.isascii() or _NARROW.match(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def widest(texts: Iterable[str]) -> int:
    """Return how many columns the widest takes; 0 where there is none."""
    return max(map(width, texts), default=0)


def cut(text: str, columns: int, sign: str = "…") -> str:
    """Return the text, or as much of it as fits into so many columns with the sign after it."""
    if width(text) <= columns:
        return text
    room = columns - width(sign)
    return _start(text, room) + sign if room >= 0 else ""


def cut_start(text: str, columns: int, sign: str = "…") -> str:
    """Return the text, or the sign and as much of its end as fits."""
    if width(text) <= columns:
        return text
    room = columns - width(sign)
    if room < 0:
        return ""
    at = len(text)
    while at and width(text[at - 1 :]) <= room:
        at -= 1
    while at < len(text) and not width(text[at]):  # an accent whose letter was cut off
        at += 1
    return sign + text[at:]


def left(text: str, columns: int) -> str:
    """Return the text with spaces after it, so that it takes so many columns."""
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    """Return the text with spaces before it."""
    return " " * (columns - width(text)) + text


def _start(text: str, columns: int) -> str:
    """Return the longest start that fits. What belongs to one sign (an emoji of several) is not taken apart."""
    if text.isascii() or _NARROW.match(text):
        return text[:columns]
    from rich.cells import set_cell_size

    kept = set_cell_size(text, columns)
    return kept if text.startswith(kept) else kept.rstrip(" ")  # half of a wide one is a space


def _joins(text: str, at: int) -> bool:
    """True of what joins two letters or emoji into one, and does nothing else."""
    beside = (text[at - 1 : at], text[at + 1 : at + 2])
    return text[at] in _JOINERS and all(
        one and not one.isascii() and one.isprintable() for one in beside
    )

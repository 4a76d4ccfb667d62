"""Texts as a terminal shows them: how many columns they take, cut to fit, without what it would obey. Pure."""

from __future__ import annotations

import unicodedata


def shown(text: str) -> str:
    """Return a text on one line, with escapes for what cannot be shown or would steer a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def width(text: str) -> int:
    """Return how many columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def cut(text: str, columns: int, sign: str = "…") -> str:
    """Return the text, or as much of it as fits into so many columns with the sign after it."""
    if width(text) <= columns:
        return text
    left = columns - width(sign)
    kept: list[str] = []
    for one in text:
        left -= _width(one)
        if left < 0:
            break
        kept.append(one)
    return "".join(kept) + sign if columns >= width(sign) else ""


def _width(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1

"""Texts of the user's (names of files, columns, revisions) as a page or a terminal may show them. Pure."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text with its control characters, and what is no Unicode, written as their codes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _code(one) for one in text)


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

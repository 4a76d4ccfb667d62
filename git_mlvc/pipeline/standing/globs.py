"""Globs: patterns that name files. Pure.

Of each part between slashes, `*` stands for any characters, `?` for one, `[abc]` and `[a-z]` for one of
these, `[!abc]` for one of no others. A part that is `**` stands for any number of directories, as the last
one for everything below. Nothing but a dot matches a dot at the beginning of a part. Globs name files,
never directories; letters match in their own case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile

_MAGIC = re.compile(r"[*?[]")


class Glob:
    """A pattern from the top of the repository. `folder`: which directory all matches are in; b"" for the top."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts: list[str] = []
        for part in text.split("/"):
            if part != "**" or parts[-1:] != ["**"]:  # twice in a row says no more than once
                parts.append(part)
        self.folder: bytes = fixed_folder(text).encode("utf-8", "surrogateescape")
        self._whole = re.compile(_whole(parts), re.DOTALL)
        self._above = re.compile(_above(parts), re.DOTALL)

    def matches(self, path: bytes) -> bool:
        """True if a file of this path is meant."""
        return self._whole.fullmatch(path.decode("utf-8", "surrogateescape")) is not None

    def may_match_below(self, path: bytes) -> bool:
        """True if a file in this directory, or further down, may be meant."""
        above = "/" + path.decode("utf-8", "surrogateescape") if path else ""
        return self._above.fullmatch(above) is not None


@lru_cache(maxsize=1024)
def glob(text: str) -> Glob:
    return Glob(text)


def is_glob(text: str) -> bool:
    """True if this is a pattern and not a path."""
    return _MAGIC.search(text) is not None


def fixed_folder(text: str) -> str:
    """Return the directory that all matches of a pattern are in; "" for the top."""
    fixed = takewhile(lambda part: not is_glob(part), text.split("/")[:-1])
    return "/".join(fixed)


_FOLDER = r"(?!\.)[^/]+"


def _whole(parts: list[str]) -> str:
    """Return what the files match. Between two `**` the first match will do, as between two stars."""
    if parts[-1] == "**":
        parts = [*parts, "*"]
    runs: list[list[str]] = [[]]  # what stands between one `**` and the next
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_part(part))
    first, *others = runs
    if not others:
        return "/".join(first)
    inner = "".join(part + "/" for part in first)
    for run in others[:-1]:
        inner += f"(?>(?:{_FOLDER}/)*?{'/'.join(run)}/)"
    return f"{inner}(?:{_FOLDER}/)*{'/'.join(others[-1])}"


def _above(parts: list[str]) -> str:
    """Return what the directories match that may lead to a match, each part after a slash."""
    folders = parts if parts[-1] == "**" else parts[:-1]
    pattern = ""
    if "**" in folders:
        at = folders.index("**")
        is_hidden = any(part.startswith(".") for part in parts[at:])
        folders, pattern = folders[:at], f"(?:/{'[^/]+' if is_hidden else _FOLDER})*"
    for part in reversed(folders):
        pattern = f"(?:/{_part(part)}{pattern})?"
    return pattern


def _part(part: str) -> str:
    """Return the expression for one part. Between two stars the first match will do, so none is tried twice."""
    pieces = [""]
    at = 0
    while at < len(part):
        sign = part[at]
        end = part.find("]", at + 2 + part.startswith("!", at + 1)) if sign == "[" else -1
        if sign == "*":
            pieces.append("")
        elif sign == "?":
            pieces[-1] += "[^/]"
        elif end > 0:
            pieces[-1] += _one_of(part[at + 1 : end])
            at = end
        else:
            pieces[-1] += re.escape(sign)
        at += 1
    first, *others = pieces
    out = ("" if part.startswith(".") else r"(?!\.)") + first
    if not others:
        return out
    return out + "".join(f"(?>[^/]*?{piece})" for piece in others[:-1]) + "[^/]*" + others[-1]


def _one_of(signs: str) -> str:
    """Return the expression for what stands in brackets; a range that ends before it begins is empty."""
    is_not = signs.startswith("!")
    signs = signs[is_not:]
    inner, at = "", 0
    while at < len(signs):
        first = last = signs[at]
        if signs[at + 1 : at + 2] == "-" and at + 2 < len(signs):
            last = signs[at + 2]
            at += 2
        at += 1
        if first <= last:
            inner += f"{re.escape(first)}-{re.escape(last)}"
    if not inner:
        return "[^/]" if is_not else r"[^\s\S]"
    return f"(?!/)[{'^' if is_not else ''}{inner}]"

"""Renaming a table in the text of a TOML file: every other character stays where it is.

Pure. What cannot be done line by line (a table written inside another in one line) is left to the user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from git_mlvc.errors import ConfigError

_PART = r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
_PATH = rf"(?:{_PART})(?:[ \t]*\.[ \t]*(?:{_PART}))*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*({_PATH})[ \t]*\]")
_ASSIGNED = re.compile(rf"[ \t]*({_PATH})[ \t]*=")
_ONE = re.compile(_PART)
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def renamed(text: str, table: str, old: str, new: str, *, name: str) -> str:
    """Return the text with `[table.old]`, however it is written, called `[table.new]`.

    Raises ConfigError naming the file `name` when that cannot be done without touching anything else.
    """
    import tomli

    before = tomli.loads(text)
    lines = []
    above: tuple[str, ...] = ()
    for line in text.split("\n"):
        if found := _HEADER.match(line):
            above = tuple(_word(part) for part in _ONE.findall(found[1]))
            line = _replaced(line, found, (), (table, old), new)
        elif found := _ASSIGNED.match(line):
            line = _replaced(line, found, above, (table, old), new)
        lines.append(line)
    done = "\n".join(lines)
    if _parsed(done) != _expected(before, table, old, new):
        raise ConfigError(
            f"cannot rename [{table}.{old}] in {name}",
            why="it is written in a way that a program had better not touch",
            hint=f"rename it in {name} by hand",
        )
    return done


def _replaced(
    line: str, found: re.Match[str], above: tuple[str, ...], wanted: tuple[str, str], new: str
) -> str:
    """Put the new name in the place of the second word of the path that this line completes."""
    parts = list(_ONE.finditer(line, found.start(1), found.end(1)))
    whole = (*above, *(_word(part[0]) for part in parts))
    at = 1 - len(above)
    if whole[:2] != wanted or not 0 <= at < len(parts):
        return line
    written = new if _BARE.match(new) else f'"{new}"'
    return line[: parts[at].start()] + written + line[parts[at].end() :]


def _word(part: str) -> str:
    if part.startswith('"'):
        import tomli

        value: str = tomli.loads(f"x = {part}")["x"]
        return value
    return part.strip("'")


def _parsed(text: str) -> Mapping[str, Any] | None:
    import tomli

    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError:
        return None


def _expected(before: Mapping[str, Any], table: str, old: str, new: str) -> Mapping[str, Any]:
    inside = {new if key == old else key: value for key, value in before[table].items()}
    return {**before, table: inside}

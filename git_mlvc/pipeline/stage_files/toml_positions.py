"""Where in the text of a TOML file a key or an array element stands. Pure.

For error messages: parsers of TOML do not say. The text must be valid TOML; then a scan of its tokens is enough.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

Path = tuple[str | int, ...]
_BASIC = r'"(?:[^"\\\n]|\\.)*"'
_LITERAL = r"'[^'\n]*'"
_KEY = rf"(?:[A-Za-z0-9_-]+|{_BASIC}|{_LITERAL})"
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_LONG = r'"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}' + r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
_SKIP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_BLANK = re.compile(r"[ \t]*")
_ONE_KEY = re.compile(_KEY)
_DOTTED = re.compile(_KEYS)
_STRING = re.compile(rf"{_LONG}|{_BASIC}|{_LITERAL}")
_BARE = re.compile(r"[^,\]}#\n]+")
_HEADERS = re.compile(
    rf"{_LONG}|{_BASIC}|{_LITERAL}|#[^\n]*|^[ \t]*\[[ \t]*stage[ \t]*\.[ \t]*({_KEY})[ \t]*\]",
    re.MULTILINE,
)


def position(text: str, path: Path) -> tuple[int, int]:
    """Return line and column, from 1, of what `path` leads to, or of the nearest thing it is in."""
    best, offset = -1, 0
    for found, at in positions(text):
        length = len(found)
        if best < length <= len(path) and found == path[:length]:
            best, offset = length, at
        elif best < 0 and found[: len(path)] == path:
            best, offset = 0, at
    return _line(text, offset)


def stage_lines(text: str) -> dict[str, int]:
    """Return the line of each `[stage.NAME]` header; much faster than `positions`.

    Stages that are written in another way (`stage.a.cmd = …`) are not among them.
    """
    lines: dict[str, int] = {}
    line, before = 1, 0
    for found in _HEADERS.finditer(text):
        if found[1] is not None:
            line += text.count("\n", before, found.start(1))
            before = found.start(1)
            lines.setdefault(_word(found[1]), line)
    return lines


def positions(text: str) -> Iterator[tuple[Path, int]]:
    """Yield each key, table and array element with its offset, in the order of the text."""
    at = _skip(text, 0)
    table: Path = ()
    counts: dict[Path, int] = {}
    while at < len(text):
        if text[at] == "[":
            is_array = text.startswith("[[", at)
            keys, end = _keys(text, at + 1 + is_array)
            table = _inside(keys, counts)
            if is_array:
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, at
            at = _skip(text, _blank(text, end) + 1 + is_array)
        else:
            at = yield from _pair(text, at, table)
            at = _skip(text, at)


def _inside(keys: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """A header names tables below the last element of an array of tables."""
    path: Path = ()
    for i, key in enumerate(keys):
        path = (*path, key)
        if path in counts and i < len(keys) - 1:
            path = (*path, counts[path])
    return path


def _pair(text: str, at: int, table: Path) -> Generator[tuple[Path, int], None, int]:
    keys, end = _keys(text, at)
    path = (*table, *keys)
    for length in range(len(table) + 1, len(path) + 1):
        yield path[:length], at
    end = _blank(text, end) + 1  # the =
    end = yield from _value(text, _blank(text, end), path)
    return end


def _value(text: str, at: int, path: Path) -> Generator[tuple[Path, int], None, int]:
    if text[at : at + 1] == "[":
        index = 0
        at = _skip(text, at + 1)
        while at < len(text) and text[at] != "]":
            yield (*path, index), at
            at = yield from _value(text, at, (*path, index))
            at = _after_comma(text, at)
            index += 1
        return at + 1
    if text[at : at + 1] == "{":
        at = _skip(text, at + 1)
        while at < len(text) and text[at] != "}":
            at = yield from _pair(text, at, path)
            at = _after_comma(text, at)
        return at + 1
    found = _STRING.match(text, at) or _BARE.match(text, at)
    return found.end() if found else at + 1


def _after_comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at : at + 1] == "," else at


def _keys(text: str, at: int) -> tuple[tuple[str, ...], int]:
    found = _DOTTED.match(text, _blank(text, at))
    if found is None:
        return (), at + 1
    return tuple(_word(key) for key in _ONE_KEY.findall(found[0])), found.end()


def _word(key: str) -> str:
    if key[0] == '"' and "\\" in key:
        import tomli

        value: str = tomli.loads(f"x = {key}")["x"]
        return value
    return key[1:-1] if key[0] in "\"'" else key


def _skip(text: str, at: int) -> int:
    found = _SKIP.match(text, at)
    return found.end() if found else at


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _line(text: str, offset: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1

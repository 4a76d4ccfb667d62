"""What a params file holds: finding a value by its key, and the one text by which values are compared. Pure.

The canonical text of a value is JSON: keys sorted, no spaces, ASCII. Whole numbers and others differ (1, 1.0);
numbers that are none are NaN, Infinity and -Infinity; dates and times are their ISO text.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterator, Mapping

from git_mlvc.errors import ConfigError
from git_mlvc.formats import dotted_key
from git_mlvc.nearest import nearest

Value = Mapping[str, "Value"] | list["Value"] | str | int | float | bool | None
"""What a params file gives, once it is plain."""

MAX_VALUES = 1_000_000
"""YAML's references to earlier parts make a small file a huge value."""
_MAX_DEPTH = 100


def plain(document: object, name: str) -> Value:
    """Return what a parser gave as tables with text keys, lists and single values.

    Raises ConfigError naming the file `name`: nested too deeply or in itself, too large, two keys that are one.
    """
    count = 0

    def inside(value: object, depth: int) -> Value:
        nonlocal count
        count += 1
        if depth > _MAX_DEPTH or count > MAX_VALUES:
            why = "it is nested too deeply" if depth > _MAX_DEPTH else "it holds too many values"
            raise ConfigError(f"cannot use {name}", why=why)
        if value is None or isinstance(value, str | bool | int | float):
            return _single(value, name)
        if isinstance(value, Mapping):
            table: dict[str, Value] = {}
            for key, one in value.items():
                text = _text(key, name) if isinstance(key, str) else render(inside(key, depth + 1))
                if text in table:
                    raise ConfigError(f"{name} has the key '{text}' twice in one table")
                table[text] = inside(one, depth + 1)
            return table
        if isinstance(value, list | tuple):
            return [inside(one, depth + 1) for one in value]
        if isinstance(value, set | frozenset):
            return sorted((inside(one, depth + 1) for one in value), key=canonical)
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, bytes):
            return base64.b64encode(value).decode("ascii")
        raise ConfigError(f"cannot use {name}", why=f"it holds a {type(value).__name__}")

    return inside(document, 0)


def _single(value: str | bool | int | float | None, name: str) -> Value:
    """Return it as Python's own type; a whole number has to be one that can be written down."""
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > 4096:
            raise ConfigError(f"cannot use {name}", why="it holds a number of over 1,200 digits")
        return int(value)
    if isinstance(value, str):
        return _text(value, name)
    return float(value) if isinstance(value, float) else value


def _text(text: str, name: str) -> str:
    """JSON and YAML can write halves of characters, which no file or command line can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ConfigError(
            f"cannot use {name}", why=f"it holds half a character: {text[:20]!a}"
        ) from exc
    return str(text)


def canonical(value: Value) -> str:
    """Return the JSON text by which a value is compared with earlier ones, and written in lock files."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def render(value: Value) -> str:
    """Return a value as text: as TOML and JSON write it, but text without quotes.

    0.1, 1e-05, 3, true, false, null, nan, inf, -inf; tables and lists as canonical JSON.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return canonical(value)
    return repr(value)


def at(document: Value, key: str, name: str) -> Value:
    """Return the value of a key; the whole document for the empty one.

    Raises ConfigError naming the file `name`, the key and the nearest one there is.
    """
    if not key:
        return document
    try:
        parts = dotted_key.parse(key)
    except ValueError as exc:
        raise ConfigError(f"{name}: {exc}") from exc
    value = document
    for i, part in enumerate(parts):
        found, value = step(value, part)
        if not found:
            raise _missing(document, parts, i, name)
    return value


def step(value: Value, part: str) -> tuple[bool, Value]:
    """Return whether a table or list has this key or index, and what is there."""
    if isinstance(value, Mapping):
        return (True, value[part]) if part in value else (False, None)
    if isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 12:
        index = int(part)
        return (True, value[index]) if index < len(value) else (False, None)
    return False, None


def _missing(document: Value, parts: tuple[str, ...], known: int, name: str) -> ConfigError:
    key = dotted_key.written(parts)
    near = nearest_key(document, parts)
    why = ""
    if known:
        parent = document
        for part in parts[:known]:
            parent = step(parent, part)[1]
        above = dotted_key.written(parts[:known])
        if isinstance(parent, list):
            why = f"'{above}' is a list of {len(parent)}"
        elif not isinstance(parent, Mapping):
            why = f"'{above}' is {kind(parent)}, not a table"
    return ConfigError(
        f"{name} has no key '{key}'",
        why=why,
        hint=f"did you mean '{near}'?" if near else f"add it to {name}, or correct the stage",
    )


def nearest_key(document: Value, parts: tuple[str, ...]) -> str:
    """Return the key of the document that was most likely meant; "" if none is near."""
    wanted = dotted_key.written(parts)
    known = list(keys(document))
    if near := nearest(wanted, known):
        return near
    return nearest(parts[-1], [key for key in known if dotted_key.parse(key)[-1] == parts[-1]]) or (
        next((key for key in known if dotted_key.parse(key)[-1] == parts[-1]), "")
    )


def keys(document: Value, limit: int = 2000) -> Iterator[str]:
    """Yield the keys of all values, tables too, the shallow ones first; not all of a huge document."""
    waiting: list[tuple[tuple[str, ...], Value]] = [((), document)]
    count = 0
    while waiting and count < limit:
        following: list[tuple[tuple[str, ...], Value]] = []
        for path, value in waiting:
            children: list[tuple[str, Value]] = []
            if isinstance(value, Mapping):
                children = list(value.items())
            elif isinstance(value, list):
                children = [(str(i), one) for i, one in enumerate(value[:20])]
            for key, child in children:
                count += 1
                if count > limit:
                    return
                yield dotted_key.written((*path, key))
                following.append(((*path, key), child))
        waiting = following


def kind(value: object) -> str:
    """Return "a list", "a number" …, for messages."""
    if value is None:
        return "null"
    names = {bool: "true or false", str: "text", int: "a number", float: "a number", list: "a list"}
    for type_, name in names.items():
        if isinstance(value, type_):
            return name
    return "a table" if isinstance(value, Mapping) else "a date or time"

"""JSON files that are replaced whole: what a reader opens is what one writer wrote, from end to end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Return the table in the file; an empty one if there is no file. Raises InputError if it is anything else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        found = json.loads(data)
    except ValueError as exc:
        why = str(exc)
    else:
        if isinstance(found, dict):
            return found
        why = f"it holds a {type(found).__name__}, not a table"
    from git_mlvc.errors import InputError

    raise InputError(
        f"cannot go on with {path}",
        why=f"it is not what git_mlvc.log writes: {why}",
        hint="move it away, or start without resume=",
    )


def encode(document: Mapping[str, Any]) -> bytes:
    """Return equal bytes for equal documents. NaN and infinity are written as Python's json does: NaN, Infinity."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def replace(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Make `path` hold `data`, in one step. For one writer at a time. Raises OSError; then it is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that a process that was killed leaves nothing that the next one does not take away.
    temp = path.with_name(f".{path.name}.tmp")
    try:
        with temp.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temp.replace(path)
    except BaseException as exc:
        temp.unlink(missing_ok=True)
        if isinstance(exc, OSError) and exc.filename is None:  # a full disk does not say where
            exc.filename = str(path)
        raise


def put(document: dict[str, Any], name: str, value: object) -> None:
    """Put a value under a name with groups: "train/loss" is loss in the table train."""
    *groups, last = name.split("/")
    for group in groups:
        inner = document.get(group)
        if not isinstance(inner, dict):
            inner = document[group] = {}
        document = inner
    document[last] = value


def remove(document: dict[str, Any], name: str) -> None:
    """Take a name away, and the tables that are empty then."""
    first, _, rest = name.partition("/")
    if not rest:
        document.pop(first, None)
    elif isinstance(document.get(first), dict):
        remove(document[first], rest)
        if not document[first]:
            del document[first]


def names(document: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the names of all values."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from names(value, f"{above}{key}/")
        else:
            yield f"{above}{key}"


def merge(document: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Put all of `more` into `document`, table into table."""
    for key, value in more.items():
        inner = document.get(key)
        if isinstance(value, dict) and isinstance(inner, dict):
            merge(inner, value)
        else:
            document[key] = value

"""TOML, YAML and JSON files as values; mistakes are told with file, line and column."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

from git_mlvc.errors import ConfigError

_AT = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)\Z")

_TABLE = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+\s*(?:#.*)?\r?\Z")
_KEY = re.compile(r"""\s*((?:[\w.-]|"[^"]*"|'[^']*')+)\s*=""")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7})(?: .*)?\r?$", re.MULTILINE)
_WITH_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*\Z", re.ASCII)
MAX_SETTINGS_BYTES = 16 << 20
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How a text begins that is UTF-16."""


class LeftByMerge(ConfigError):
    """Git has left its marks of a merge in the file."""


def read_toml(path: Path) -> dict[str, Any]:
    """Raises FileNotFoundError as it comes, ConfigError for anything else that is wrong."""
    return parse_toml(read_settings(path), str(path))


def parse_toml(data: bytes, name: str) -> dict[str, Any]:
    """Raises ConfigError naming `name`, line, column and key."""
    import tomli  # only where there is a file to parse

    text = text_of(data, name)
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as exc:
        refuse_conflict(text, name)
        message = str(exc)
        at = _AT.search(message)
        end = text.count("\n") + 1, len(text) - text.rfind("\n")
        line, column = (at[1], at[2]) if at and at[1] else end
        where = f"{name}, line {line}, column {column}"
        if key := _key_at(text, int(line)):
            where += f" ({key})"
        raise ConfigError(
            f"{where} is not valid TOML", why=_AT.sub("", message), hint=f"correct {name}"
        ) from exc
    except RecursionError as exc:
        raise ConfigError(f"{name} is not valid TOML", why="it is nested too deeply") from exc
    except ValueError as exc:  # a number of thousands of digits, a date that is none
        raise ConfigError(f"{name} is not valid TOML", why=str(exc)) from exc


def parse_json(data: bytes, name: str) -> Any:
    """Return the value. Raises ConfigError naming `name`, line and column; two equal keys are a mistake."""
    import json

    text = text_of(data, name)
    try:
        return json.loads(text, object_pairs_hook=_table_once)
    except json.JSONDecodeError as exc:
        refuse_conflict(text, name)
        raise ConfigError(
            f"{name}, line {exc.lineno}, column {exc.colno} is not valid JSON",
            why=exc.msg,
            hint=f"correct {name}",
        ) from exc
    except RecursionError as exc:
        raise ConfigError(f"{name} is not valid JSON", why="it is nested too deeply") from exc
    except ValueError as exc:
        raise ConfigError(f"{name} is not valid JSON", why=str(exc)) from exc


def parse_yaml(data: bytes, name: str) -> Any:
    """Return the value of one YAML 1.2 document, None for an empty file; only plain types.

    Raises ConfigError naming `name`, line and column.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    text = text_of(data, name)
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as exc:
        refuse_conflict(text, name)
        mark = exc.problem_mark or exc.context_mark
        where = name if mark is None else f"{name}, line {mark.line + 1}, column {mark.column + 1}"
        why = " ".join(filter(None, [exc.context, exc.problem])).split("\n")[0]
        raise ConfigError(f"{where} is not valid YAML", why=why, hint=f"correct {name}") from exc
    except RecursionError as exc:
        raise ConfigError(f"{name} is not valid YAML", why="it is nested too deeply") from exc
    except (YAMLError, ValueError, TypeError, OverflowError, AttributeError, LookupError) as exc:
        # Its constructors raise whatever Python raises for a date or number that is none.
        refuse_conflict(text, name)
        why = str(exc).strip().split("\n")[0]
        raise ConfigError(f"{name} is not valid YAML", why=why, hint=f"correct {name}") from exc


def _table_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return table


def refuse_conflict(text: str, name: str) -> None:
    """Raise LeftByMerge where git has left its marks of a merge in a file."""
    marks = list(_CONFLICT.finditer(text))
    if len({mark[0][0] for mark in marks}) == 3:
        line = text.count("\n", 0, marks[0].start()) + 1
        raise LeftByMerge(
            f"{name}, line {line}: a merge has left both sides here",
            why="git could not join them",
            hint=f"edit {name} to what it should be, then: git add {name}",
        )


def read_settings(path: Path, *, max_bytes: int = MAX_SETTINGS_BYTES) -> bytes:
    """Return what a settings file holds, if it is a regular file of sane size and no link.

    Law 12: a clone may bring a link to a device that never ends, or to a file of the user's.
    Raises FileNotFoundError as it comes, ConfigError for anything else that is wrong.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(path, flags | getattr(os, "O_BINARY", 0))
        with open(fd, "rb") as file:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                raise ConfigError(f"cannot read {path}", why="it is not a regular file")
            if info.st_size > max_bytes:
                raise ConfigError(f"cannot read {path}", why=f"it has {info.st_size} bytes")
            return file.read(max_bytes)
    except FileNotFoundError:
        raise
    except OSError as exc:
        is_link = exc.errno == errno.ELOOP
        why = "it is a symbolic link" if is_link else exc.strerror or str(exc)
        hint = f"replace {path} by a file" if is_link else ""
        raise ConfigError(f"cannot read {path}", why=why, hint=hint) from exc


def _key_at(text: str, line: int) -> str:
    """Return the key that a line sets, with its table, as far as a broken file tells; else ""."""
    table = key = ""
    rows = text.split("\n")[:line]
    if rows[-1].startswith("[") and not _TABLE.match(rows[-1]):
        return ""  # the broken header of another table
    for row in rows:
        if found := _TABLE.match(row):
            table, key = found[1], ""
        elif found := _KEY.match(row):
            key = found[1]
        elif row.strip() and not row.lstrip().startswith("#"):
            key = key if row[:1] in " \t]" else ""
    return ".".join(filter(None, [table, key]))


def pointed(cell: str, delimiter: str) -> str:
    """Return a cell of a CSV, a number with a decimal comma as one with a point.

    Spreadsheets of half the world write such commas, and semicolons between cells; elsewhere a comma may mean thousands.
    """
    return cell.replace(",", ".") if delimiter == ";" and _WITH_COMMA.match(cell) else cell


def text_of(data: bytes, name: str) -> str:
    """Return the text of a file. Raises ConfigError naming `name` and line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        is_wide = data.startswith(UTF_16)
        line = data.count(b"\n", 0, exc.start) + 1
        why = "it is UTF-16, as PowerShell writes what it redirects" if is_wide else exc.reason
        raise ConfigError(
            f"{name}, line {line} is not UTF-8 text", why=why, hint="save it as UTF-8"
        ) from exc

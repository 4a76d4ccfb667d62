"""TOML files as values; mistakes are told with file, line and column."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from git_mlvc.errors import ConfigError

_AT = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read_toml(path: Path) -> dict[str, Any]:
    """Raises FileNotFoundError as it comes, ConfigError for anything else that is wrong."""
    return parse_toml(_read(path), str(path))


def parse_toml(data: bytes, name: str) -> dict[str, Any]:
    """Raises ConfigError naming `name`, line and column."""
    import tomli  # only where there is a file to parse

    text = _text(data, name)
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as exc:
        message = str(exc)
        at = _AT.search(message)
        line, column = (at[1], at[2]) if at and at[1] else (text.count("\n") + 1, None)
        where = f"{name}, line {line}" + (f", column {column}" if column else "")
        raise ConfigError(
            f"{where} is not valid TOML", why=_AT.sub("", message), hint=f"correct {name}"
        ) from exc
    except RecursionError as exc:
        raise ConfigError(f"{name} is not valid TOML", why="it is nested too deeply") from exc


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise ConfigError(f"cannot read {path}", why=exc.strerror or str(exc)) from exc


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{name}, line {line} is not UTF-8 text", why=exc.reason) from exc

"""Editing the tracked `mlvc.toml`: one value at a time, comments and order kept.

Reading it is `settings.py`'s affair; a file with a mistake in it is refused, never rewritten.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from git_mlvc.errors import ConfigError, InputError

if TYPE_CHECKING:
    import tomlkit

NAME = "mlvc.toml"
_FIRST = """\
# Settings of git-mlvc for everybody who works with this repository; no secrets here.
#
# [remote.NAME]            where data is kept:   git mlvc remote add NAME URL
# url = "/path or s3://…"
#
# [track]                  smaller files stay in git itself
# min_size = "100kB"
#
# [track."models/**"]      their data goes to another remote:   git mlvc track 'models/**' --remote NAME
# remote = "archive"
#
# [fetch]                  what pull and checkout bring by themselves
# include = ["data/"]
# max_size = "2GiB"
"""


def create_if_absent(top: Path) -> bool:
    """Write a first `mlvc.toml` that sets nothing; False if there is one."""
    from git_mlvc.fs import atomic

    path = top / NAME
    if path.is_symlink() or path.exists():
        return False
    atomic.write_file(path, _FIRST.encode())
    return True


def set_value(top: Path, keys: Sequence[str], value: str | int) -> None:
    """Set e.g. `("remote", "lab", "url")`, making the file and the tables on the way.

    Raises ConfigError when the file cannot be parsed or a key on the way is not a table.
    """
    set_values(top, {tuple(keys): value})


def set_values(top: Path, values: Mapping[tuple[str, ...], str | int]) -> None:
    """As `set_value`, for several at once: all of them or none."""
    document = _read(top)
    for keys, value in values.items():
        _set(document, keys, value)
    _write(top, document)


def rename_remote(top: Path, old: str, new: str) -> None:
    """Give a remote another name wherever the file names it. Raises ConfigError."""
    import tomlkit

    from git_mlvc.worktree.toml_names import renamed

    text = renamed(tomlkit.dumps(_read(top)), "remote", old, new, name=NAME)
    document = tomlkit.parse(text)
    plain = document.unwrap()
    if plain["remote"].get("default") == old:
        _set(document, ("remote", "default"), new)
    for pattern, settings in plain.get("track", {}).items():
        if isinstance(settings, dict) and settings.get("remote") == old:
            _set(document, ("track", pattern, "remote"), new)
    _write(top, document)


def held(top: Path) -> bytes | None:
    """Return what the file holds, to be given back to `put_back`; None if there is none."""
    path = top / NAME
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def put_back(top: Path, data: bytes | None) -> None:
    """Undo what was done since `held`."""
    from git_mlvc.fs import atomic

    path = top / NAME
    if held(top) == data:
        return
    if data is None:
        path.unlink()
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    atomic.write_file(path, data, permissions=atomic.Permissions(file_mode=mode))


def remove(top: Path, keys: Sequence[str]) -> bool:
    """Remove a value or a whole table; False if it is not there. Raises ConfigError as above."""
    if not (top / NAME).exists():
        return False
    document = _read(top)
    tables: list[Any] = [document]
    for key in keys[:-1]:
        tables.append(tables[-1].get(key) if hasattr(tables[-1], "get") else None)
        if tables[-1] is None:
            return False
    if not hasattr(tables[-1], "keys") or keys[-1] not in tables[-1]:
        return False
    for table, key in zip(reversed(tables), reversed(keys), strict=True):
        del table[key]
        if len(table):  # a table that has become empty goes as well
            break
    _write(top, document)
    return True


def _set(document: tomlkit.TOMLDocument, keys: Sequence[str], value: str | int) -> None:
    import tomlkit

    table: Any = document
    for depth, key in enumerate(keys[:-1]):
        if key not in table:
            table[key] = tomlkit.table(is_super_table=depth < len(keys) - 2)
        table = table[key]
        if not hasattr(table, "keys"):
            raise ConfigError(f"{NAME}: {'.'.join(keys[: depth + 1])} should be a table")
    table[keys[-1]] = value


def _read(top: Path) -> tomlkit.TOMLDocument:
    import tomlkit

    from git_mlvc.fs import structured

    path = top / NAME
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return tomlkit.document()
    # Law 12: a clone may bring `mlvc.toml` as a link to a file of the user's.
    if not stat.S_ISREG(mode):
        raise InputError(f"{NAME} is not a regular file", hint=f"replace {path} by a file")
    data = path.read_bytes()
    structured.parse_toml(data, NAME)  # for its error: file, line, column
    return tomlkit.parse(data)


def _write(top: Path, document: tomlkit.TOMLDocument) -> None:
    import tomlkit

    from git_mlvc.fs import atomic

    path = top / NAME
    permissions = atomic.Permissions()
    if path.exists():
        permissions = atomic.Permissions(file_mode=stat.S_IMODE(path.stat().st_mode))
    atomic.write_file(path, tomlkit.dumps(document).encode(), permissions=permissions)

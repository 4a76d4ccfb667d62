"""Edits of a stage file: one stage added, removed, frozen; comments, order and everything else stay. Pure.

What comes out is checked by whoever writes it (`stage_commands.py`): an edit never leaves stages that do
not fit together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from git_mlvc.errors import UsageError
from git_mlvc.fs.structured import parse_toml

if TYPE_CHECKING:
    import tomlkit

Entry = str | Mapping[str, object]
_LONG_LIST = 72  # characters; longer lists have a line for each item


def added(
    data: bytes, name: str, table: Mapping[str, object], file: str, *, replace: bool = False
) -> bytes:
    """Return the file with `[stage.NAME]` at its end, or in the place of the one it replaces.

    `table`: what was given, in order; empty lists and None are left out. Raises UsageError if there is such
    a stage already, ConfigError if the file cannot be parsed.
    """
    import tomlkit

    document = _parsed(data, file)
    stages = _stages(document)
    if name in stages and not replace:
        raise UsageError(
            f"{file} has a stage '{name}' already",
            hint=f"choose another name, or replace it with --force: git mlvc stage add --force -n {name} …",
        )
    is_inline = isinstance(
        stages, tomlkit.items.InlineTable
    )  # stage = {…}: no [stage.x] may follow
    made: Any = tomlkit.inline_table() if is_inline else tomlkit.table()
    for key, value in table.items():
        if value is None or value == [] or value is False:
            continue
        made.add(key, _item(value))
    if name in stages or is_inline:
        stages[name] = made
        return _written(document.as_string(), data)
    # A table of its own, at the end: what others wrote keeps its place.
    text = tomlkit.dumps(document)
    own = tomlkit.document()
    own.add("stage", tomlkit.table(is_super_table=True))
    own["stage"].add(name, made)
    gap = "" if not text.strip() else "\n" if text.endswith("\n") else "\n\n"
    return _written(text + gap + tomlkit.dumps(own), data)


def removed(data: bytes, name: str, file: str) -> bytes:
    """Return the file without a stage. Raises UsageError if there is none, ConfigError."""
    import tomlkit

    document = _parsed(data, file)
    stages = _stages(document)
    _known(stages, name, file)
    del stages[name]
    if not len(stages):
        del document["stage"]
    text = tomlkit.dumps(document)
    if text.endswith(("\n\n", "\n\r\n")) and not data.endswith((b"\n\n", b"\n\r\n")):
        text = text.rstrip("\r\n") + "\n"  # the line that parted the last stage from the rest
    return _written(text, data)


def frozen(data: bytes, name: str, file: str, *, is_frozen: bool) -> bytes:
    """Return the file with a stage frozen, or no longer. Raises as `removed`."""
    import tomlkit

    document = _parsed(data, file)
    stages = _stages(document)
    _known(stages, name, file)
    table = stages[name]
    if is_frozen:
        table["frozen"] = True
    elif "frozen" in table:
        del table["frozen"]
    return _written(tomlkit.dumps(document), data)


def _written(text: str, before: bytes) -> bytes:
    """Return the bytes of a file, with the line ends that it had before where all were alike."""
    if b"\r\n" in before and before.count(b"\n") == before.count(b"\r\n"):
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return text.encode()


def _parsed(data: bytes, file: str) -> tomlkit.TOMLDocument:
    import tomlkit

    parse_toml(data, file)  # for its error: file, line, column
    return tomlkit.parse(data.decode("utf-8-sig"))


def _stages(document: tomlkit.TOMLDocument) -> Any:
    found = document.get("stage", {})
    return found if hasattr(found, "keys") else {}


def _known(stages: Any, name: str, file: str) -> None:
    if name not in stages:
        raise UsageError(f"{file} has no stage '{name}'", hint="git mlvc stage list")


def _item(value: object) -> Any:
    import tomlkit

    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for key, one in value.items():
            table.add(key, _item(one))
        return table
    if isinstance(value, Sequence) and not isinstance(value, str):
        array = tomlkit.array()
        for one in value:
            array.append(_item(one))
        array.multiline(len(array.as_string()) > _LONG_LIST)
        return array
    return tomlkit.item(value)

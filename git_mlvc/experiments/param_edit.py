"""Setting values in the text of a params file: comments, order and layout stay. Pure.

A single value is put in the place of the old one, byte for byte between what stands around it; TOML by tomlkit,
YAML and JSON by where the old value stands. What that cannot do (aliases, merged keys, blocks) YAML's round trip
does. Whatever was done, the new text is read again, and has to hold exactly the old values and the new one; only
what refers to a value of YAML changes with it.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from git_mlvc.errors import ConfigError, MlvcError
from git_mlvc.formats import dotted_key
from git_mlvc.pipeline.parameters import param_values, params
from git_mlvc.pipeline.parameters.param_values import Value

_SPACE = re.compile(r"[ \t\r\n]*")
_PLAIN_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none"})
_TABLE_BELOW = re.compile(
    r"^( *)[^\s#-][^\n]*:[^\S\n]*(?:[#&][^\n]*)?\r?\n(\1 +)[^\s#-]", re.MULTILINE
)
_LIST_BELOW = re.compile(
    r"^( *)[^\s#-][^\n]*:[^\S\n]*(?:[#&][^\n]*)?\r?\n(\1 *)-( +)\S", re.MULTILINE
)
_BOM = b"\xef\xbb\xbf"
_WIDE = 1 << 30  # columns: no line is broken anew


def edited(data: bytes, name: str, changes: Mapping[str, object]) -> bytes:
    """Return the file `name` with each value of `changes` (keys as in stage files) set.

    The keys are there already. Values are those of JSON; a text may stand for a date where a date is.
    Raises ConfigError: the file is broken, a key is not there, a value that this format cannot hold.
    """
    for key, value in changes.items():
        data = _with(data, name, key, value)
    return data


def _with(data: bytes, name: str, key: str, value: object) -> bytes:
    before = params.parse(data, name)
    param_values.at(before, key, name)
    parts = dotted_key.parse(key)
    wanted = param_values.canonical(_replaced(before, parts, value))
    trouble = ""
    also_elsewhere = None
    for edit in _EDITS[_ending(name)]:
        try:
            made = _of_text(data, edit, parts, value)
            after = params.parse(made, name)
            if param_values.canonical(after) == wanted:
                return made
            if edit is _in_yaml_text and _has(after, key, value, name):
                also_elsewhere = made
        except (_CannotEdit, MlvcError) as exc:
            trouble = str(exc)
    if also_elsewhere is not None:
        return also_elsewhere  # YAML: others refer to it, and follow
    raise ConfigError(
        f"cannot set '{key}' in {name} to {param_values.render(value)}",  # type: ignore[arg-type]
        why=trouble or "the file would not read the same after it",
        hint=f"set it in {name} by hand",
    )


def _has(document: Value, key: str, value: object, name: str) -> bool:
    found = param_values.at(document, key, name)
    return param_values.canonical(found) == param_values.canonical(value)  # type: ignore[arg-type]


class _CannotEdit(Exception):
    """This way of editing does not do; another may."""


Edit = Callable[[str, tuple[str, ...], object], str]


def _of_text(data: bytes, edit: Edit, parts: tuple[str, ...], value: object) -> bytes:
    bom = _BOM if data.startswith(_BOM) else b""
    return bom + edit(data[len(bom) :].decode("utf-8"), parts, value).encode("utf-8")


def _ending(name: str) -> str:
    return name.rstrip('"').rpartition(".")[2].lower()


def _replaced(document: Value, parts: tuple[str, ...], value: object) -> Any:
    whole: Any = copy.deepcopy(document)
    parent, last = _parent(whole, parts)
    parent[last] = value
    return whole


def _parent(document: Any, parts: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the table or list that holds the value, and its key or index there."""
    for part in parts[:-1]:
        document = document[_own_key(document, part)]
    return document, _own_key(document, parts[-1])


def _own_key(parent: Any, part: str) -> Any:
    """Return the key as the parser holds it: YAML has keys that are numbers."""
    if isinstance(parent, list):
        return int(part)
    if part in parent:
        return part
    for key in parent:
        if not isinstance(key, str) and param_values.render(key) == part:
            return key
    raise _CannotEdit(f"'{part}' is not found in it")


# -- TOML


def _in_toml(text: str, parts: tuple[str, ...], value: object) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if _has_null(value):
        raise _CannotEdit("TOML has no null")
    try:
        document = tomlkit.parse(text)
        parent, last = _parent(document, parts)
        old = parent[last]
        if _is_table(old) and not isinstance(value, Mapping):
            raise _CannotEdit("it is a table")
        is_date = hasattr(old, "isoformat") and isinstance(value, str)
        new = tomlkit.value(str(value)) if is_date else _toml_item(value, is_table=_is_table(old))
        if is_date and not hasattr(new, "isoformat"):
            raise _CannotEdit("it is a date or time")
        parent[last] = new
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, ValueError, IndexError) as exc:
        raise _CannotEdit(str(exc)) from exc


def _is_table(old: object) -> bool:
    from tomlkit.items import AoT, Table

    return isinstance(old, Table | AoT)


def _toml_item(value: object, *, is_table: bool) -> Any:
    """Return a value as one that stands in a line, or in the place of a `[table]`."""
    import tomlkit

    if is_table or not isinstance(value, Mapping | list):
        return tomlkit.item(value)
    if isinstance(value, list):
        array = tomlkit.array()
        for one in value:
            array.append(_toml_item(one, is_table=False))
        return array
    table = tomlkit.inline_table()
    for key, one in value.items():
        table.append(key, _toml_item(one, is_table=False))
    return table


def _has_null(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(_has_null, value)))


# -- JSON


def _in_json(text: str, parts: tuple[str, ...], value: object) -> str:
    try:
        begin, end = _json_span(text, parts)
    except (ValueError, IndexError) as exc:
        raise _CannotEdit(str(exc)) from exc
    return text[:begin] + json.dumps(value, ensure_ascii=False, allow_nan=False) + text[end:]


def _json_span(text: str, parts: tuple[str, ...]) -> tuple[int, int]:
    """Return where a value stands. Of a key that is there twice, the last one counts."""
    decoder = json.JSONDecoder()
    at = _after_space(text, 0)
    for part in parts:
        is_table = text[at] == "{"
        found = -1
        at = _after_space(text, at + 1)
        index = 0
        while text[at] not in "}]":
            key = str(index)
            if is_table:
                key, at = decoder.raw_decode(text, at)
                at = _after_space(text, _after_space(text, at) + 1)  # the colon
            if key == part:
                found = at
            at = _after_space(text, decoder.raw_decode(text, at)[1])
            if text[at] == ",":
                at = _after_space(text, at + 1)
            index += 1
        if found < 0:
            raise ValueError(f"'{part}' is not found in it")
        at = found
    return at, decoder.raw_decode(text, at)[1]


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


# -- YAML


def _in_yaml_text(text: str, parts: tuple[str, ...], value: object) -> str:
    """Put the value in the place of a single one, or of one in brackets."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.nodes import CollectionNode

    try:
        node = YAML(typ="rt").compose(io.StringIO(text, newline=""))
        for part in parts:
            node = _yaml_child(node, part)
    except YAMLError as exc:
        raise _CannotEdit(str(exc)) from exc
    begin, end = node.start_mark.index, node.end_mark.index
    is_block = isinstance(node, CollectionNode) and not node.flow_style
    if is_block or getattr(node, "style", None) in ("|", ">") or begin == end:
        raise _CannotEdit("it is not a single value")
    is_plain = not isinstance(node, CollectionNode) and not node.style
    return text[:begin] + _yaml(value, is_plain=is_plain) + text[end:]


def _yaml_child(node: Any, part: str) -> Any:
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, SequenceNode):
        return node.value[int(part)]
    found = None
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == part:
                found = value
    if found is None:
        raise _CannotEdit(f"'{part}' is not written there")
    return found


def _yaml(value: object, *, is_plain: bool) -> str:
    """Return a value in YAML's flow style, as both versions of YAML read it."""
    if isinstance(value, str):
        if is_plain and _PLAIN_TEXT.match(value) and value.lower() not in _RESERVED:
            return value
        return '"' + "".join(map(_yaml_sign, value)) + '"'
    if isinstance(value, float):
        shown = repr(value)
        mantissa, e, exponent = shown.partition("e")  # without a dot it is text to YAML 1.1
        return shown if not e or "." in mantissa else f"{mantissa}.0e{exponent}"
    if isinstance(value, Mapping):
        rows = (f"{_yaml(k, is_plain=False)}: {_yaml(v, is_plain=False)}" for k, v in value.items())
        return "{" + ", ".join(rows) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(one, is_plain=False) for one in value) + "]"
    return json.dumps(value)


def _yaml_sign(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    return sign if sign.isprintable() else f"\\U{ord(sign):08x}"


def _in_yaml_tree(text: str, parts: tuple[str, ...], value: object) -> str:
    """Read all of it with its comments, set the value, write all of it."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml: Any = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    mapping, sequence, offset = _indents(text)
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    yaml.line_break = "\r\n" if "\r\n" in text else "\n"
    try:
        document = yaml.load(text)
        parent, last = _parent(document, parts)
        parent[last] = value
        out = io.StringIO(newline="")
        yaml.dump(document, out)
    except (YAMLError, KeyError, TypeError, ValueError, IndexError) as exc:
        raise _CannotEdit(str(exc)) from exc
    return out.getvalue()


def _indents(text: str) -> tuple[int, int, int]:
    """Return how far tables, the items of lists, and their dashes are indented, by the first of each."""
    table = _TABLE_BELOW.search(text)
    items = _LIST_BELOW.search(text)
    mapping = len(table[2]) - len(table[1]) if table is not None else 2
    if items is None:
        return max(mapping, 1), 2, 0
    offset = len(items[2]) - len(items[1])
    return max(mapping, 1), offset + 1 + len(items[3]), max(offset, 0)


_EDITS: dict[str, tuple[Edit, ...]] = {
    "toml": (_in_toml,),
    "json": (_in_json,),
    "yaml": (_in_yaml_text, _in_yaml_tree),
    "yml": (_in_yaml_text, _in_yaml_tree),
}

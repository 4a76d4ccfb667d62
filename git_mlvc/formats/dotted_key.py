"""Keys of values in a document: `train.lr`, `layers.0`, `layers[0]`, `train."learning.rate"`. Pure.

One canonical form: parts with dots between them, list indices as parts, quotes only where a part needs them.
"""

from __future__ import annotations

import json
import re

_PART = re.compile(
    r"""\[\s*([0-9]+)\s*\]|"((?:[^"\\]|\\.)*)"|'([^']*)'|([^.\[\]"'\s{}:][^.\[\]"'{}:]*)"""
)
_PLAIN = r"""[^.\[\]"'\s{}:\\\x00-\x1f\x7f-\x9f]+"""
_BARE = re.compile(rf"{_PLAIN}(?:[ ]{_PLAIN})*\Z")


def parse(text: str) -> tuple[str, ...]:
    """Return the parts of a key; at least one. Raises ValueError saying what is wrong with it."""
    parts: list[str] = []
    at = 0
    text = text.strip()
    if not text:
        raise ValueError("the name is empty")
    while True:
        found = _PART.match(text, at)
        if found is None or (found[1] is not None and not parts):
            raise ValueError(f"'{text}' is not a name like train.lr or layers[0]")
        parts.append(_part(found))
        at = found.end()
        if at == len(text):
            return tuple(parts)
        if text[at] == ".":
            at += 1
        elif text[at] != "[":
            raise ValueError(f"'{text}' is not a name like train.lr or layers[0]")


def written(parts: tuple[str, ...]) -> str:
    """Return the canonical text of a key: the inverse of `parse`."""
    return ".".join(
        part if _BARE.match(part) else json.dumps(part, ensure_ascii=not part.isprintable())
        for part in parts
    )


def _part(found: re.Match[str]) -> str:
    index, double, single, bare = found.groups()
    if index is not None:
        return str(int(index)) if len(index) < 20 else index
    if double is not None:
        try:
            return str(json.loads(f'"{double}"', strict=False))
        except ValueError as exc:
            raise ValueError(f'"{double}" has an escape that is none') from exc
    return single if single is not None else bare.rstrip()

"""Merging lock files stage by stage. Pure; docs/adr/0020 says why there are no conflicts.

A block is one true sentence: these inputs gave these outs. On whatever branch it was said, it stays true, and
`repro` compares it with what stands there. So of two that differ either may stay; *ours* does, as it does
for the pointers of the outs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from git_mlvc.pipeline.lock_files import lock_file


@dataclass(frozen=True, slots=True)
class Merged:
    """The file that came of it, and the stages that both sides had changed, each in its own way."""

    data: bytes
    rivals: tuple[str, ...]


def merge(base: bytes, ours: bytes, theirs: bytes, file: str) -> Merged:
    """Merge three versions of a lock file; an empty one (it was not there) holds nothing. Raises FormatError."""
    old, our, their = (lock_file.split(data, file) if data else {} for data in (base, ours, theirs))
    merged: dict[str, bytes] = {}
    rivals: list[str] = []
    for name in old.keys() | our.keys() | their.keys():
        block = _block(name, old, our, their)
        if block is not None:
            merged[name] = block
        if _is_rival(old.get(name), our.get(name), their.get(name)):
            rivals.append(name)
    return Merged(lock_file.join(merged), tuple(sorted(rivals)))


def _block(
    name: str, old: Mapping[str, bytes], our: Mapping[str, bytes], their: Mapping[str, bytes]
) -> bytes | None:
    one, two = our.get(name), their.get(name)
    if one == old.get(name):
        return two
    if two == old.get(name):
        return one
    # Gone on one side, new on the other: kept. If the stage is gone, the next result drops it.
    return one if one is not None else two


def _is_rival(old: bytes | None, one: bytes | None, two: bytes | None) -> bool:
    return one is not None and two is not None and one != two and old not in (one, two)

"""Our values as JSON holds them: ids, paths and sums as text, numbers as numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum

from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath


def json_form(value: object) -> object:
    """Return the JSON form of a value.

    A `RepoPath` becomes text in which each byte that is not UTF-8 is a lone surrogate (U+DC80 to
    U+DCFF, Python's surrogateescape), so no name is lost. Sets are sorted. Raises TypeError for
    what has no form here.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, RepoPath):
        return value.text
    if isinstance(value, Oid):
        return str(value)
    if isinstance(value, Enum):
        return json_form(value.value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(json_form(key)): json_form(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((json_form(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [json_form(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: json_form(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if hasattr(value, "__fspath__"):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")

"""What cleaning one more small file costs, counted in system calls."""

from __future__ import annotations

import builtins
import os
from collections import Counter
from typing import Any

import pytest
from support.content import noise
from support.filter_place import Place

from git_mlvc.filter import rooms


def _counting(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, counts: Counter[str]) -> None:
    call = getattr(owner, name)

    def counted(*args: Any, **options: Any) -> Any:
        counts[name] += 1
        return call(*args, **options)

    monkeypatch.setattr(owner, name, counted)


def test_a_small_file_costs_two_writes_and_a_look_for_an_index(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk, then the journal that vouches for it, before the pointer leaves: law 1."""
    cleaner = rooms.cleaner(place, place.said.append)  # type: ignore[arg-type]
    contents = [noise(4096, seed) for seed in range(40)]
    cleaner.clean_bytes(b"first", contents.pop())
    counts: Counter[str] = Counter()
    with monkeypatch.context() as patched:
        for name in ("open", "pwrite", "stat", "lstat", "fsync", "access", "utime"):
            _counting(patched, os, name, counts)
        _counting(patched, builtins, "open", counts)
        for number, content in enumerate(contents):
            cleaner.clean_bytes(b"%d" % number, content)
    cleaner.close()
    assert counts == {"pwrite": 2 * len(contents), "access": len(contents)}

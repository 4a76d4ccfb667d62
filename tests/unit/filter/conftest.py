"""A place for a filter, with a real store."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.filter_place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")

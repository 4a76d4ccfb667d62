"""A worktree full of stubs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stubs import Stubbed, stubbed


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stubbed]:
    made = stubbed(tmp_path)
    yield made
    made.store.close()

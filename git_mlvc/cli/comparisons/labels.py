"""How values are called: by key alone, unless somewhere two files have the same one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from git_mlvc.experiments.values_at import Reading
    from git_mlvc.repo_path import RepoPath


class Labels:
    """The names of the values of some readings."""

    def __init__(self, found: Sequence[Reading]) -> None:
        counts = [
            Counter(key for file in reading.files for key in file.values) for reading in found
        ]
        self._twice = {key for one in counts for key, count in one.items() if count > 1}

    def __call__(self, path: RepoPath, key: str) -> str:
        return f"{path}:{key}" if key in self._twice else key

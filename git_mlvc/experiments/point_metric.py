"""The metric that a search makes large or small, of an experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError, UsageError
from git_mlvc.metrics import goals, numbers
from git_mlvc.nearest import nearest
from git_mlvc.pipeline.revision import Revisions

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.store.store import Store


_PREFIX = "metrics."  # as in the columns of `exp show`
Place = tuple[str, str]
"""A metrics file, and a key in it."""


class PointMetric:
    """`name`: a key of a metrics file or the end of one, or FILE:KEY; `metrics.` may stand before it."""

    def __init__(self, repo: Repository, store: Store, name: str) -> None:
        self._repo = repo
        self._store = store
        self._file, _, self._key = name.rpartition(":")

    def of(self, commit: str) -> float | None:
        """Return the number that a commit has; None if it has none that can be compared (NaN, not there).

        Raises UsageError: there are metrics, and the name means none or several of them.
        """
        found = self._numbers(commit)
        meant = self._meant(found, self._file, self._key) or self._meant(
            found, self._file.removeprefix(_PREFIX), self._key.removeprefix(_PREFIX)
        )
        if len(meant) > 1:
            names = [f"{file}:{key}" for file, key in meant]
            raise UsageError(
                f"'{self._key}' could be {' or '.join(names[:5])}", hint=f"write {names[0]}"
            )
        if not meant and found:
            keys = [key for _, key in found]
            near = nearest(self._key, keys)
            raise UsageError(
                f"there is no metric '{self._key}'",
                why=f"there are {', '.join(keys[:8])}",
                hint=f"did you mean '{near}'?" if near else "",
            )
        value = next(iter(meant.values()), math.nan)
        return float(value) if math.isfinite(value) else None

    @staticmethod
    def _meant(found: Mapping[Place, float], file: str, name: str) -> dict[Place, float]:
        return {
            (one, key): found[one, key]
            for one in {path for path, _ in found if file in ("", path)}
            for key in goals.matching(name, [key for path, key in found if path == one])
        }

    def _numbers(self, commit: str) -> dict[Place, float]:
        found: dict[Place, float] = {}
        with Revisions(self._repo, self._store) as revisions:
            at = revisions.at(commit)
            try:
                for path, _ in at.metric_files():
                    data = at.read(path)
                    of_file = {} if data is None else numbers.of(data, path.text)
                    found |= {(path.text, key): value for key, value in of_file.items()}
            except MlvcError:
                return found
        return found

"""What a commit, or the worktree, has to show: parameters, metrics, and which values are better. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[str, str]
"""A file from the top, and a dotted key in it."""


@dataclass(frozen=True, slots=True)
class Findings:
    """`goals`: "max" or "min", of the metrics whose stage says so. `problems`: what could not be read, and why.

    `is_final`: False where data was not here, so that another look may find more.
    """

    params: Mapping[Place, object] = field(default_factory=dict, hash=False)
    metrics: Mapping[Place, int | float] = field(default_factory=dict, hash=False)
    goals: Mapping[Place, str] = field(default_factory=dict, hash=False)
    problems: tuple[str, ...] = ()
    is_final: bool = True

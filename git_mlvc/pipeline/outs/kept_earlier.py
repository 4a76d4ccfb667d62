"""What `replaced` has kept of earlier: how much it is, and removing what is old enough where the user says so.

Nothing here goes by itself: it may be the only copy (law 11).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.fs import copies
from git_mlvc.pipeline.outs.replaced import FOLDER

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was moved out of the way at one time. `made_at_s`: when, seconds since 1970."""

    place: Path
    files: int
    size_bytes: int
    made_at_s: float


def kept(repo: Repository) -> list[Earlier]:
    """Return all that is kept of this worktree, the oldest first."""
    try:
        names = sorted(os.listdir(repo.state_dir / FOLDER))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [_seen(repo.state_dir / FOLDER / name) for name in names]


def older(found: Iterable[Earlier], before_s: float) -> list[Earlier]:
    """Return what was moved away before a moment."""
    return [one for one in found if one.made_at_s <= before_s]


def remove(found: Iterable[Earlier]) -> None:
    """Delete it. Raises OSError."""
    for one in found:
        copies.remove(one.place)


def _seen(place: Path) -> Earlier:
    info = os.lstat(place)
    files = size_bytes = 0
    for folder, inner, names in os.walk(place):
        for name in [*inner, *names]:
            one = os.lstat(os.path.join(folder, name))
            if not stat.S_ISDIR(one.st_mode):
                files += 1
                size_bytes += one.st_size
    return Earlier(place, files, size_bytes, info.st_ctime)

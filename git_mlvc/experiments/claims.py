"""Who is making which experiment: a file for each in `<git common dir>/mlvc/exp/owners`, named like it.

A claim is made and taken away under one lock, so that what a dead process left is never confused with what
a living one has just begun under the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, UsageError
from git_mlvc.fs.atomic import write_file
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner, is_alive

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_LOCK_S = 60.0


def home(repo: Repository) -> Path:
    """Return where all worktrees of a clone keep what concerns experiments that are no commits yet."""
    return repo.common_dir / "mlvc" / "exp"


def in_place(repo: Repository) -> Path:
    """Return where it is written down what an experiment in this very worktree has set (`in_place`)."""
    return repo.state_dir / "exp-in-place.json"


def is_in_place(repo: Repository) -> bool:
    """True if an experiment is made in this very worktree, or was when its process was killed."""
    return os.path.lexists(in_place(repo))


def claimed(repo: Repository) -> list[str]:
    """Return the names of the experiments that are being made, or were when their process was killed."""
    try:
        return sorted(path.name for path in _owners(repo).iterdir() if path.name[0] != ".")
    except FileNotFoundError:
        return []


def is_held(repo: Repository, name: str) -> bool:
    """True if a living process has it, or one of which we cannot tell (law 9)."""
    try:
        owner = Owner.decode((_owners(repo) / name).read_bytes())
    except FileNotFoundError:
        return False
    except (OSError, FormatError):
        return True
    return is_alive(owner) is not False


def check_free(repo: Repository, name: str) -> None:
    """Raises UsageError if somebody is making an experiment of this name."""
    if is_held(repo, name):
        raise UsageError(
            f"an experiment '{name}' is being made by another process",
            hint=f"choose another name, wait for it, or: git mlvc exp stop {name}",
        )


def claim(repo: Repository, name: str) -> None:
    """Take a name for this process. Raises UsageError if somebody has it."""
    with locked(repo):
        if (_owners(repo) / name).exists():
            raise UsageError(
                f"an experiment '{name}' is being made by another process",
                hint="choose another --name, or wait for it",
            )
        for left in _owners(repo).glob(".*.tmp"):  # killed in the middle of this
            left.unlink()
        # In one step: half of a claim would be somebody's of whom nobody can tell.
        write_file(_owners(repo) / name, Owner.current().encode(), durable=False)


def release(repo: Repository, name: str) -> None:
    """Give a name back."""
    (_owners(repo) / name).unlink(missing_ok=True)


@contextmanager
def locked(repo: Repository) -> Iterator[None]:
    """Nobody else makes or removes claims meanwhile. Raises StoreLocked."""
    _owners(repo).mkdir(parents=True, exist_ok=True)
    with FileLock(home(repo) / "lock", timeout_s=_LOCK_S):
        yield


def _owners(repo: Repository) -> Path:
    return home(repo) / "owners"

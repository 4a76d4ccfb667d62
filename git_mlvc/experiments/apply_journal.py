"""Which experiment is on its way into this worktree, written down for as long as git writes the files.

Killed meanwhile, git leaves some files as they were, some new, and one half-written. Applying the same again reads from
here that such a file is no work of the user's.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.fs.atomic import write_file

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_NAME = "exp-apply.json"


@dataclass(frozen=True, slots=True)
class Journal:
    """An experiment and its commit, applied on `head`. `before`: the tree of git's index just before that.

    `is_told`: the user knows that it was killed.
    """

    name: str
    commit: str
    head: str
    before: str
    is_told: bool = False


def begin(repo: Repository, journal: Journal) -> None:
    """Raises OSError."""
    _place(repo).parent.mkdir(parents=True, exist_ok=True)
    write_file(_place(repo), json.dumps(asdict(journal)).encode("ascii"), durable=False)


def end(repo: Repository) -> None:
    """All files stand there, or nothing was done."""
    _place(repo).unlink(missing_ok=True)


def is_there(repo: Repository) -> bool:
    """True if one is being applied, or was when its process was killed."""
    return os.path.lexists(_place(repo))


def read(repo: Repository) -> Journal | None:
    """Return what is written there; None for nothing, and for what says nothing sensible."""
    try:
        value = json.loads(_place(repo).read_bytes())
        return Journal(**{key: value[key] for key in Journal.__slots__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def told(repo: Repository, journal: Journal) -> None:
    """The user has been told of it."""
    begin(repo, replace(journal, is_told=True))


def _place(repo: Repository) -> Path:
    return repo.state_dir / _NAME

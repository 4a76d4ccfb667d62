"""What the next `repro` will find where a run that was killed had set outs aside: for those who only look.

`set_aside.recover` puts it right, and needs the lock of the worktree; a plan changes nothing, and still has to say
what that `repro` will do.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError
from git_mlvc.fs.owner import is_alive
from git_mlvc.pipeline.model import FileState
from git_mlvc.pipeline.outs import aside_journal
from git_mlvc.pipeline.outs.set_aside import FOLDER
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


def coming_back(repo: Repository) -> dict[RepoPath, FileState | None]:
    """Return what will stand where runs of this worktree that were killed left something; None: nothing.

    Whoever is out of our sight has ended by the time the lock is free. A journal that cannot be read is the
    affair of the `repro`.
    """
    found: dict[RepoPath, FileState | None] = {}
    for file in sorted((repo.state_dir / FOLDER).glob(f"*{aside_journal.SUFFIX}")):
        try:
            journal = aside_journal.read(file)
        except (OSError, FormatError):
            continue
        if journal is None or journal.is_over or is_alive(journal.owner):
            continue
        for item in journal.items:
            if item.aside is None:
                found[item.path] = None
            elif item.state is not None and os.path.lexists(item.aside):
                found[item.path] = item.state
    return found

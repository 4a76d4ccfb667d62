"""From a path in a repository to a path on disk, without leaving the worktree.

`RepoPath` settles what the text may say; here the disk is asked: a directory on the way may have been
replaced by a symbolic link that leads elsewhere (law 12).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from git_mlvc.errors import InputError
from git_mlvc.repo_path import RepoPath


def resolve_inside(top: Path, path: RepoPath) -> Path:
    """Return where `path` stands under `top`. It need not exist; nor need its directories.

    Raises InputError if something on the way is a symbolic link or not a directory. The last part is
    not looked at: use lstat on it, and replace it by rename, never through it.
    """
    parts = path.text.split("/")
    if os.sep == "\\" and any("\\" in part or ":" in part for part in parts):
        raise InputError(f"cannot use {path}", why="the name is not possible on this system")
    place = top
    for part in parts[:-1]:
        place = place / part
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            break
        except OSError as exc:
            raise InputError(f"cannot use {path}", why=exc.strerror or str(exc)) from exc
        if stat.S_ISLNK(mode):
            raise InputError(
                f"cannot use {path}",
                why=f"'{part}' on the way to it is a symbolic link and could lead anywhere",
            )
        if not stat.S_ISDIR(mode):
            raise InputError(f"cannot use {path}", why=f"'{part}' on the way to it is a file")
    return top.joinpath(*parts)

"""A directory for work in hand, in the worktree's git dir; a killed process's is cleared away by the next."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError
from git_mlvc.fs.owner import Owner, is_alive

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_OWNER = "owner"


@contextmanager
def work_folder(repo: Repository, kind: str) -> Iterator[Path]:
    """Give an empty directory (but for `owner`) that goes in the end. Raises OSError."""
    repo.state_dir.mkdir(parents=True, exist_ok=True)
    _sweep(repo.state_dir, f"{kind}-")
    with tempfile.TemporaryDirectory(
        prefix=f"{kind}-{Owner.current().pid}-", dir=repo.state_dir, ignore_cleanup_errors=True
    ) as name:
        (Path(name) / _OWNER).write_bytes(Owner.current().encode())
        yield Path(name)


def _sweep(directory: Path, prefix: str) -> None:
    for folder in directory.glob(f"{prefix}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        owner = Owner.decode((folder / _OWNER).read_bytes())
    except (OSError, FormatError):  # not signed yet, or killed before: a process of this machine
        pid = folder.name.split("-")[1]
        if not pid.isdigit() or pid.startswith("0"):
            return False
        owner = replace(Owner.current(), pid=int(pid), start_time="")
    return is_alive(owner) is False

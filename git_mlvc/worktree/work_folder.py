"""A directory for work in hand, in the worktree's git dir; a killed process's is cleared away by the next."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError
from git_mlvc.fs.owner import Owner, is_alive

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_OWNER = "owner"
_OLD_S = 86400.0  # a folder whose owner cannot be told is left alone for so long


@contextmanager
def work_folder(repo: Repository, kind: str) -> Iterator[Path]:
    """Give an empty directory (but for `owner`) that goes in the end. Raises OSError."""
    repo.state_dir.mkdir(parents=True, exist_ok=True)
    prefix = f"{kind}-"
    _sweep(repo.state_dir, prefix)
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=repo.state_dir, ignore_cleanup_errors=True
    ) as name:
        (Path(name) / _OWNER).write_bytes(Owner.current().encode())
        yield Path(name)


def _sweep(directory: Path, prefix: str) -> None:
    for folder in directory.glob(f"{prefix}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        return is_alive(Owner.decode((folder / _OWNER).read_bytes())) is False
    except FormatError:
        return False
    except OSError:  # just made, or killed before it was signed
        try:
            return folder.stat().st_mtime < time.time() - _OLD_S
        except OSError:
            return False

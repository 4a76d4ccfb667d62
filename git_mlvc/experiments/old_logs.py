"""Logs that nobody will ask for: those of experiments that are no more, but for the newest, and of ended workers.

An experiment that is there, as a commit or as queued, running, failed or interrupted, keeps its logs whatever their
number.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.experiments import claims, refs, states, workers

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


def remove(repo: Repository, *, newest: int) -> None:
    """Keep the logs of so many experiments that are no more, and of so many ended workers; remove the others."""
    home = claims.home(repo)
    if len(_in(home / "logs")) > newest:
        with claims.locked(repo):  # nobody begins to write there meanwhile
            there = {*claims.claimed(repo), *states.names(repo)}
            there.update(one.name for one in refs.list(repo))
            gone = [folder for folder in _in(home / "logs") if folder.name not in there]
            for folder in sorted(gone, key=_written_s, reverse=True)[newest:]:
                shutil.rmtree(folder, ignore_errors=True)
    logs = [path for path in _in(home / "workers") if path.suffix == ".log"]
    if len(logs) > newest:
        used = {one.log for one in workers.at_work(repo)}
        ended = [path for path in logs if str(path) not in used]
        for path in sorted(ended, key=_written_s, reverse=True)[newest:]:
            path.unlink(missing_ok=True)


def _in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _written_s(place: Path) -> float:
    """Return when a log, or one in a directory of them, was begun or written last."""
    last = 0.0
    for path in (place, *place.rglob("*")):
        with suppress(FileNotFoundError):
            last = max(last, os.lstat(path).st_mtime)
    return last

"""One `repro` at a time in a worktree: a lock in its own part of the git dir, that says who holds it.

Other worktrees of the clone have locks of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from git_mlvc.errors import FormatError, StoreLocked
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner
from git_mlvc.git.repository import Repository

NAME = "repro.lock"
_MOST_BYTES = 2048


class ReproLock:
    """`with ReproLock(repo, …) as lock: …`.

    `waiting`: told who holds it, and then we wait for as long as it takes; None: we do not wait. Raises
    StoreLocked (exit code 6).
    """

    def __init__(self, repo: Repository, waiting: Callable[[str], None] | None = None) -> None:
        self._path = repo.state_dir / NAME
        self._since = f"since {datetime.now():%Y-%m-%d %H:%M:%S}"
        self._lock = FileLock(self._path, timeout_s=0, owner_note=self._since)
        self._waiting = waiting

    def __enter__(self) -> ReproLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except StoreLocked as exc:
            if self._waiting is None:
                raise StoreLocked(
                    "another `git mlvc repro` is at work in this worktree",
                    why=self.holder(),
                    hint="git mlvc repro --wait",
                ) from exc
            self._waiting(self.holder())
            self._lock.timeout_s = math.inf
            self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def fileno(self) -> int:
        """The descriptor that is locked: whoever inherits it keeps the lock."""
        return self._lock.fileno()

    def say(self, what: str) -> None:
        """Let those who wait know what we are about."""
        self._lock.sign(f"{self._since}, {what}")

    def holder(self) -> str:
        """Return who has it, e.g. "process 4711 on ada, since 2026-11-21 19:03:10, runs train"."""
        try:
            data = self._path.read_bytes()[:_MOST_BYTES]
            encoded, _, note = data.partition(b"\n")
            return f"{Owner.decode(encoded)}, {note.decode('utf-8', 'replace')}"
        except (OSError, FormatError):
            return "another process"

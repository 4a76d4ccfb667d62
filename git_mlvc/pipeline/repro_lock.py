"""One `repro` at a time in a worktree: a lock in its own part of the git dir, that says who holds it.

Other worktrees of the clone have locks of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from git_mlvc.errors import FormatError, StoreLocked
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner, is_alive
from git_mlvc.git.repository import Repository

NAME = "repro.lock"
_MOST_BYTES = 2048
_GUARDIAN_S = 30.0  # it kills after 10


class ReproLock:
    """`with ReproLock(repo, …) as lock: …`.

    `waiting`: told who holds it, and then we wait for as long as it takes; None: we do not wait. Raises
    StoreLocked (exit code 6), with `hint`.
    """

    def __init__(
        self,
        repo: Repository,
        waiting: Callable[[str], None] | None = None,
        *,
        hint: str = "git mlvc repro --wait",
    ) -> None:
        self._hint = hint
        self._path = repo.state_dir / NAME
        self._since = f"since {datetime.now():%Y-%m-%d %H:%M:%S}"
        self._lock = FileLock(self._path, timeout_s=0, owner_note=self._since)
        self._waiting = waiting

    def __enter__(self) -> ReproLock:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except StoreLocked as exc:
            if self._waiting is not None:
                self._waiting(self.holder())
                self._lock.timeout_s = math.inf
            elif self._was_killed():
                self._lock.timeout_s = _GUARDIAN_S
            else:
                raise self._refusal() from exc
            self._acquire_later()
        return self

    def _acquire_later(self) -> None:
        try:
            self._lock.acquire()
        except StoreLocked as exc:
            raise self._refusal() from exc

    def _refusal(self) -> StoreLocked:
        return StoreLocked(
            "another `git mlvc` command that changes files is at work in this worktree",
            why=self.holder(),
            hint=self._hint,
        )

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
            owner, note = self._signature()
        except (OSError, FormatError):
            return "another process"
        was_killed = is_alive(owner) is False
        end = "; it was killed, and what it had started is being stopped" if was_killed else ""
        return f"{owner}, {note}{end}"

    def _was_killed(self) -> bool:
        """True if only its guardian holds the lock, which takes no longer than commands need to stop."""
        try:
            return is_alive(self._signature()[0]) is False
        except (OSError, FormatError):
            return False

    def _signature(self) -> tuple[Owner, str]:
        encoded, _, note = self._path.read_bytes()[:_MOST_BYTES].partition(b"\n")
        return Owner.decode(encoded), note.decode("utf-8", "replace")

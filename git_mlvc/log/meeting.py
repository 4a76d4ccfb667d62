"""Where the processes that log into one directory meet: who begins, who joins, who is the last to leave.

Nothing of this stands in the directory itself, which holds results. A folder of the user's in the system's place for
temporary files has two files for each directory: the door, held while something is decided or a file is
rewritten, and the room, held (shared) by each process that is logging. The kernel lets go of both when a process
dies. The room says which run it is, and which files that run has begun. Machines do not meet.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

try:
    import fcntl as _fcntl
except ImportError:  # Windows: one process at a time
    locks: ModuleType | None = None
else:
    locks = _fcntl


ALL = "*"


def run_key(env: Mapping[str, str]) -> str:
    """Return what processes of one run have in common: given, of the batch system, or of the session they are in."""
    if env.get("MLVC_LOG_RUN"):
        return f"given {env['MLVC_LOG_RUN']}"
    if env.get("SLURM_JOB_ID"):
        return f"slurm {env['SLURM_JOB_ID']}.{env.get('SLURM_STEP_ID', '')}"
    return f"session {os.getsid(0)}" if hasattr(os, "getsid") else "session"


class Meeting:
    """One process among those that log into a directory. Not for several threads at once."""

    def __init__(self, directory: Path, key: str, env: Mapping[str, str]) -> None:
        self._key = key
        self._door = self._room = -1
        self._begun: set[str] = set()
        name = f"{zlib.crc32(os.fsencode(directory)):08x}-{directory.name[-40:]}"
        self._place = _place(env)
        self._name = name

    def enter(self, prepare: Callable[[], None], *, goes_on: bool) -> None:
        """Join the run that is under way, or begin one.

        Whoever begins is alone until `prepare` has returned. If it `goes_on` with an earlier run, all files have begun.
        """
        begun = {ALL} if goes_on else set()
        if locks is None or self._place is None:
            self._begun = begun
            prepare()
            return
        self._open()
        try:
            self._come_in(prepare, begun, goes_on=goes_on)
        except BaseException:
            self.forget()
            raise

    def _come_in(self, prepare: Callable[[], None], begun: set[str], *, goes_on: bool) -> None:
        assert locks is not None
        with self.alone():
            is_empty = self._try(locks.LOCK_EX)
            if not is_empty:
                locks.flock(self._room, locks.LOCK_SH)
            said = self._said()
            is_over = is_empty and (goes_on or not self._key.startswith("given "))
            if is_over or said.get("run") != self._key:
                prepare()
                self._say({"run": self._key, "begun": sorted(begun), "joined": False})
            else:
                self._say({**said, "joined": True})
            locks.flock(self._room, locks.LOCK_SH)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Only one process at a time is in here."""
        if locks is None or self._door < 0:
            yield
            return
        locks.flock(self._door, locks.LOCK_EX)
        try:
            yield
        finally:
            locks.flock(self._door, locks.LOCK_UN)

    @contextlib.contextmanager
    def keeping(self, name: str) -> Iterator[None]:
        """Only one thread of one process at a time is in here with this name; others go on logging."""
        if locks is None or self._place is None:
            yield
            return
        descriptor = self._opened(f"{zlib.crc32(name.encode()):08x}.keeping")
        try:
            locks.flock(descriptor, locks.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def begins(self, file: str) -> bool:
        """Return whether `file` has not been begun in this run, which it is now. In `alone`."""
        if self._room < 0:
            is_new = self._begun.isdisjoint({file, ALL})
            self._begun.add(file)
            return is_new
        said = self._said()
        begun = said.get("begun", [])
        if file in begun or ALL in begun:
            return False
        self._say({**said, "begun": [*begun, file]})
        return True

    def is_current(self) -> bool:
        """Return whether no other run has begun in this directory since. In `alone`."""
        return self._room < 0 or self._said().get("run") == self._key

    def leave(self, tidy: Callable[[bool], None]) -> None:
        """Leave; the last one calls `tidy(whether others were here)` while nobody else can come in."""
        if locks is None or self._room < 0:
            tidy(False)
            return
        with self.alone():
            if self._try(locks.LOCK_EX):
                said = self._said()
                if said.get("run") == self._key:
                    tidy(bool(said.get("joined")))
                    self._say({**said, "joined": False})
            os.close(self._room)
            self._room = -1
        os.close(self._door)
        self._door = -1

    def forget(self) -> None:
        """Let go of both files, as a child made by fork does with its parent's. `rejoin` before the next use."""
        for descriptor in (self._room, self._door):
            if descriptor >= 0:
                os.close(descriptor)
        self._room = self._door = -1

    def rejoin(self) -> None:
        if locks is not None and self._place is not None:
            self._open()
            with self.alone():
                locks.flock(self._room, locks.LOCK_SH)
                self._say({**self._said(), "joined": True})

    def _open(self) -> None:
        self._door = self._opened("door")
        self._room = self._opened("room")

    def _opened(self, kind: str) -> int:
        assert self._place is not None
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        return os.open(self._place / f"{self._name}.{kind}", flags, 0o600)

    def _try(self, how: int) -> bool:
        assert locks is not None
        try:
            locks.flock(self._room, how | locks.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _said(self) -> dict[str, Any]:
        try:
            size = os.fstat(self._room).st_size
            said = json.loads(os.pread(self._room, size, 0) or b"{}")
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    def _say(self, words: dict[str, Any]) -> None:
        data = json.dumps(words).encode()
        os.ftruncate(self._room, 0)
        os.pwrite(self._room, data, 0)


def _place(env: Mapping[str, str]) -> Path | None:
    """Return the user's folder for this; None where there can be none: then each process takes itself for alone."""
    if not hasattr(os, "getuid"):
        return None
    place = Path(env.get("TMPDIR") or "/tmp") / f"git-mlvc-log-{os.getuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
        info = place.lstat()
    except OSError:
        return None
    is_ours = stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid()
    return place if is_ours and os.access(place, os.W_OK) else None

"""Which slots the processes of a clone have and wait for: files below `<git common dir>/mlvc/slots`.

Each process has two, named alike: `.lock`, which it holds for as long as it lives (and what it has started, see
`guardian`), and `.json`, which says what it has. What a dead one left is removed by the next that looks. Slots are
those of a machine: processes of another one, on a shared file system, are none of our business.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from git_mlvc.errors import FormatError, StoreLocked
from git_mlvc.fs.atomic import UMASK, Permissions, write_file
from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner
from git_mlvc.pipeline.running.slots import Claims, Wish

_TURN_S = 0.2  # it takes a millisecond
_OPEN_S = 30.0  # once; whoever gives up counts for itself alone
_HEARD_OF_NS = 5 * 10**9  # who waits says so twice a second at least, unless it was stopped


def folder(common_dir: Path) -> Path:
    return common_dir / "mlvc" / "slots"


class SlotFiles:
    """The files of this process, and those of the others. `place`: where we are, for people."""

    def __init__(self, folder: Path, place: str, permissions: Permissions = UMASK) -> None:
        self._folder = folder
        self._place = place
        self._permissions = permissions
        self._name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._lock = self._lock_on(folder / f"{self._name}.lock")

    def open(self) -> int:
        """Begin to count; return the descriptor that is locked. Raises OSError, StoreLocked."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._permissions.dir_mode is not None:
            with suppress(PermissionError):  # somebody else made it
                os.chmod(self._folder, self._permissions.dir_mode)
        with self._alone(_OPEN_S):  # nobody takes it for a dead one's before it is locked
            self._lock.acquire()
        return self._lock.fileno()

    def close(self) -> None:
        """Let go of everything; what still runs keeps it no longer."""
        for suffix in (".json", ".lock"):
            with suppress(OSError):
                self._path(suffix).unlink(missing_ok=True)
        self._lock.release()

    @contextmanager
    def turn(self) -> Iterator[list[Claims]]:
        """Give what all others have; nobody takes anything meanwhile. Raises StoreLocked, OSError."""
        with self._alone():
            yield list(_others(self._folder, self._name))

    def write(self, claims: Claims) -> None:
        """Say what we have. More than before: in a `turn` only. Raises OSError."""
        document = {
            "owner": Owner.current().encode().decode("utf-8", "surrogateescape"),
            "place": self._place,
            "seen_ns": time.time_ns(),
            "held": {stage: slots for stage, slots in claims.held.items() if slots},
            "wishes": [
                {"stage": one.stage, "asked": one.asked, "since_ns": one.since_ns}
                for one in claims.wishes
            ],
        }
        data = json.dumps(document).encode("ascii")
        path, permissions = self._path(".json"), self._permissions
        write_file(path, data, permissions=permissions, durable=False)

    def _alone(self, timeout_s: float = _TURN_S) -> FileLock:
        return self._lock_on(self._folder / "lock", timeout_s)

    def _lock_on(self, path: Path, timeout_s: float = 0) -> FileLock:
        return FileLock(path, timeout_s=timeout_s, permissions=self._permissions)

    def _path(self, suffix: str) -> Path:
        return self._folder / (self._name + suffix)


def waiting(common_dir: Path) -> dict[Owner, tuple[Wish, ...]]:
    """Return which processes wait for which slots, as they said last; for people to look at."""
    read = (_read(path) for path in folder(common_dir).glob("*.json"))
    return {one[0]: one[1].wishes for one in read if one is not None and one[1].wishes}


# -- inside


def _others(folder: Path, ours: str) -> Iterator[Claims]:
    """Read what living processes have; remove what dead ones left. To be called by one at a time."""
    for path in sorted(folder.glob("*.lock")):
        if path.stem == ours:
            continue
        read = _read(path.with_suffix(".json"))
        if read is not None and read[0].host != Owner.current().host:
            continue
        if _is_left(path):
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        elif read is not None:
            yield read[1]


def _is_left(path: Path) -> bool:
    """True if nobody holds a lock any more: neither its process nor what that had started."""
    try:
        with FileLock(path, timeout_s=0):
            return True
    except StoreLocked:
        return False


def _read(path: Path) -> tuple[Owner, Claims] | None:
    """Return who wrote a file and what it says; None if it is not there or says nothing sensible."""
    try:
        document = json.loads(path.read_bytes())
        owner = Owner.decode(document["owner"].encode("utf-8", "surrogateescape"))
        is_fresh = abs(time.time_ns() - document["seen_ns"]) < _HEARD_OF_NS
        return owner, Claims(
            {stage: _numbers(slots) for stage, slots in document["held"].items()},
            tuple(_wish(one) for one in document["wishes"] if is_fresh),
            f"process {owner.pid}",
            str(document["place"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError):
        return None


def _wish(said: Mapping[str, Any]) -> Wish:
    return Wish(str(said["stage"]), dict(said["asked"]), int(said["since_ns"]))


def _numbers(slots: Mapping[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(map(int, numbers)) for name, numbers in slots.items()}

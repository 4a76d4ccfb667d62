"""What exists on a git-lfs server, as a table on a ref of the git remote. Promise: docs/formats/lfs.md.

The ref is the only truth: hosts cannot list objects, and collect those that no pointer in the repository names. Changes are
decided on top of what is there now and pushed without force, so that of any number of clients nobody's entry is lost;
those of several threads go in one commit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.backend.base import is_key
from git_mlvc.backend.opening import RefStore
from git_mlvc.errors import FormatError, MlvcError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats import lfs_pointer
from git_mlvc.formats.lfs_pointer import LfsPointer

VERSION_PATH = "git-mlvc"
VERSION = b"git-mlvc lfs 1\n"
OBJECTS = "objects/"
FILES = "files/"
MOST_RACES = 200  # lost in a row: each means that somebody else got on
GATHER_S = (
    0.005  # a commit waits for what other threads are about to want; a push takes ten times that
)
_ANY_VERSION = b"git-mlvc lfs "

Entry = LfsPointer | bytes
"""An object on the server, or the bytes themselves."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a key. `entry`: None takes it away.

    `is_if_absent`: only if nothing stands there, or only `gone`, an object that the server has lost.
    """

    key: str
    entry: Entry | None
    is_if_absent: bool = False
    gone: Entry | None = None


@dataclass(slots=True)
class _Waiting:
    """A change that a thread wants done, and what came of it."""

    change: Change
    is_done: bool = False
    is_made: bool = False
    error: MlvcError | None = None


class Catalogue:
    """For all threads. `shown`: the address, for messages."""

    def __init__(self, store: RefStore, shown: str) -> None:
        self._store = store
        self._shown = shown
        self.looks = 0  # at the ref, so far
        self._committed: dict[str, Entry] | None = None
        self._noted: dict[str, Change] = {}  # uploaded, to be named by the next commit
        self._asked: set[str] = set()  # questions answered since the last fetch
        self._waiting: list[_Waiting] = []
        self._has_leader = False  # a thread that commits for all who wait
        self._turns = threading.Condition()
        self._lock = threading.Lock()  # of the fields
        self._at_work = threading.Lock()  # of the ref

    # -- what there is

    def find(self, key: str) -> Entry | None:
        """Return what stands under `key`. A miss is told anew when it is asked for again."""
        found = self._look(key)
        if found is None and self._has_fetched_for(f"key {key}"):
            found = self._look(key)
        return found

    def below(self, prefix: str) -> list[tuple[str, Entry]]:
        """Return (key, entry) of all that stands below the folder `prefix`, as it is now."""
        self._has_fetched_for(f"list {prefix}")
        return [(key, entry) for key, entry in self.seen().items() if key.startswith(prefix)]

    def seen(self) -> dict[str, Entry]:
        """Return all that stood there at the last look, and what was noted since; nobody is asked."""
        with self._lock:
            known = dict(self._committed or {})
            for key, change in self._noted.items():
                if change.entry is not None:
                    known[key] = change.entry
        return known

    # -- changing it

    def note(self, change: Change) -> bool:
        """Have the next commit make a change; False if it is not to be made. For what is named by its content."""
        with self._lock:
            standing = self._standing(change.key)
            if change.is_if_absent and standing is not None and standing != change.gone:
                return False
            self._noted[change.key] = change
            return True

    def forget(self, key: str) -> None:
        """Do not name what was noted under `key`."""
        with self._lock:
            self._noted.pop(key, None)

    def commit(self, change: Change) -> bool:
        """Make a change on the remote, and all that were noted before it; False if it was not to be made.

        Changes of several threads go in one commit. Raises RemoteUnavailable, RemoteRefused; what was noted
        stays noted then.
        """
        mine = _Waiting(change)
        with self._turns:
            self._waiting.append(mine)
            self._turns.wait_for(lambda: mine.is_done or not self._has_leader)
            if not mine.is_done:
                self._has_leader = True
        if not mine.is_done:
            try:
                time.sleep(GATHER_S)
                with self._at_work:
                    self._commit_all()
            finally:
                with self._turns:
                    self._has_leader = False
                    self._turns.notify_all()
        if mine.error is not None:
            raise mine.error
        return mine.is_made

    def flush(self) -> None:
        """Name what was noted. Raises as `commit`."""
        with self._at_work:
            with self._lock:
                is_needed = bool(self._noted)
            if is_needed:
                self._publish([])

    # -- inside

    def _look(self, key: str) -> Entry | None:
        with self._lock:
            return self._standing(key)

    def _standing(self, key: str) -> Entry | None:
        noted = self._noted.get(key)
        if noted is not None and noted.entry is not None:
            return noted.entry
        return (self._committed or {}).get(key)

    def _has_fetched_for(self, question: str) -> bool:
        """Fetch if nothing was yet, or if the same was asked since; say whether that was done."""
        with self._at_work:
            if self._committed is not None and question not in self._asked:
                self._asked.add(question)
                return False
            self._refresh()
            self._asked.add(question)
            return True

    def _refresh(self) -> None:
        committed = self._decoded(self._store.fetch())
        with self._lock:
            self._committed = committed
            self._asked.clear()
            self.looks += 1

    def _commit_all(self) -> None:
        with self._turns:
            batch, self._waiting = self._waiting, []
        # Whatever ends this thread in the middle, the others are not told that all went well.
        error: MlvcError | None = RemoteUnavailable(
            f"cannot write to {self._shown}", why="it broke off"
        )
        made = [False] * len(batch)
        try:
            made = self._publish([waiting.change for waiting in batch])
            error = None
        except MlvcError as exc:
            error = exc
        finally:
            for waiting, is_made in zip(batch, made, strict=True):
                waiting.is_made, waiting.error = is_made, error
                waiting.is_done = True

    def _publish(self, changes: Sequence[Change]) -> list[bool]:
        """Make the noted changes and `changes`, in this order; return which of the latter were made."""
        if self._committed is None:
            self._refresh()
        with self._lock:
            noted = dict(self._noted)
        for _ in range(MOST_RACES):
            known = dict(self._committed or {})
            before = dict(known)
            self._apply(list(noted.values()), known)
            made = self._apply(changes, known)
            files = _difference(before, known)
            if not files:
                break
            if not before:
                files[VERSION_PATH] = VERSION
            if self._store.publish(files, _message(files)):
                break
            self._refresh()
        else:
            raise RemoteUnavailable(
                f"cannot write to {self._shown}",
                why="others write all the time, or its ref is locked",
            )
        with self._lock:
            self._committed = known
            for key, change in noted.items():
                if self._noted.get(key) is change:
                    del self._noted[key]
        return made

    @staticmethod
    def _apply(changes: Sequence[Change], known: dict[str, Entry]) -> list[bool]:
        made = []
        for change in changes:
            standing = known.get(change.key)
            is_made = not change.is_if_absent or standing is None or standing == change.gone
            made.append(is_made)
            if not is_made:
                continue
            if change.entry is None:
                known.pop(change.key, None)
            else:
                known[change.key] = change.entry
        return made

    def _decoded(self, files: Mapping[str, bytes]) -> dict[str, Entry]:
        version = files.get(VERSION_PATH)
        if files and version != VERSION:
            is_newer = version is not None and version.startswith(_ANY_VERSION)
            raise RemoteRefused(
                f"cannot use {self._shown}",
                why="its catalogue was written by a newer git-mlvc"
                if is_newer
                else "the ref for its catalogue holds something else",
                hint="upgrade git-mlvc"
                if is_newer
                else "git mlvc remote add NAME lfs -o ref=refs/mlvc/other",
            )
        return dict(_entries(files))


def _entries(files: Mapping[str, bytes]) -> Iterator[tuple[str, Entry]]:
    """Yield what the files say; what is not of our form is not ours."""
    for path, data in files.items():
        folder, _, key = path.partition("/")
        if not is_key(key):
            continue
        if folder + "/" == FILES:
            yield key, data
        elif folder + "/" == OBJECTS:
            try:
                yield key, lfs_pointer.decode(data)
            except FormatError:
                continue


def _path(key: str, entry: Entry) -> str:
    return (FILES if isinstance(entry, bytes) else OBJECTS) + key


def _difference(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, bytes | None]:
    """Return what must change in the tree of files."""
    files: dict[str, bytes | None] = {}
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        if was is not None:
            files[_path(key, was)] = None
        if now is not None:
            files[_path(key, now)] = now if isinstance(now, bytes) else lfs_pointer.encode(now)
    return files


def _message(files: Mapping[str, bytes | None]) -> str:
    added = sum(1 for data in files.values() if data is not None)
    gone = len(files) - added
    return f"git-mlvc: {added} named" + (f", {gone} taken away" if gone else "") + "\n"

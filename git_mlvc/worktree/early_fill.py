"""Large files filled while their data is on its way.

A thread writes each into its new file as its chunks come into the store; as always the file gets its name
when the hash of the whole was right, and in the place of exactly the expected stub (law 11). What is not filled
here, for whatever reason, is left for `fill`, which says why. Git is told at the end, on the caller's thread:
the one that signals are held back from while its index is locked.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from git_mlvc.formats.pointer import Pointer
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.arrivals import Arrivals
from git_mlvc.store.store import Store
from git_mlvc.worktree.fill_report import FillReport
from git_mlvc.worktree.fill_work import Outcome, Work
from git_mlvc.worktree.placing import Placer, Replacement

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from git_mlvc.git.repository import Repository

LARGE_BYTES = 32 << 20  # smaller ones are written in no time
_ROOM = 2.1  # times their size: in the store, in the worktree, and something for git


def worth_filling_early(
    repo: Repository, store_path: Path, coming: Mapping[RepoPath, Pointer]
) -> dict[RepoPath, Pointer]:
    """Return the large ones of `coming`; none where there may not be room for data and files together.

    What room there is then belongs to the data: it is fetched first, and files are filled as far as they can be.
    """
    large = {path: p for path, p in coming.items() if p.size_bytes >= LARGE_BYTES}
    if not large:
        return {}
    needed_bytes = _ROOM * sum(pointer.size_bytes for pointer in coming.values())
    top = repo.needed_worktree("there is nothing to fill")
    while not store_path.exists() and store_path != store_path.parent:
        store_path = store_path.parent
    free_bytes = min(shutil.disk_usage(place).free for place in (top, store_path))
    return large if needed_bytes <= free_bytes else {}


class EarlyFill:
    """Fills `wanted`, in this order, while a fetch calls `arrivals.note`. Use it in a `with`, and `finish` it.

    `store`: one that nobody else uses; it is closed. On leaving before `finish` it is given up: what has been
    filled by then stays.
    """

    def __init__(self, repo: Repository, store: Store, wanted: Mapping[RepoPath, Pointer]) -> None:
        top = repo.needed_worktree("there is nothing to fill")
        self.arrivals = Arrivals()
        self._store = store
        self._wanted = wanted
        self._placer = Placer(repo, top, wanted.keys())
        self._report = FillReport()
        self._work = Work(self._placer, store, wanted, repo.hash_size, Silent(), self._report)
        self._done: SimpleQueue[tuple[RepoPath, Outcome] | None] = SimpleQueue()
        self._failure: BaseException | None = None
        self._is_settled = False
        # Not a daemon: it holds a temporary file, and ends soon after it has been given up.
        self._thread = threading.Thread(target=self._run, name="early fill")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        if not self._is_settled:
            self._settle()

    def finish(self, progress: Progress) -> FillReport:
        """Wait for what can be filled with all that came; return what was filled, and only that."""
        self.arrivals.end()
        total_bytes = sum(pointer.size_bytes for pointer in self._wanted.values())
        progress.begin("filling", total_bytes=total_bytes, total_files=len(self._wanted))
        self._work.progress = progress
        try:
            while (item := self._done.get()) is not None:
                self._note(*item)
        finally:
            self._settle()
            progress.end()
        if self._failure is not None:
            raise self._failure
        return self._report

    def _settle(self) -> None:
        """End the thread, and tell git of what it has filled, whatever else is going wrong."""
        self._is_settled = True
        self.arrivals.give_up()
        self._thread.join()
        while not self._done.empty():
            if (item := self._done.get()) is not None:
                self._note(*item)
        self._placer.tell_git()
        self._report.untold = sorted(self._placer.untold)

    def _note(self, path: RepoPath, outcome: Outcome) -> None:
        if isinstance(outcome, Replacement):
            self._work.note(path, outcome)

    def _run(self) -> None:
        from git_mlvc.git.index_lock import shield_thread

        shield_thread()
        try:
            with self._store as store:
                for path, pointer in self._wanted.items():
                    if self.arrivals.is_unwanted:
                        break
                    write = partial(store.restore_file, pointer, arrivals=self.arrivals)
                    self._done.put((path, self._work.attempt(path, write)))
        except BaseException as exc:  # noqa: BLE001 (raised again on the caller's thread)
            self._failure = exc
        finally:
            self._done.put(None)

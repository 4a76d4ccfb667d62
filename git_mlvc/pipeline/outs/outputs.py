"""What stages make, between the worktree and the store: recorded after a run, restored instead of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import MlvcError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.pipeline.model import FileState, Result, Stage
from git_mlvc.pipeline.outs.elsewhere import Elsewhere
from git_mlvc.pipeline.outs.recording import Ingest, Recording
from git_mlvc.pipeline.outs.replaced import Kept
from git_mlvc.pipeline.outs.restoring import Restoring
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.fill import ContentSource, Fetch
from git_mlvc.worktree.placing import Placer

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


class States(Protocol):
    """What is asked of, and told to, those who know what stands in the worktree."""

    def known(self, path: RepoPath, info: os.stat_result) -> FileState | None: ...
    def is_program(self, path: RepoPath, info: os.stat_result) -> bool: ...
    def moment(self) -> int: ...
    def know(
        self, path: RepoPath, state: FileState, info: os.stat_result, read_at: int
    ) -> None: ...
    def forget(self, paths: Iterable[RepoPath]) -> None: ...


@dataclass
class Outputs:
    """Of one worktree, through one session of one store. Used by several threads at once; `finish` at the end.

    `fetch`: asked for data that restoring lacks.
    """

    repo: Repository
    store: ContentSource
    session: Ingest
    states: States
    fetch: Fetch | None = None
    progress: Progress = field(default_factory=Silent)

    def __post_init__(self) -> None:
        self._top = self.repo.needed_worktree("there are no outs")
        self.elsewhere = Elsewhere(self.repo, self.store, self.states.known)
        self._recording = Recording(self._top, self.store, self.session, self.states)
        self._mine: set[RepoPath] = set()
        self._placer = Placer(self.repo, self._top, self._mine)
        self._one_restore = Lock()

    def record(
        self, stage: Stage, before: Result | None = None
    ) -> tuple[tuple[RepoPath, FileState], ...]:
        """Take in what a stage made, into the store; return it. `before`: its last result, for comparison.

        Raises StageFailed for an out that is missing or is none, InputError for what cannot be read,
        StoreError (a full disk); then the store is sound.
        """
        return self._recording.record(stage, before)

    def restore(self, items: Iterable[tuple[RepoPath, FileState]]) -> list[Kept]:
        """Have recorded outs stand in the worktree; return what was moved out of the way, to be told.

        Raises StoreError, InputError: what was restored by then is whole. Stubs become their content.
        """
        restoring = Restoring(
            self.repo, self._top, self.store, self.states, self.elsewhere, self._placer, self._mine,
            self.progress, self.fetch,
        )  # fmt: skip
        with self._one_restore:  # each has threads of its own
            return restoring.restore(items)

    def missing(self, states: Iterable[FileState]) -> list[Pointer]:
        """Return what the local store lacks: of a tree that is not here, just the tree. Raises FormatError."""
        return self.elsewhere.missing(states)

    def fetch_missing(
        self, states: Iterable[FileState], fetch: Fetch
    ) -> Mapping[Pointer, MlvcError]:
        """Fetch what is missing, trees first and then what they name; return what is not to be had, and why."""
        asked = list(states)
        failed: dict[Pointer, MlvcError] = {}
        for _ in range(2):
            wanted = [pointer for pointer in self.missing(asked) if pointer not in failed]
            if not wanted:
                break
            failed.update(fetch(wanted) or {})
        return failed

    def is_here(self, state: FileState) -> bool:
        """True if the local store can give back all of it."""
        return self.elsewhere.has(state)

    def finish(self) -> None:
        """Tell git's index of what was restored, so that nothing looks modified. In the main thread, once."""
        self._placer.tell_git()

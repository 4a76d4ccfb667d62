"""The data of experiments, brought into the store: all that their files and their locks name.

A lock names more than git knows: outs that git ignores, and the runs that made them. With these `repro` has
nothing to run where an experiment is checked out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, MlvcError, RemoteUnavailable, StoreError
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import changes, revisions
from git_mlvc.git.attributes import is_included, is_too_large
from git_mlvc.pipeline import fingerprint
from git_mlvc.pipeline.runs import run_travel
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.repo_path import RepoPath
from git_mlvc.transfer.runs import tree_in
from git_mlvc.worktree.lock_mentions import LOCK_FILE

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.runs.run_travel import Locked
    from git_mlvc.settings import Settings
    from git_mlvc.store.store import Store

Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError]]
FetchRuns = Callable[[Sequence[bytes]], int]
"""Brings the records of all runs with these keys. Raises RemoteError."""


@dataclass
class Completion:
    """What came. `failed`: contents that could not be had, by one of their paths; `too_large`: what `fetch.max_size`
    keeps away; `lost`: stages whose outs are not to be had, so that they have to run again.
    """

    files: int = 0
    size_bytes: int = 0
    runs: int = 0
    failed: dict[RepoPath, MlvcError] = field(default_factory=dict)
    too_large: dict[RepoPath, Pointer] = field(default_factory=dict)
    lost: dict[str, MlvcError] = field(default_factory=dict)


@dataclass(frozen=True)
class Completing:
    """What is needed for it, opened by the caller. `kept`: outs whose data stays off remotes."""

    repo: Repository
    store: Store
    settings: Settings
    fetch: Fetch
    fetch_runs: FetchRuns
    kept: frozenset[RepoPath] = frozenset()

    def complete(self, commits: Sequence[str]) -> Completion:
        """Bring all that these commits have, as `[fetch]` allows; what could not be had is in the answer."""
        done = Completion()
        uses = revisions.pointers_in(self.repo, commits)
        wanted = {use.pointer: use.path for use in uses if is_included(self.settings, use.path)}
        for pointer, why in self._bring(wanted, done).items():
            done.failed[wanted[pointer]] = why
        locks = list(changes.called(self.repo, commits, LOCK_FILE))
        if locks:
            results, _ = run_travel.locked(self.repo, locks)
            self._complete_locked(results, done)
        return done

    def _complete_locked(self, results: Sequence[Locked], done: Completion) -> None:
        keys = list(dict.fromkeys(fingerprint.key(one.result.inputs) for one in results))
        silence: MlvcError | None = None
        known = RunCache(self.store).find_many(set(keys))
        try:
            done.runs = self.fetch_runs([key for key in keys if not known.get(key)])
        except MlvcError as exc:
            silence = exc
        makers: dict[Pointer, tuple[RepoPath, str]] = {}
        trees: dict[Pointer, tuple[RepoPath, str]] = {}
        for one in results:
            for path, state in one.result.outs:
                pointer = state.pointer
                if pointer is None or run_travel.is_in(path, self.kept):
                    continue
                if is_included(self.settings, path):
                    makers[pointer] = path, one.stage
                    if state.is_directory:
                        trees[pointer] = path, one.stage
        failed = self._bring({pointer: path for pointer, (path, _) in trees.items()}, done)
        for pointer, (path, stage) in trees.items():
            for file in _files(self.store, pointer):
                makers.setdefault(file, (path, stage))
        rest = {pointer: path for pointer, (path, _) in makers.items() if pointer not in trees}
        failed.update(self._bring(rest, done))
        for pointer, why in failed.items():
            path, stage = makers[pointer]
            if isinstance(why, RemoteUnavailable):
                done.failed[path] = why
            else:
                done.lost[stage] = why
        if silence is not None:
            done.lost.setdefault("", silence)

    def _bring(
        self, wanted: Mapping[Pointer, RepoPath], done: Completion
    ) -> dict[Pointer, MlvcError]:
        lacking = self.store.incomplete(wanted)
        large = {p for p in lacking if is_too_large(self.settings, p.size_bytes)}
        done.too_large.update({wanted[pointer]: pointer for pointer in large})
        asked = [pointer for pointer in lacking if pointer not in large]
        failed = dict(self.fetch(asked)) if asked else {}
        came = [pointer for pointer in asked if pointer not in failed]
        done.files += len(came)
        done.size_bytes += sum(pointer.size_bytes for pointer in came)
        return failed


def _files(store: Store, pointer: Pointer) -> Iterable[Pointer]:
    try:
        rows = tree.decode(tree_in(store, pointer))
    except (StoreError, FormatError):
        return []  # it could not be had, and is reported
    return [Pointer(row.oid, row.size_bytes) for row in rows if row.size_bytes]

"""Filling: the content takes the place of its stub, and git's index is told, so that nothing looks modified.

The rule (law 11): only a file that is byte for byte the expected stub is replaced; whatever else stands
there was put there by somebody and stays. Bytes are verified before they get the file's name (law 3).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import CorruptChunk, InputError, MissingChunk, MlvcError, StoreError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.placing import Changed, Placer, Replacement, usable_place
from git_mlvc.worktree.pointers import (
    blob_sha,
    content_stat,
    has_size_of_stub,
    is_stub,
    open_index,
)

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError] | None]
_Place = tuple[RepoPath, Pointer, str]
_THREADS = 2
_AHEAD = 64  # files handed to the threads at once
_TELL_GIT_EVERY_S = 30.0


class ContentSource(Protocol):
    """What filling needs of a store."""

    def is_complete(self, pointer: Pointer) -> bool: ...

    def restore_file(self, pointer: Pointer, fd: int) -> None:
        """Write the content to an empty file, verified. Raises MissingChunk, CorruptChunk."""
        ...


class LeftKind(StrEnum):
    """Why a file is still a stub."""

    MISSING = "missing"  # its data is not to be had, here or on a remote that answered
    CORRUPT = "corrupt"  # its data is here and damaged
    CHANGED = "changed"  # somebody wrote to the file meanwhile
    UNSAFE = "unsafe"  # its path leads out of the worktree
    FAILED = "failed"  # the disk refused


@dataclass(frozen=True, slots=True)
class Left:
    """A file that was not filled; as text it is the reason."""

    kind: LeftKind
    why: str
    hint: str = ""

    def __str__(self) -> str:
        return self.why


@dataclass(slots=True)
class FillReport:
    """What became of the files: filled, left as stubs, or not stubs (any more) and so not touched."""

    filled: list[RepoPath] = field(default_factory=list)
    left: dict[RepoPath, Left] = field(default_factory=dict)
    skipped: list[RepoPath] = field(default_factory=list)
    size_bytes: int = 0
    untold: list[RepoPath] = field(default_factory=list)  # git takes them for modified: fill again


def fill(
    repo: Repository,
    store: ContentSource,
    wanted: Iterable[tuple[RepoPath, Pointer]],
    *,
    fetch: Fetch | None = None,
    progress: Progress | None = None,
    jobs: int = 0,
) -> FillReport:
    """Fill those of `wanted` that stand in the worktree as exactly the stub named beside them.

    What the store lacks is asked of `fetch`, once, for all files. No file's trouble keeps the others
    from being filled. Raises InputError if there is no worktree.
    """
    top = repo.needed_worktree("there is nothing to fill")
    report = FillReport()
    asked = dict(wanted)
    placer = Placer(repo, top, asked)
    stubs, standing = _standing(placer, asked, report)
    _tell_anew(repo, placer, standing)
    ready = _with_data(store, stubs, fetch, report)
    shown = progress or Silent()
    total_bytes = sum(pointer.size_bytes for _, pointer, _ in ready)
    shown.begin("filling", total_bytes=total_bytes, total_files=len(ready))
    work = _Work(placer, store, repo.hash_size, shown, report)
    try:
        work.run(ready, jobs or _THREADS)
    finally:  # interrupted or not: what has been filled is filled
        placer.tell_git()
        report.untold = sorted(placer.untold)
        shown.end()
    report.filled.sort()
    return report


def _standing(
    placer: Placer, wanted: Mapping[RepoPath, Pointer], report: FillReport
) -> tuple[list[_Place], list[_Place]]:
    """Return the files that are stubs, and those that are something else."""
    found: list[_Place] = []
    others: list[_Place] = []
    for path, pointer in wanted.items():
        try:
            place = usable_place(placer, path)
        except InputError as exc:
            report.left[path] = Left(LeftKind.UNSAFE, exc.why or exc.what)
            continue
        if is_stub(place, pointer):
            found.append((path, pointer, place))
        else:
            report.skipped.append(path)
            others.append((path, pointer, place))
    return found, others


def _tell_anew(repo: Repository, placer: Placer, standing: list[_Place]) -> None:
    """Note the files that hold their content while git's index still has the size of their stub.

    So it is after a fill that was killed, and where git has written its index once more from what it
    had in memory (`git stash pop --index`). Git never looks into a file whose size has changed.
    """
    if not standing:
        return
    try:
        index = open_index(repo)
    except MlvcError:
        return
    for path, pointer, place in standing:
        entry = index.entry(path.raw)
        if entry is None or not has_size_of_stub(entry, pointer):
            continue
        sha = blob_sha(pointer, hash_size=repo.hash_size)
        try:
            info = content_stat(place, pointer) if entry.blob_sha == sha else None
            if info is not None:
                placer.remember(path, place, sha, Replacement(-1, info))
        except OSError:
            continue


def _with_data(
    store: ContentSource,
    stubs: list[tuple[RepoPath, Pointer, str]],
    fetch: Fetch | None,
    report: FillReport,
) -> list[tuple[RepoPath, Pointer, str]]:
    """Fetch what the store lacks; return the stubs that can be filled now."""
    needed = dict.fromkeys(pointer for _, pointer, _ in stubs)
    missing = [pointer for pointer in needed if not store.is_complete(pointer)]
    reasons: dict[Pointer, MlvcError] = {}
    if missing and fetch is not None:
        try:
            reasons = dict(fetch(missing) or {})
        except MlvcError as exc:
            reasons = dict.fromkeys(missing, exc)
        missing = [pointer for pointer in missing if not store.is_complete(pointer)]
    absent = set(missing)
    for path, pointer, _ in stubs:
        if pointer in absent:
            reason = reasons.get(pointer)
            report.left[path] = (
                _left(reason)
                if reason is not None
                else Left(LeftKind.MISSING, "its data is not in the local store")
            )
    return [stub for stub in stubs if stub[1] not in absent]


def _left(reason: MlvcError) -> Left:
    kind = LeftKind.CORRUPT if isinstance(reason, CorruptChunk) else LeftKind.MISSING
    return Left(kind, str(reason), reason.hint)


@dataclass(slots=True)
class _Work:
    """The files being filled, by a few threads; the report is kept by the first of them."""

    placer: Placer
    store: ContentSource
    hash_size: int
    progress: Progress
    report: FillReport
    told_s: float = field(default_factory=time.monotonic)

    def run(self, ready: list[tuple[RepoPath, Pointer, str]], jobs: int) -> None:
        if len(ready) < 2 or jobs < 2:
            for path, pointer, place in ready:
                self._note(path, pointer, place, self._attempt(pointer, place))
            return
        from concurrent.futures import ThreadPoolExecutor

        from git_mlvc.git.index_lock import shield_thread

        pool = ThreadPoolExecutor(jobs, "fill", initializer=shield_thread)
        try:
            for start in range(0, len(ready), _AHEAD):
                batch = ready[start : start + _AHEAD]
                outcomes = pool.map(
                    self._attempt, *zip(*[(p, at) for _, p, at in batch], strict=True)
                )
                for (path, pointer, place), outcome in zip(batch, outcomes, strict=True):
                    self._note(path, pointer, place, outcome)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _attempt(self, pointer: Pointer, place: str) -> Replacement | Left:
        """Fill one file; returns why not, where it cannot be."""
        try:
            try:
                return self._replace(pointer, place)
            except OSError as exc:
                if exc.errno != errno.EXDEV:
                    raise
                return self._replace(pointer, place)
        except Changed:
            return Left(LeftKind.CHANGED, "somebody wrote to it while it was being filled")
        except MissingChunk as exc:
            return Left(LeftKind.MISSING, str(exc), exc.hint)
        except CorruptChunk as exc:
            return Left(LeftKind.CORRUPT, str(exc), exc.hint)
        except StoreError as exc:
            return Left(LeftKind.FAILED, str(exc), exc.hint)
        except OSError as exc:
            return Left(LeftKind.FAILED, exc.strerror or str(exc))

    def _replace(self, pointer: Pointer, place: str) -> Replacement:
        def still_stub() -> os.stat_result | None:
            info = os.lstat(place)
            return info if is_stub(place, pointer) else None

        mode = stat.S_IMODE(os.lstat(place).st_mode)
        with self.placer.replacing(place, mode=mode, is_expected=still_stub) as new:
            self.store.restore_file(pointer, new.fd)
        return new

    def _note(
        self, path: RepoPath, pointer: Pointer, place: str, outcome: Replacement | Left
    ) -> None:
        if isinstance(outcome, Left):
            self.report.left[path] = outcome
        else:
            self.report.filled.append(path)
            self.report.size_bytes += pointer.size_bytes
            sha = blob_sha(pointer, hash_size=self.hash_size)
            try:
                self.placer.remember(path, place, sha, outcome)
            except OSError:
                pass  # already gone again, which is not our affair
        self.progress.advance(size_bytes=pointer.size_bytes, files=1)
        now_s = time.monotonic()
        if now_s - self.told_s > _TELL_GIT_EVERY_S:
            self.told_s = now_s
            self.placer.tell_git()

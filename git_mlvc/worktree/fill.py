"""Filling: the content takes the place of its stub, and git's index is told, so that nothing looks modified.

The rule (law 11): only a file that is byte for byte the expected stub is replaced; whatever else stands
there was put there by somebody and stays. Bytes are verified before they get the file's name (law 3).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.fill_report import FillReport, Left, LeftKind, why_left
from git_mlvc.worktree.fill_work import Contents, Work
from git_mlvc.worktree.placing import Placer
from git_mlvc.worktree.pointers import (
    READ_FLAGS,
    blob_sha,
    has_size_of_stub,
    is_taken_for_stub,
    open_content_stat,
    open_index,
)

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

__all__ = ["ContentSource", "Fetch", "FillReport", "Left", "LeftKind", "fill"]

Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError] | None]
_THREADS = 2


class ContentSource(Contents, Protocol):
    """What filling needs of a store."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...


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
    placer = Placer(repo, top, asked.keys())
    ready = _with_data(placer, store, asked, fetch, report)
    ready.sort(key=lambda path: store.position(asked[path]))
    shown = progress or Silent()
    total_bytes = sum(asked[path].size_bytes for path in ready)
    shown.begin("filling", total_bytes=total_bytes, total_files=len(ready))
    work = Work(placer, store, asked, repo.hash_size, shown, report)
    try:
        work.run(ready, jobs or _THREADS)
        _tell_anew(repo, placer, asked, report.skipped)
    finally:  # interrupted or not: what has been filled is filled
        placer.tell_git()
        report.untold = sorted(placer.untold)
        shown.end()
    report.filled.sort()
    report.skipped.sort()
    return report


def _with_data(
    placer: Placer,
    store: ContentSource,
    wanted: Mapping[RepoPath, Pointer],
    fetch: Fetch | None,
    report: FillReport,
) -> list[RepoPath]:
    """Fetch what the store lacks of stubs; return the files whose content is here.

    Whether these are stubs will be seen when they are opened.
    """
    needed = dict.fromkeys(wanted.values())
    missing = set(store.incomplete(needed))
    if not missing:
        return list(wanted)
    gone = set()
    for path, pointer in wanted.items():
        if pointer in missing and not _is_stub_by_size(placer, path, pointer, report):
            gone.add(path)
    lacking = dict.fromkeys(
        pointer for path, pointer in wanted.items() if pointer in missing and path not in gone
    )
    reasons: dict[Pointer, MlvcError] = {}
    if fetch is not None and lacking:
        try:
            reasons = dict(fetch(list(lacking)) or {})
        except MlvcError as exc:
            reasons = dict.fromkeys(lacking, exc)
        missing = set(store.incomplete(lacking))
    ready = []
    for path, pointer in wanted.items():
        if path in gone:
            continue
        if pointer not in missing:
            ready.append(path)
            continue
        reason = reasons.get(pointer)
        report.left[path] = (
            why_left(reason, otherwise=LeftKind.MISSING)
            if reason is not None
            else Left(LeftKind.MISSING, "its data is not in the local store")
        )
    return ready


def _is_stub_by_size(placer: Placer, path: RepoPath, pointer: Pointer, report: FillReport) -> bool:
    """True if it is worth fetching for: what surely is no stub is told in the report."""
    try:
        info = placer.place(path).lstat()
    except InputError as exc:
        report.left[path] = Left(LeftKind.UNSAFE, exc.why or exc.what)
        return False
    except OSError:
        report.skipped.append(path)
        return False
    if stat.S_ISREG(info.st_mode) and has_size_of_stub(info.st_size, pointer):
        return True
    report.skipped.append(path)
    return False


def _tell_anew(
    repo: Repository,
    placer: Placer,
    wanted: Mapping[RepoPath, Pointer],
    standing: Iterable[RepoPath],
) -> None:
    """Note the files that hold their content while git's index still has the size of their stub.

    So it is after a fill that was killed, and where git has written its index once more from what it
    had in memory (`git stash pop --index`). Git never looks into a file whose size has changed.
    """
    reader = None
    for path in standing:
        try:
            reader = reader or open_index(repo)
        except MlvcError:
            return
        pointer, entry = wanted[path], reader.entry(path.raw)
        if entry is None or not is_taken_for_stub(entry.size_bytes, pointer):
            continue
        sha = blob_sha(pointer, hash_size=repo.hash_size)
        if entry.blob_sha != sha:
            continue
        try:
            fd = placer.place(path).open(READ_FLAGS)
            try:
                info = open_content_stat(fd, pointer)
            finally:
                os.close(fd)
        except (InputError, OSError):
            continue
        if info is not None:
            placer.remember(path, sha, info)

"""Dropping: a stub takes the place of content that is safe elsewhere.

Only what git's index says, byte for byte, is dropped; a modified file never. A copy on a remote must have
been verified just before; with `force`, the local store must at least be able to give the content back, so
that the only copy is never deleted (law 11).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import InputError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.fs.safe_path import Place
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree import pointers
from git_mlvc.worktree.placing import Changed, NotAFile, Placer

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

Verified = Callable[[Sequence[Pointer]], AbstractSet[Pointer]]


class Completeness(Protocol):
    """What dropping needs of a store."""

    def is_complete(self, pointer: Pointer) -> bool: ...


class KeptKind(StrEnum):
    """Why a file keeps its content."""

    MODIFIED = "modified"
    UNVERIFIED = "unverified"  # no remote was found to have it
    ONLY_COPY = "only copy"
    NOT_DATA = "not a data file"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was not dropped; as text it is the reason."""

    kind: KeptKind
    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(slots=True)
class DropReport:
    """What became of the files: dropped, kept for a reason, or stubs already."""

    dropped: list[RepoPath] = field(default_factory=list)
    kept: dict[RepoPath, Kept] = field(default_factory=dict)
    already: list[RepoPath] = field(default_factory=list)
    size_bytes: int = 0
    untold: list[RepoPath] = field(default_factory=list)  # git takes them for modified: `git add`


def drop(
    repo: Repository,
    store: Completeness,
    paths: Iterable[RepoPath],
    *,
    verified: Verified,
    force: bool = False,
    progress: Progress | None = None,
) -> DropReport:
    """Replace the content of `paths` by stubs. `verified` says which contents a remote surely has.

    Raises InputError if there is no worktree, RemoteError as `verified` does.
    """
    top = repo.needed_worktree("there is nothing to drop")
    report = DropReport()
    asked = dict.fromkeys(paths)
    placer = Placer(repo, top, asked)
    standing = _standing(repo, placer, asked, report)
    safe = _safe(store, standing, verified, report, force=force)
    shown = progress or Silent()
    total_bytes = sum(pointer.size_bytes for _, pointer in safe)
    shown.begin("dropping", total_bytes=total_bytes, total_files=len(safe))
    try:
        for path, pointer in safe:
            _drop_one(placer, path, pointer, repo.hash_size, report)
            shown.advance(size_bytes=pointer.size_bytes, files=1)
    finally:
        placer.tell_git()
        report.untold = sorted(placer.untold)
        shown.end()
    return report


def _standing(
    repo: Repository, placer: Placer, paths: Iterable[RepoPath], report: DropReport
) -> list[tuple[RepoPath, Pointer]]:
    known = pointers.data_files(repo)
    found = []
    for path in paths:
        pointer = known.get(path)
        if pointer is None:
            report.kept[path] = Kept(KeptKind.NOT_DATA, "git does not hold it as a pointer")
            continue
        try:
            place = placer.place(path)
            info = place.lstat()
        except FileNotFoundError:
            report.kept[path] = Kept(KeptKind.MODIFIED, "it is not in the worktree")
            continue
        except (InputError, OSError) as exc:
            report.kept[path] = Kept(KeptKind.FAILED, str(exc))
            continue
        if _stands_as_stub(place, info, pointer):
            report.already.append(path)
        elif stat.S_ISDIR(info.st_mode):
            report.kept[path] = Kept(
                KeptKind.FAILED, f"cannot use {path}: a directory stands there"
            )
        elif not stat.S_ISREG(info.st_mode) or info.st_size != pointer.size_bytes:
            report.kept[path] = Kept(KeptKind.MODIFIED, "it is modified")
        else:
            found.append((path, pointer))
    return found


def _safe(
    store: Completeness,
    standing: list[tuple[RepoPath, Pointer]],
    verified: Verified,
    report: DropReport,
    *,
    force: bool,
) -> list[tuple[RepoPath, Pointer]]:
    needed = list(dict.fromkeys(pointer for _, pointer in standing))
    if force:
        sure: AbstractSet[Pointer] = {p for p in needed if store.is_complete(p)}
        refusal = Kept(
            KeptKind.ONLY_COPY, "the local store does not have it: this may be the only copy"
        )
    else:
        sure = verified(needed) if needed else set()
        refusal = Kept(KeptKind.UNVERIFIED, "no remote is known to have it")
    for path, pointer in standing:
        if pointer not in sure:
            report.kept[path] = refusal
    return [item for item in standing if item[1] in sure]


def _stands_as_stub(place: Place, info: os.stat_result, pointer: Pointer) -> bool:
    if not stat.S_ISREG(info.st_mode) or info.st_size > MAX_POINTER_BYTES:
        return False
    try:
        fd = place.open(pointers.READ_FLAGS)
    except OSError:
        return False
    try:
        return pointers.is_stub(fd, pointer, pointer_format.encode(pointer))
    except OSError:
        return False
    finally:
        os.close(fd)


def _drop_one(
    placer: Placer, path: RepoPath, pointer: Pointer, hash_size: int, report: DropReport
) -> None:
    stub = pointer_format.encode(pointer)
    try:
        place = placer.place(path)
        with placer.replacing(
            place, is_expected=lambda fd: pointers.open_content_stat(fd, pointer)
        ) as new:
            os.write(new.fd, stub)
    except (Changed, NotAFile, InputError):
        report.kept[path] = Kept(KeptKind.MODIFIED, "it is modified")
        return
    except OSError as exc:
        report.kept[path] = Kept(KeptKind.FAILED, exc.strerror or str(exc))
        return
    report.dropped.append(path)
    report.size_bytes += pointer.size_bytes
    if new.stat is not None:
        placer.remember(path, pointers.blob_sha(pointer, hash_size=hash_size), new.stat)

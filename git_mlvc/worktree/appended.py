"""Stubs that something was appended to, as to the file they stand for: the content comes back, with what
was appended behind it.

The result is a modified file, to be added by whoever appended. Conflict markers are no appending, and are
refused.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError, StoreError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.fs.safe_path import Place
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.fill import ContentSource, FillReport, Left, LeftKind
from git_mlvc.worktree.placing import Changed, NotAFile, Placer
from git_mlvc.worktree.pointers import READ_FLAGS

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError] | None]
_BLOCK_BYTES = 1 << 20


def fill_appended(
    repo: Repository, store: ContentSource, paths: Iterable[RepoPath], *, fetch: Fetch | None = None
) -> FillReport:
    """Fill those of `paths` that are a stub with something behind it; others are skipped.

    The old file stays until the new one stands whole, and if somebody writes to it meanwhile.
    """
    report = FillReport()
    if repo.worktree is None:
        return report
    wanted = dict.fromkeys(paths)
    placer = Placer(repo, repo.worktree, wanted)
    for path in wanted:
        try:
            place = placer.place(path)
            found = stub_and_more(place)
            if found is None:
                report.skipped.append(path)
                continue
            if fetch is not None and store.incomplete([found[0]]):
                fetch([found[0]])
            _fill_one(placer, store, place, *found)
        except (Changed, NotAFile):
            report.left[path] = Left(LeftKind.CHANGED, "somebody wrote to it meanwhile")
        except StoreError as exc:
            report.left[path] = Left(LeftKind.MISSING, str(exc), exc.hint)
        except MlvcError as exc:
            report.left[path] = Left(LeftKind.FAILED, str(exc), exc.hint)
        except OSError as exc:
            report.left[path] = Left(LeftKind.FAILED, exc.strerror or str(exc))
        else:
            report.filled.append(path)
            report.size_bytes += found[0].size_bytes
    return report


def stub_and_more(place: Place) -> tuple[Pointer, int, os.stat_result] | None:
    """Return the pointer a file begins with, how long that is, and the file's stat; None if there is
    nothing behind it or no pointer before it."""
    try:
        fd = place.open(READ_FLAGS)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return None
        head = os.read(fd, MAX_POINTER_BYTES)
    finally:
        os.close(fd)
    lines = head.split(b"\n", 3)
    if len(lines) < 4:
        return None
    text = b"\n".join(lines[:3]) + b"\n"
    pointer = pointer_format.sniff(text)
    if pointer is None or info.st_size <= len(text):
        return None
    return pointer, len(text), info


def _fill_one(
    placer: Placer,
    store: ContentSource,
    place: Place,
    pointer: Pointer,
    head_bytes: int,
    info: os.stat_result,
) -> None:
    with placer.replacing(place, is_expected=lambda fd: info) as new:
        store.restore_file(pointer, new.fd)
        os.lseek(new.fd, pointer.size_bytes, os.SEEK_SET)
        os.lseek(new.old_fd, head_bytes, os.SEEK_SET)
        while block := os.read(new.old_fd, _BLOCK_BYTES):
            _write_all(new.fd, block)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]

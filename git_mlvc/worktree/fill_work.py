"""The work of a fill: small contents read many at once, large ones in pieces; each put in its stub's place."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.formats.pointer import Pointer, encode
from git_mlvc.progress import Progress
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.fill_report import FillReport, Left, LeftKind, why_left
from git_mlvc.worktree.placing import Changed, NotAFile, Placer, Replacement
from git_mlvc.worktree.pointers import blob_sha, is_stub

if TYPE_CHECKING:
    from concurrent.futures import Future

_SMALL_BYTES = 1 << 20  # contents up to here are read many at once; others in pieces, on threads
_BATCH_BYTES = 4 << 20
_BATCH_FILES = 1024
_TELL_GIT_EVERY_S = 30.0


class Contents(Protocol):
    """Where contents are read."""

    def position(self, pointer: Pointer) -> tuple[bytes, int]:
        """Return a key by which contents sort in the order in which they are best read."""
        ...

    def contents(self, pointers: Iterable[Pointer]) -> Mapping[Pointer, bytes | MlvcError]:
        """Return small contents, verified, or why they are not to be had."""
        ...

    def restore_file(self, pointer: Pointer, fd: int) -> None:
        """Write the content to an empty file, verified. Raises MissingChunk, CorruptChunk."""
        ...


class _NotStub(NotAFile):
    """What stands there is of a stub's size, and something else."""


Outcome = Replacement | Left | None  # None: it was no stub
Write = Callable[[int], object]  # writes a content into an open, empty file
Put = Callable[[Placer, RepoPath, Pointer, Write], Replacement]


def over_stub(placer: Placer, path: RepoPath, pointer: Pointer, write: Write) -> Replacement:
    """Put a content in the place of exactly its stub. Raises NotAFile, Changed, MlvcError, OSError."""
    stub = encode(pointer)

    def still_stub(old_fd: int) -> os.stat_result | None:
        info = os.fstat(old_fd)
        return info if is_stub(old_fd, pointer, stub) else None

    try:
        place = placer.place(path)
    except FileNotFoundError:
        raise _NotStub from None
    with placer.replacing(place, is_expected=still_stub) as new:
        if not is_stub(new.old_fd, pointer, stub):
            raise _NotStub
        write(new.fd)
    return new


@dataclass(slots=True)
class Work:
    """The files being filled, by a few threads; the report is kept by the first of them.

    `told_s`: when git was last told of what is filled (monotonic); infinity: whoever calls will do that.
    """

    placer: Placer
    store: Contents
    wanted: Mapping[RepoPath, Pointer]
    hash_size: int
    progress: Progress
    report: FillReport
    told_s: float = field(default_factory=time.monotonic)
    put: Put = over_stub

    def run(self, ready: list[RepoPath], jobs: int) -> None:
        small = [path for path in ready if self.wanted[path].size_bytes <= _SMALL_BYTES]
        if len(small) < 2 or jobs < 2:
            for batch in self._batches(small):
                self._put(batch, self.store.contents(map(self.wanted.__getitem__, batch)), map)
        else:
            self._run_on_threads(small, jobs)
        for path in ready:  # these have threads of their own, one content at a time
            pointer = self.wanted[path]
            if pointer.size_bytes > _SMALL_BYTES:
                self.note(path, self.attempt(path, partial(self.store.restore_file, pointer)))

    def _run_on_threads(self, small: list[RepoPath], jobs: int) -> None:
        """Read a batch ahead while another is being written."""
        from concurrent.futures import ThreadPoolExecutor

        from git_mlvc.git.index_lock import shield_thread

        pool = ThreadPoolExecutor(jobs, "fill", initializer=shield_thread)
        try:
            coming: tuple[list[RepoPath], Future[Mapping[Pointer, bytes | MlvcError]]] | None = None
            for batch in [*self._batches(small), []]:
                pointers = [self.wanted[path] for path in batch]
                before, coming = coming, (batch, pool.submit(self.store.contents, pointers))
                if before is not None:
                    self._put(before[0], before[1].result(), pool.map if jobs > 2 else map)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _batches(self, paths: list[RepoPath]) -> Iterator[list[RepoPath]]:
        batch: list[RepoPath] = []
        size_bytes = 0
        for path in paths:
            batch.append(path)
            size_bytes += self.wanted[path].size_bytes
            if size_bytes >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
                yield batch
                batch, size_bytes = [], 0
        if batch:
            yield batch

    def _put(
        self,
        batch: list[RepoPath],
        contents: Mapping[Pointer, bytes | MlvcError],
        run: Callable[[Callable[[RepoPath], Outcome], list[RepoPath]], Iterable[Outcome]],
    ) -> None:
        def attempt(path: RepoPath) -> Outcome:
            content = contents[self.wanted[path]]
            if isinstance(content, MlvcError):
                return why_left(content)
            return self.attempt(path, lambda fd: _write_all(fd, content))

        for path, outcome in zip(batch, run(attempt, batch), strict=True):
            self.note(path, outcome)

    def attempt(self, path: RepoPath, write: Write) -> Outcome:
        """Fill one file; returns why not, where it cannot be."""
        try:
            try:
                return self.put(self.placer, path, self.wanted[path], write)
            except OSError as exc:
                if exc.errno != errno.EXDEV:
                    raise
                return self.put(self.placer, path, self.wanted[path], write)
        except NotAFile:
            return None
        except Changed:
            return Left(LeftKind.CHANGED, "somebody wrote to it while it was being filled")
        except InputError as exc:
            return Left(LeftKind.UNSAFE, exc.why or exc.what)
        except MlvcError as exc:
            return why_left(exc)
        except OSError as exc:
            return Left(LeftKind.FAILED, exc.strerror or str(exc))

    def note(self, path: RepoPath, outcome: Outcome) -> None:
        """Put what became of a file into the report, and tell git of what was filled now and then."""
        pointer = self.wanted[path]
        if isinstance(outcome, Left):
            self.report.left[path] = outcome
        elif outcome is None:
            self.report.skipped.append(path)
        else:
            self.report.filled.append(path)
            self.report.size_bytes += pointer.size_bytes
            if outcome.stat is not None:
                self.placer.remember(
                    path, blob_sha(pointer, hash_size=self.hash_size), outcome.stat
                )
        self.progress.advance(size_bytes=pointer.size_bytes, files=1)
        now_s = time.monotonic()
        if now_s - self.told_s > _TELL_GIT_EVERY_S:
            self.placer.tell_git()
            self.told_s = time.monotonic()


def _write_all(fd: int, data: bytes) -> None:
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, data[done:])

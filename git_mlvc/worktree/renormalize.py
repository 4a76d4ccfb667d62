"""Converting what git's index holds, after the attributes have changed: content into pointers and back.

Plain `git add --renormalize` changes nothing, because clean answers in the form that the index has. Here
the index's own blobs are converted, staged as one change; worktree files are not touched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self

from git_mlvc.errors import CorruptChunk, GitError, MissingChunk
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import attributes, objects
from git_mlvc.git.index import IndexEntry
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings
from git_mlvc.worktree import pointers

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_BLOCK_BYTES = 1 << 20


class Ingest(Protocol):
    """The session of a store, as far as it is needed here."""

    def ingest(self, blocks: Iterable[bytes | memoryview]) -> Pointer | None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Contents(Protocol):
    """What converting needs of a store."""

    def session(self) -> Ingest: ...

    def restore_file(self, pointer: Pointer, fd: int) -> None: ...


@dataclass(slots=True)
class RenormalizeReport:
    """Files of the index that changed their form, and those that could not, with the reason."""

    to_pointer: list[RepoPath] = field(default_factory=list)
    to_raw: list[RepoPath] = field(default_factory=list)
    failed: dict[RepoPath, str] = field(default_factory=dict)


def renormalize(
    repo: Repository,
    store: Contents,
    settings: Settings,
    *,
    among: Iterable[RepoPath] | None = None,
    progress: Progress | None = None,
) -> RenormalizeReport:
    """Stage every file of the index in the form that attributes and sizes ask for. Raises GitError."""
    repo.needed_worktree("there is nothing to convert")
    entries = list(pointers.regular_entries(pointers.open_index(repo)))
    if among is not None:
        chosen = set(among)
        entries = [e for e in entries if e[0] in chosen]
    care = set(attributes.ours(repo.git, [path for path, _ in entries]))
    seen = list(objects.blobs(repo, dict.fromkeys(e.blob_sha for _, e in entries)))
    sizes = {blob.sha: blob.size_bytes for blob in seen}
    known = {blob.sha: blob.pointer for blob in seen if blob.pointer is not None}
    raw: list[tuple[RepoPath, IndexEntry]] = []
    pointed: list[tuple[RepoPath, IndexEntry, Pointer]] = []
    for path, entry in entries:
        pointer = known.get(entry.blob_sha)
        size = pointer.size_bytes if pointer else sizes.get(entry.blob_sha, 0)
        belongs = path in care and size >= max(1, attributes.min_size_bytes(settings, path))
        if pointer is None and belongs:
            raw.append((path, entry))
        elif pointer is not None and not belongs:
            pointed.append((path, entry, pointer))
    report = RenormalizeReport()
    work = _Conversion(repo, store, progress or Silent(), report)
    work.progress.begin("converting", total_files=len(raw) + len(pointed))
    try:
        new = work.to_pointers(raw, sizes) | work.to_raw(pointed)
        work.stage(new)
    finally:
        work.progress.end()
    return report


@dataclass(slots=True)
class _Conversion:
    repo: Repository
    store: Contents
    progress: Progress
    report: RenormalizeReport

    def to_pointers(
        self, files: list[tuple[RepoPath, IndexEntry]], sizes: dict[str, int]
    ) -> dict[RepoPath, tuple[int, str]]:
        """Ingest the blobs; return path -> (mode, name of the pointer's blob)."""
        if not files:
            return {}
        wanted = list(dict.fromkeys(entry.blob_sha for _, entry in files))
        made: dict[str, Pointer] = {}
        fed = (sha.encode("ascii") + b"\n" for sha in wanted)
        with (
            self.store.session() as session,
            self.repo.git.streaming(
                "cat-file", "--batch", input=fed, env_extra=objects.NO_LAZY_FETCH
            ) as out,
        ):
            for sha in wanted:
                pointer = session.ingest(_blob(out, sha))
                if pointer is not None:
                    made[sha] = pointer
        names = self._stored({sha: pointer_format.encode(pointer) for sha, pointer in made.items()})
        new = {}
        for path, entry in files:
            if entry.blob_sha in names:
                new[path] = (entry.mode, names[entry.blob_sha])
                self.report.to_pointer.append(path)
            self.progress.advance(size_bytes=sizes.get(entry.blob_sha, 0), files=1)
        return new

    def to_raw(
        self, files: list[tuple[RepoPath, IndexEntry, Pointer]]
    ) -> dict[RepoPath, tuple[int, str]]:
        """Hand contents to git; return path -> (mode, name of the content's blob)."""
        new: dict[RepoPath, tuple[int, str]] = {}
        done: dict[Pointer, str] = {}
        for path, entry, pointer in files:
            try:
                if pointer not in done:
                    done[pointer] = self._stored_content(pointer)
                new[path] = (entry.mode, done[pointer])
                self.report.to_raw.append(path)
            except (MissingChunk, CorruptChunk) as exc:
                self.report.failed[path] = str(exc)
            self.progress.advance(size_bytes=pointer.size_bytes, files=1)
        return new

    def stage(self, new: dict[RepoPath, tuple[int, str]]) -> None:
        lines = b"".join(
            b"%o %s\t%s\0" % (mode, sha.encode("ascii"), path.raw)
            for path, (mode, sha) in sorted(new.items())
        )
        if lines:
            self.repo.git.run("update-index", "-z", "--index-info", input=lines)

    def _stored(self, contents: dict[str, bytes]) -> dict[str, str]:
        """Write small blobs into git, many with one command."""
        names: dict[str, str] = {}
        with self._folder() as folder:
            places = {}
            for number, (key, data) in enumerate(contents.items()):
                places[key] = Path(folder) / str(number)
                places[key].write_bytes(data)
            names.update(zip(places, self._hash_objects(places.values()), strict=True))
        return names

    def _stored_content(self, pointer: Pointer) -> str:
        with self._folder() as folder:
            place = Path(folder) / "content"
            fd = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                self.store.restore_file(pointer, fd)
            finally:
                os.close(fd)
            return self._hash_objects([place])[0]

    def _hash_objects(self, places: Iterable[Path]) -> list[str]:
        fed = b"".join(os.fsencode(place) + b"\n" for place in places)
        done = self.repo.git.run("hash-object", "-w", "--no-filters", "--stdin-paths", input=fed)
        return done.stdout.decode("ascii").split()

    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        self.repo.state_dir.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix="convert-", dir=self.repo.state_dir)


def _blob(out: IO[bytes], sha: str) -> Iterator[bytes]:
    head = out.readline().split(b" ")
    if len(head) != 3:
        raise GitError(("git", "cat-file", "--batch"), 1, f"{sha} is not to be had")
    left = int(head[2])
    while left:
        block = out.read(min(left, _BLOCK_BYTES))
        if not block:
            raise GitError(("git", "cat-file", "--batch"), 1, f"{sha} ended early")
        left -= len(block)
        yield block
    out.read(1)

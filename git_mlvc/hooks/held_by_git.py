"""What git itself holds where, by the attributes, a pointer should be: raw content and damaged stubs.

Large blobs are never loaded: their first bytes tell whether they were a pointer once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.formats import pointer
from git_mlvc.git import attributes, objects
from git_mlvc.git.changes import Entry
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository
    from git_mlvc.settings import Settings

_HEAD_BYTES = 1024  # conflict markers and their labels stand before the first pointer
_READ_WHOLE_BYTES = 64 << 10
_MOST_LARGE_BLOBS = 500  # one short process each


@dataclass(frozen=True, slots=True)
class Held:
    """Entries that are no pointers although the attributes make them data."""

    raw: tuple[Entry, ...] = ()
    damaged: tuple[Entry, ...] = ()


def inspect(repo: Repository, settings: Settings, entries: Iterable[Entry]) -> Held:
    """Return which of `entries` should be pointers and are not. Small files that stay in git are fine."""
    by_path: dict[RepoPath, list[Entry]] = {}
    for entry in entries:
        by_path.setdefault(entry.path, []).append(entry)
    if not by_path:
        return Held()
    ours = [e for path in attributes.ours(repo.git, by_path) for e in by_path[path]]
    sizes: dict[str, int] = {}
    heads: dict[str, bytes] = {}
    for blob in objects.blobs(repo, {entry.blob_sha: None for entry in ours}):
        sizes[blob.sha] = blob.size_bytes
        if blob.content is not None:
            heads[blob.sha] = blob.content
    heads.update(_heads_of_large(repo, sizes))
    raw: list[Entry] = []
    damaged: list[Entry] = []
    for entry in ours:
        size_bytes = sizes.get(entry.blob_sha, 0)
        head = heads.get(entry.blob_sha, b"")
        if pointer.is_damaged(head, size_bytes):
            damaged.append(entry)
        elif (
            size_bytes > 0
            and pointer.sniff(head) is None
            and size_bytes >= attributes.min_size_bytes(settings, entry.path)
        ):
            raw.append(entry)
    return Held(tuple(raw), tuple(damaged))


def _heads_of_large(repo: Repository, sizes: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    large = [sha for sha, size in sizes.items() if size > pointer.MAX_POINTER_BYTES]
    if repo.is_partial():
        large = []  # asking could fetch them
    middling = [sha for sha in large if sizes[sha] <= _READ_WHOLE_BYTES]
    if middling:
        fed = (sha.encode("ascii") + b"\n" for sha in middling)
        with repo.git.streaming("cat-file", "--batch", "--buffer", input=fed) as out:
            for sha in middling:
                size = int(out.readline().rsplit(b" ", 1)[1])
                yield sha, out.read(size + 1)[:_HEAD_BYTES]
    for sha in [sha for sha in large if sizes[sha] > _READ_WHOLE_BYTES][:_MOST_LARGE_BLOBS]:
        with repo.git.streaming("cat-file", "blob", sha, check=False) as out:
            yield sha, out.read(_HEAD_BYTES)

"""Contents that lock files name, and no pointer need: of outs that git ignores, and of directories as a whole.

A lock is not parsed for it: every id that stands in one counts, so that neither conflict markers nor a later version
hides what is needed (law 11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, MissingChunk
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import held_files
from git_mlvc.oid import Oid
from git_mlvc.store.store import Store

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

LOCK_FILE = "mlvc.lock"
_MENTION = re.compile(rb"blake3:([0-9a-f]{64})")


def needed(repo: Repository, store: Store) -> Iterator[Pointer]:
    """Yield what is here of the contents that any lock names, and of the files in directories that one names.

    A lock is one of any commit that something in the clone reaches, of an index, or in a worktree. Raises
    CorruptChunk.
    """
    mentioned: set[bytes] = set()
    for data in held_files.versions(repo, LOCK_FILE):
        mentioned.update(_MENTION.findall(data))
    for digest in sorted(mentioned):
        pointer = store.pointer_of(Oid(bytes.fromhex(digest.decode("ascii"))))
        if pointer is not None:
            yield pointer
            yield from _in_tree(store, pointer)


def _in_tree(store: Store, pointer: Pointer) -> Iterator[Pointer]:
    """Yield the files of a directory, if the content is a tree."""
    try:
        first = next(store.entries(pointer))[0]
        if not store.read_chunk(first).startswith(tree.MAGIC):
            return
        data = store.contents([pointer])[pointer]
        if not isinstance(data, bytes):
            raise data
        rows = tree.decode(data)
    except (MissingChunk, FormatError):
        return  # not here, or a file that only begins like a tree
    for row in rows:
        if row.size_bytes:
            yield Pointer(row.oid, row.size_bytes)

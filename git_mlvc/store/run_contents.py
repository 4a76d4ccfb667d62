"""What runs name: their outs, the trees of directories, and the files in the trees of outs.

All of it is kept as long as the run is. Of a directory that a stage only needed, the tree is kept, which says
what was in it; the files there are whoever's they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk, StoreError
from git_mlvc.formats import run_record, tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.run import RunRecord
from git_mlvc.store.store import Store
from git_mlvc.values import value_class


@value_class
class StrangeRun:
    """A record of kind RUN that is sound and still no run that this version can make use of."""

    id: bytes
    why: str


def pointers(store: Store, record: RunRecord) -> Iterator[Pointer]:
    """Yield every content that a run names, as far as it can be known from what is here.

    Raises CorruptChunk for a tree that is damaged.
    """
    for out in record.outs:
        pointer = out.state.pointer
        if pointer is None:
            continue
        yield pointer
        if out.state.is_tree:
            yield from _files(store, pointer)
    for state in record.trees:
        if state.pointer is not None:
            yield state.pointer


def is_complete(store: Store, record: RunRecord) -> bool:
    """True if all that the run made is here, so that it can be restored."""
    for out in record.outs:
        pointer = out.state.pointer
        if pointer is None:
            continue
        try:
            wanted = [pointer, *_files(store, pointer)] if out.state.is_tree else [pointer]
        except StoreError:
            return False
        if store.incomplete(wanted):
            return False
    return True


def needed(store: Store, run_ids: Iterable[bytes]) -> Iterator[Pointer]:
    """Yield every content that any of these runs names; one may come several times.

    Raises CorruptChunk, and FormatError for a run of a later version: what such a one names must not be
    taken for unneeded.
    """
    for run_id in run_ids:
        record = read(store, run_id)
        if isinstance(record, RunRecord):
            yield from pointers(store, record)


def read(store: Store, run_id: bytes) -> RunRecord | StrangeRun | None:
    """Return a run; None if it has gone. Raises CorruptChunk, FormatError for one of a later version."""
    try:
        data = store.read_run(run_id)
    except MissingChunk:
        return None
    try:
        return run_record.decode(data)
    except FormatError as exc:
        if exc.hint:
            raise
        return StrangeRun(run_id, str(exc))


def _files(store: Store, pointer: Pointer) -> Iterator[Pointer]:
    found = store.contents([pointer])[pointer]
    if isinstance(found, MissingChunk):
        return
    if not isinstance(found, bytes):
        raise found
    try:
        rows = tree.decode(found)
    except FormatError as exc:
        raise CorruptChunk(f"the tree {pointer.oid.short} is damaged", why=str(exc)) from exc
    for row in rows:
        if row.size_bytes:
            yield Pointer(row.oid, row.size_bytes)

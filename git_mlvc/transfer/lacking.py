"""What a remote lacks of some contents, found out before anything is sent.

`push.py` sends what comes out of here; nothing here writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location
from git_mlvc.store.store import Store
from git_mlvc.transfer import verify
from git_mlvc.transfer.content import levels
from git_mlvc.transfer.remote_view import RemoteView

WAVE_RECORDS = 1 << 17  # sent and named together: about 8 GB of content, 40 MB of memory


class Survey:
    """What one push has found out so far. `lost`: contents of which some is nowhere to be had."""

    def __init__(self, store: Store, view: RemoteView, *, wave_records: int = WAVE_RECORDS) -> None:
        self._store = store
        self._view = view
        self._wave_records = wave_records
        self._lacking: dict[bytes, Location] = {}
        self.records_there = 0
        self.lost: list[Pointer] = []

    def waves(self, pointers: Iterable[Pointer]) -> Iterator[dict[bytes, Location]]:
        """Yield what the remote lacks (id -> where it is here), so much at a time as is sent at once.

        Each wave is to be on the remote when the next is asked for. When something is `lost`, the push
        will fail: then nothing more is yielded. Raises CorruptChunk for damage in the store, RemoteError.
        """
        elsewhere: list[Pointer] = []
        for pointer in pointers:
            if not self._store.has(pointer.oid):
                elsewhere.append(pointer)
                continue
            for digest in self._records_of(pointer):
                if not self._note(digest):
                    self.lost.append(pointer)
                    break
                if len(self._lacking) >= self._wave_records:
                    yield from self._wave()
        there = verify.held(self._view, elsewhere)
        self.records_there += len(there)
        self.lost += [pointer for pointer in elsewhere if pointer not in there]
        yield from self._wave()

    def _wave(self) -> Iterator[dict[bytes, Location]]:
        full, self._lacking = self._lacking, {}
        if full and not self.lost:
            yield full

    def _note(self, digest: bytes) -> bool:
        """Note a record if the remote lacks it; False if it is nowhere."""
        if digest in self._lacking:
            return True
        if self._view.confirmed(digest) is not None:
            self.records_there += 1
            return True
        location = self._store.find(digest)
        if location is None:
            return False
        self._lacking[digest] = location
        return True

    def _records_of(self, pointer: Pointer) -> Iterator[bytes]:
        """Yield what a content is made of: chunks first, what names them after them (law 1)."""
        digest = pointer.oid.digest
        location = self._store.find(digest)
        if location is not None and location.kind == Kind.RECIPE:
            encoded = self._store.read_record(digest, Kind.RECIPE)
            try:
                recipes = list(levels(encoded, self._read_chunk))
            except FormatError as exc:
                raise CorruptChunk(
                    f"the recipe of {pointer.oid.short} is damaged",
                    why=str(exc),
                    hint="git mlvc fsck --repair",
                ) from exc
            except MissingChunk:
                recipes = []
                yield from self._store.missing_of(pointer)[:1]
            for recipe in reversed(recipes):
                yield from recipe.digests()
        yield digest

    def _read_chunk(self, digest: bytes) -> bytes:
        try:
            return self._store.read_chunk(digest)
        except MissingChunk:
            return verify.read_chunk(self._view, digest)

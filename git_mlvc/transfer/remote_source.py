"""A remote as the place that data comes from, for copying to another one without a local store.

Law 3: every record is verified on its way, those of packs that are passed on whole as well: what is wrong on
the one remote is not spread to the other. Nothing is kept here but packs on their way.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from git_mlvc.backend.base import NotFound
from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk, RemoteError
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.pack import MAX_OFFSET, Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.formats.segment import Location, PackTable
from git_mlvc.fs import atomic
from git_mlvc.store.adoption import verified_table
from git_mlvc.store.verified import verify_stored
from git_mlvc.transfer import remote_layout, verify
from git_mlvc.transfer.content import receive
from git_mlvc.transfer.parcel import Parcel, Stored, repack
from git_mlvc.transfer.plan import WHOLE_PACK_SHARE, LocalPack
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.source import Content

BATCH_POINTERS = (
    1 << 12
)  # whose recipes are read together, if they are not more bytes than the next
BATCH_RECIPE_BYTES = 16 << 20
PIECES_AHEAD = 64  # of a recipe in pieces, read together
WINDOW_BYTES = 16 << 20  # of records in memory


class Unreadable(CorruptChunk):
    """Records that a remote names and does not give, or gives wrong. It is not believed again to have them."""


class RemoteSource:
    """`view` was refreshed. `scratch`: where packs on their way lie."""

    def __init__(self, view: RemoteView, scratch: Path) -> None:
        self._view = view
        self.scratch = scratch
        self.name = f"on remote '{view.name}'"
        self._made: list[Path] = []
        self._is_closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Remove what is still on its way, whatever ended the copy."""
        with self._lock:
            self._is_closed = True
        for path in self._made:
            with contextlib.suppress(OSError):
                path.unlink()

    # -- what there is

    def contents(self, pointers: Iterable[Pointer]) -> Iterator[Content]:
        remaining = iter(pointers)
        while batch := list(islice(remaining, BATCH_POINTERS)):
            found = self.find_many([pointer.oid.digest for pointer in batch])
            for group in _groups(batch, found):
                wanted = [p.oid.digest for p in group if _kind(found, p) == Kind.RECIPE]
                recipes = self._read_raw(wanted)
                for pointer in group:
                    yield Content(pointer, self._records_of(pointer, found, recipes))

    def find_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """As the protocol says. Raises RemoteError where it cannot be told (law 9)."""
        found = self._view.confirmed_many(digests)
        lacking = [digest for digest in digests if digest not in found]
        if lacking and self._view.unseen_bytes:
            self._view.see_all()  # what ranges do not show may be there all the same
            found |= self._view.confirmed_many(lacking)
            lacking = [digest for digest in lacking if digest not in found]
        if lacking:
            located = self._view.find_many(lacking)  # raises if not being found means "unknown"
            found |= self._view.confirmed_many(located)
        return found

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        """As the protocol says. Raises RemoteError where it cannot be told (law 9)."""
        asked = list(pointers)
        there = verify.held(self._view, asked)
        return [pointer for pointer in asked if pointer not in there]

    def _records_of(
        self, pointer: Pointer, found: Mapping[bytes, Location], recipes: Mapping[bytes, bytes]
    ) -> Iterator[bytes] | None:
        digest = pointer.oid.digest
        location = found.get(digest)
        if location is None:
            return None
        if location.kind != Kind.RECIPE:
            return iter([digest]) if location.raw_len == pointer.size_bytes else None
        try:
            recipe = recipe_format.decode(recipes[digest])
            pieces = _Pieces(recipe, self._read_raw)
            if recipe_format.stream(recipe, pieces.read).size_bytes != pointer.size_bytes:
                return None
            return self._all_records(digest, location.pack, pieces, recipe)
        except (KeyError, FormatError, MissingChunk):
            return None

    def _all_records(
        self, digest: bytes, pack: bytes, pieces: _Pieces, recipe: Recipe
    ) -> Iterator[bytes]:
        try:
            yield from recipe_format.all_chunks(recipe, pieces.read)
        except MissingChunk:
            yield pieces.missing
        except FormatError as exc:
            self._view.distrust(digest, pack)
            raise self._unreadable(str(exc)) from exc
        yield digest

    def read_all(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return records, and contents of several chunks, as bytes, verified; what cannot be had is left out.

        All in memory: for what is small. Raises RemoteError.
        """
        asked = list(dict.fromkeys(digests))
        kinds = {digest: at.kind for digest, at in self.find_many(asked).items()}
        raw = self._read_raw(kinds)
        for digest in [digest for digest, kind in kinds.items() if kind == Kind.RECIPE]:
            whole = self._joined(raw.pop(digest, b""))
            if blake3(whole).digest() == digest:
                raw[digest] = whole
        return raw

    def _joined(self, encoded: bytes) -> bytes:
        try:
            recipe = recipe_format.decode(encoded)
            pieces = _Pieces(recipe, self._read_raw)
            chunks = list(recipe_format.unfold(recipe, pieces.read).digests())
            raw = self._read_raw(dict.fromkeys(chunks).keys())
            return b"".join([raw[digest] for digest in chunks])
        except (KeyError, FormatError, MissingChunk):
            return b""

    def _read_raw(self, digests: Collection[bytes]) -> dict[bytes, bytes]:
        """Return records decoded and verified; those that cannot be had are left out."""
        codec = ChunkCodec()
        raw: dict[bytes, bytes] = {}

        def take(digest: bytes, at: Location, payload: bytes) -> None:
            raw[digest] = verify_stored(digest, at.kind, at.codec, at.raw_len, payload, codec)

        receipt = receive(self._view, digests, take)
        for failure in receipt.failed.values():
            if isinstance(failure, RemoteError) and not isinstance(failure, NotFound):
                raise failure
        return raw

    # -- bytes

    def packs(self, lacking: Mapping[bytes, Location]) -> Iterator[LocalPack]:
        """Yield those of which most is wanted, by the room that it takes up in them; `ids`: what is wanted."""
        wanted: dict[bytes, list[bytes]] = {}
        for digest, location in lacking.items():
            wanted.setdefault(location.pack, []).append(digest)
        for pack, digests in wanted.items():
            size_bytes = self._view.pack_sizes.get(pack, 0)
            taken = sum(lacking[digest].stored_len for digest in digests)
            if taken > WHOLE_PACK_SHARE * size_bytes:
                yield LocalPack(pack, size_bytes, frozenset(digests))

    def parcel(self, pack: LocalPack) -> Parcel | None:
        """Bring a pack, in one request, and take out what is not wanted.

        None: it has gone or is not what its name says.
        """
        atomic.make_dirs(self.scratch)
        with self._lock:
            if self._is_closed:
                return None  # and nobody waits for it any more
            fd, path = atomic.open_temp(self.scratch, "parcel")
            self._made.append(path)
        is_kept = False
        try:
            try:
                self._view.backend.get_file(remote_layout.pack_key(pack.id), fd)
            finally:
                os.close(fd)
            table = verified_table(str(path), pack.id)
            ids = {row.id for row in pack_format.iter_rows(table.rows)}
            is_kept = pack.ids == ids
            if is_kept:
                return Parcel(path, table, True)
            return self._selected(path, table, pack.ids) if pack.ids <= ids else None
        except (NotFound, CorruptChunk):
            return None
        finally:
            if not is_kept:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _selected(self, path: Path, table: PackTable, ids: Container[bytes]) -> Parcel:
        """Return a new pack of those records: what nobody asked for does not travel."""
        with path.open("rb") as stream:
            (parcel,) = repack(
                _records_in(stream, table, ids), self.scratch, target_bytes=MAX_OFFSET
            )
        self._made.append(parcel.path)
        return parcel

    def stored(self, digests: Iterable[bytes]) -> Iterator[Stored]:
        """As the protocol says; Unreadable for what the remote does not give."""
        remaining = iter(digests)
        while batch := list(islice(remaining, BATCH_POINTERS)):
            located = self.find_many(batch)
            self._refuse_lacking(batch, located)
            for window in _windows(batch, located):
                yield from self._read_stored(window)

    def _read_stored(self, digests: list[bytes]) -> Iterator[Stored]:
        codec = ChunkCodec()
        came: dict[bytes, Stored] = {}

        def take(digest: bytes, at: Location, payload: bytes) -> None:
            verify_stored(digest, at.kind, at.codec, at.raw_len, payload, codec)
            came[digest] = Stored(digest, at, payload)

        receipt = receive(self._view, digests, take)
        for failure in receipt.failed.values():
            if not isinstance(failure, NotFound | CorruptChunk):
                raise failure
        self._refuse_lacking(digests, came)
        for digest in digests:
            yield came.pop(digest)

    def _refuse_lacking(self, wanted: Collection[bytes], came: Collection[bytes]) -> None:
        lacking = [digest for digest in wanted if digest not in came]
        if lacking:
            raise self._unreadable(f"{len(lacking)} of its records are gone or damaged")

    def _unreadable(self, why: str) -> Unreadable:
        return Unreadable(f"remote '{self._view.name}' does not give what it names", why=why)


class _Pieces:
    """The pieces that a long recipe is stored in, read some at a time. `missing`: the first not to be had."""

    def __init__(
        self, recipe: Recipe, read_raw: Callable[[Collection[bytes]], dict[bytes, bytes]]
    ) -> None:
        self._order = list(recipe.digests()) if recipe.depth else []
        self._places = {digest: place for place, digest in enumerate(self._order)}
        self._read_raw = read_raw
        self._held: dict[bytes, bytes] = {}
        self.missing = b""

    def read(self, digest: bytes) -> bytes:
        """Raises MissingChunk."""
        if digest not in self._held:
            place = self._places.get(digest)
            ahead = self._order[place : place + PIECES_AHEAD] if place is not None else [digest]
            self._held = self._read_raw(dict.fromkeys(ahead).keys())
        if digest not in self._held:
            self.missing = digest
            raise MissingChunk(f"chunk {digest.hex()[:16]} is not to be had")
        return self._held[digest]


def _records_in(stream: BinaryIO, table: PackTable, ids: Container[bytes]) -> Iterator[Stored]:
    for row in pack_format.iter_rows(table.rows):
        if row.id in ids:
            stream.seek(row.offset)
            at = Location(table.id, row.offset, row.stored_len, row.raw_len, row.kind, row.codec)
            yield Stored(row.id, at, stream.read(row.stored_len))


def _kind(found: Mapping[bytes, Location], pointer: Pointer) -> int | None:
    location = found.get(pointer.oid.digest)
    return None if location is None else location.kind


def _groups(batch: list[Pointer], found: Mapping[bytes, Location]) -> Iterator[list[Pointer]]:
    """Yield the pointers in order, so many at a time that their recipes fit into memory together."""
    group: list[Pointer] = []
    size_bytes = 0
    for pointer in batch:
        location = found.get(pointer.oid.digest)
        if location is not None and location.kind == Kind.RECIPE:
            size_bytes += location.raw_len
            if group and size_bytes > BATCH_RECIPE_BYTES:
                yield group
                group, size_bytes = [], location.raw_len
        group.append(pointer)
    yield group


def _windows(digests: list[bytes], located: Mapping[bytes, Location]) -> Iterator[list[bytes]]:
    window: list[bytes] = []
    size_bytes = 0
    for digest in digests:
        stored_len = located[digest].stored_len
        if window and size_bytes + stored_len > WINDOW_BYTES:
            yield window
            window, size_bytes = [], 0
        window.append(digest)
        size_bytes += stored_len
    yield window

"""Where the data of a push comes from: the little that is asked of it, and a local store as such a place.

The other such place is a remote (`remote_source.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from blake3 import blake3

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location, PackTable
from git_mlvc.oid import DIGEST_SIZE
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.store import Store
from git_mlvc.transfer.parcel import Parcel, Stored
from git_mlvc.transfer.plan import LocalPack

HASH_BLOCK_BYTES = 1 << 20


class Content(NamedTuple):
    """A content and the ids of what it is made of, or None if it is not here.

    Chunks come first and what names them after them (law 1). Iterating may raise CorruptChunk.
    """

    pointer: Pointer
    records: Iterator[bytes] | None


class Source(Protocol):
    """What a push needs of the place the data comes from. `scratch`: a directory for packs on their way."""

    @property
    def name(self) -> str:
        """Where that is, in a message: "in the local store"."""
        ...

    @property
    def scratch(self) -> Path: ...

    def contents(self, pointers: Iterable[Pointer]) -> Iterator[Content]:
        """Yield each, in order. The records of one are to be read before the next is asked for."""
        ...

    def find_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """Return where records are; what is left out is certainly not here."""
        ...

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        """Return those of which something is not here."""
        ...

    def packs(self, lacking: Mapping[bytes, Location]) -> Iterator[LocalPack]:
        """Yield the packs, among those named in `lacking`, that may travel as they are."""
        ...

    def parcel(self, pack: LocalPack) -> Parcel | None:
        """Return a whole pack, ready to be sent and true; None if its records are to be read one by one.

        Called from several threads. Raises CorruptChunk.
        """
        ...

    def stored(self, digests: Iterable[bytes]) -> Iterator[Stored]:
        """Yield records in this order, verified. Raises CorruptChunk, MissingChunk."""
        ...


@dataclass(frozen=True, slots=True)
class StoreSource:
    """A local store. `elsewhere` reads a piece of a long recipe that is not here from where it may be."""

    store: Store
    elsewhere: Callable[[bytes], bytes]
    name: str = "in the local store"

    @property
    def scratch(self) -> Path:
        return Path(self.store.layout.tmp)

    def contents(self, pointers: Iterable[Pointer]) -> Iterator[Content]:
        for pointer in pointers:
            is_here = self.store.has(pointer.oid)
            yield Content(pointer, self._records_of(pointer) if is_here else None)

    def find_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        return self.store.index.find_many(digests)

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        return self.store.incomplete(pointers)

    def packs(self, lacking: Mapping[bytes, Location]) -> Iterator[LocalPack]:
        for pack_id in dict.fromkeys(location.pack for location in lacking.values()):
            if len(pack_id) == DIGEST_SIZE:  # a sealed one
                table = self._table_of(pack_id)
                if table is not None:
                    ids = frozenset(row.id for row in pack_format.iter_rows(table.rows))
                    yield LocalPack(pack_id, table.size_bytes, ids)

    def parcel(self, pack: LocalPack) -> Parcel:
        table = self._table_of(pack.id)
        if table is None:
            raise CorruptChunk(
                f"pack {pack.id.hex()[:16]} of the store vanished while it was sent",
                hint="push again",
            )
        return Parcel(self.store.pack_path(pack.id), table, False)

    def stored(self, digests: Iterable[bytes]) -> Iterator[Stored]:
        for digest in digests:
            yield Stored(digest, *self.store.read_stored(digest))

    def _table_of(self, pack_id: bytes) -> PackTable | None:
        try:
            return read_table(str(self.store.pack_path(pack_id)), pack_id)
        except (OSError, FormatError):
            return None  # its records are read one by one, which says what is wrong with it

    def _records_of(self, pointer: Pointer) -> Iterator[bytes]:
        digest = pointer.oid.digest
        location = self.store.find(digest)
        if location is not None and location.kind == Kind.RECIPE:
            encoded = self.store.read_record(digest, Kind.RECIPE)
            try:
                yield from recipe_format.all_chunks(recipe_format.decode(encoded), self._read_chunk)
            except FormatError as exc:
                raise CorruptChunk(
                    f"the recipe of {pointer.oid.short} is damaged",
                    why=str(exc),
                    hint="git mlvc fsck --repair",
                ) from exc
            except MissingChunk:
                yield from self.store.missing_of(pointer)[:1]
        yield digest

    def _read_chunk(self, digest: bytes) -> bytes:
        try:
            return self.store.read_chunk(digest)
        except MissingChunk:
            return self.elsewhere(digest)


def check_whole(sent: Parcel) -> None:
    """Law 3: what leaves the store under a name is what the name says. Raises CorruptChunk."""
    hasher = blake3()
    block = memoryview(bytearray(HASH_BLOCK_BYTES))
    try:
        # Not mapped: mapped packs of several threads would count as memory of this process.
        with sent.path.open("rb", buffering=0) as stream:
            while length := stream.readinto(block):
                hasher.update(block[:length])
    except OSError as exc:
        raise CorruptChunk(f"cannot read {sent.path}", why=exc.strerror or str(exc)) from exc
    if hasher.digest() != sent.id:
        raise CorruptChunk(
            f"pack {sent.id.hex()[:16]} of the store is damaged",
            why="its bytes are not the ones its name says",
            hint="git mlvc fsck --repair, then push again",
        )

"""Reads records out of packs, sealed or open, and lets nothing pass that is not what its id says.

Law 3: bytes are verified when they come out of a pack. Where one copy of a record is damaged and
another is good, the good one is used; fsck will find the damaged one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from blake3 import blake3

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk, MlvcError, StoreError
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.segment import Location
from git_mlvc.store.chunk_index import PACK_ID_SIZE, ChunkIndex
from git_mlvc.store.disk import store_error
from git_mlvc.store.layout import Layout
from git_mlvc.store.pack_files import PackFile, PackFiles
from git_mlvc.store.verified import verify_stored
from git_mlvc.values import value_class

RETRIES = 3


@value_class
class Placed:
    """A chunk of some content, and where it is."""

    digest: bytes
    raw_len: int
    location: Location


class Reader:
    """Thread-safe: descriptors are shared, nothing else is kept."""

    def __init__(self, layout: Layout, index: ChunkIndex) -> None:
        self._layout = layout
        self._index = index
        self._files = PackFiles()

    def close(self) -> None:
        self._files.clear()

    def forget(self, packs: Collection[bytes]) -> None:
        for pack_id in packs:
            self._files.forget(pack_id)

    def locate(self, digest: bytes, kind: int) -> Location:
        """Raises MissingChunk."""
        found = self._index.find(digest)
        if found is not None and found.kind != kind:
            found = next((p for p in self._index.find_all(digest) if p.kind == kind), None)
        if found is None:
            raise missing(digest)
        return found

    def open(self, location: Location) -> PackFile:
        """Return the pack a location is in. Raises FileNotFoundError when it has gone."""
        key = location.pack
        file = self._index.open_files.get(key) or self._files.get(key)
        if file is not None:
            return file
        if len(key) == PACK_ID_SIZE:
            return self._files.add(key, PackFile.open(self._layout.pack(key)))
        name = key.decode()
        try:
            return self._files.add(key, PackFile.open(self._layout.open_pack(name)))
        except FileNotFoundError:
            sealed_as = self._index.journals.sealed_as(name)
            if sealed_as is None:
                raise
            return self._files.add(key, PackFile.open(self._layout.pack(sealed_as)))

    def read(self, digest: bytes, kind: int = Kind.CHUNK) -> bytes:
        """Return the raw bytes of a record, verified. Raises MissingChunk, CorruptChunk."""
        return self.read_stored(digest, kind)[2]

    def read_found(self, digest: bytes, location: Location) -> bytes:
        """As `read`, of a record that was just found."""
        try:
            return self._read_at(digest, location)[2]
        except (FileNotFoundError, CorruptChunk):
            return self.read(digest, location.kind)

    def read_stored(self, digest: bytes, kind: int | None) -> tuple[Location, bytes, bytes]:
        """Return where a record is, its payload and its raw bytes, verified.

        `kind` None takes whatever kind is found first.
        """
        failure: StoreError | None = None
        for _ in range(RETRIES):
            location = self._index.find(digest)
            if location is not None and kind is not None and location.kind != kind:
                location = self.locate(digest, kind)
            if location is None:
                break
            try:
                return self._read_at(digest, location)
            except FileNotFoundError:
                # Compaction or gc has been here since the segment was mapped.
                self._forget(location)
            except CorruptChunk as exc:
                failure = exc
                break
        for location in self._index.find_all(digest):
            if kind is None or location.kind == kind:
                try:
                    return self._read_at(digest, location)
                except (CorruptChunk, FileNotFoundError):
                    continue
        raise failure or missing(digest)

    def copies(self, digest: bytes, kind: int) -> list[bytes]:
        """Return the raw bytes of every readable record of this id and kind, each once.

        Chunks cannot differ: their id is their hash. Recipes can: a remote may have sent one that is
        well-formed and not the content's.
        """
        found: dict[bytes, None] = {}
        for location in self._index.find_all(digest):
            if location.kind == kind:
                try:
                    found[self._read_at(digest, location)[2]] = None
                except (CorruptChunk, FileNotFoundError):
                    continue
        return list(found)

    def read_window(
        self,
        placed: Sequence[Placed],
        codec: ChunkCodec,
        *,
        verify: bool,
        buffer: bytearray | None = None,
    ) -> list[bytes | memoryview]:
        """Return the raw bytes of consecutive chunks, in order; neighbours in a pack in one read.

        With `verify` each chunk is hashed; without it the caller hashes the whole. With a `buffer`
        what fits is read into it, and the pieces returned are good until it is used again.
        """
        pieces: list[bytes | memoryview] = []
        whole = memoryview(b"" if buffer is None else buffer)
        used = 0
        joins_at = -1  # where in the buffer the last piece begins, if what comes may continue it
        first = 0
        while first < len(placed):
            last = run_end(placed, first)
            run = placed[first:last]
            first = last
            try:
                stored = self._read_extent(run, whole[used:])
                raw = _decoded_run(run, stored, codec, verify=verify)
            except (CorruptChunk, FileNotFoundError):
                pieces += [self._exactly(p) for p in run]
                joins_at = -1
                continue
            is_in_buffer = len(stored) <= len(whole) - used
            start, used = used, used + (len(stored) if is_in_buffer else 0)
            if not is_in_buffer or len(raw) != 1 or raw[0] is not stored:
                pieces += raw
                joins_at = -1
            elif joins_at < 0:
                joins_at = start
                pieces.append(stored)
            else:
                # As one piece: hashing and writing cost more in pieces of odd lengths.
                pieces[-1] = whole[joins_at:used]
        return pieces

    def read_extent(self, placed: Sequence[Placed], codec: ChunkCodec) -> list[bytes | MlvcError]:
        """Return the raw bytes of chunks that stand in one pack in this order, verified, from one read.

        In the place of one that cannot be had stands why.
        """
        start = placed[0].location.offset
        try:
            stored = self._read_extent(placed, memoryview(b""))
        except (StoreError, FileNotFoundError):
            stored = memoryview(b"")
        found: list[bytes | MlvcError] = []
        for p in placed:
            at = p.location.offset - start
            try:
                try:
                    payload = stored[at : at + p.location.stored_len]
                    raw = bytes(_decoded(p.digest, p.location, payload, codec))
                    if len(raw) != p.raw_len or blake3(raw).digest() != p.digest:
                        raise _damaged(p.digest, p.location)
                except CorruptChunk:
                    raw = self._exactly(p)
                found.append(raw)
            except MlvcError as exc:
                found.append(exc)
        return found

    def _read_extent(self, run: Sequence[Placed], space: memoryview) -> memoryview:
        start = run[0].location.offset
        length = run[-1].location.offset + run[-1].location.stored_len - start
        file = self.open(run[0].location)
        try:
            if length <= len(space):
                stored = file.read_into(start, space[:length])
            else:
                stored = memoryview(file.read(start, length))
        except OSError as exc:
            raise store_error("cannot read a pack of the store", exc) from exc
        if len(stored) < length:
            raise CorruptChunk("a pack is shorter than its index says")
        return stored

    def _exactly(self, placed: Placed) -> bytes:
        raw = self.read(placed.digest)
        if len(raw) != placed.raw_len:
            raise CorruptChunk(f"chunk {placed.digest.hex()[:16]} has another length than promised")
        return raw

    def _read_at(self, digest: bytes, location: Location) -> tuple[Location, bytes, bytes]:
        file = self.open(location)
        try:
            payload = file.read(location.offset, location.stored_len)
        except OSError as exc:
            raise store_error("cannot read a pack of the store", exc) from exc
        if len(payload) != location.stored_len:
            raise _damaged(digest, location)
        raw = verify_stored(
            digest, location.kind, location.codec, location.raw_len, payload, ChunkCodec()
        )
        return location, payload, raw

    def _forget(self, location: Location) -> None:
        self._files.forget(location.pack)
        self._index.reload()


def run_end(placed: Sequence[Placed], first: int) -> int:
    """Return the end of the longest run from `first` that stands back to back in one pack."""
    last = first + 1
    before = placed[first].location
    while last < len(placed):
        here = placed[last].location
        if here.pack != before.pack or here.offset != before.offset + before.stored_len:
            break
        before = here
        last += 1
    return last


def missing(digest: bytes) -> MissingChunk:
    return MissingChunk(
        f"chunk {digest.hex()[:16]} is not in the store",
        hint="git mlvc pull; `git mlvc fsck` lists what is missing and which files it hurts",
    )


def _decoded_run(
    run: Sequence[Placed], stored: memoryview, codec: ChunkCodec, *, verify: bool
) -> list[bytes | memoryview]:
    if not verify and all(p.location.codec == Codec.RAW for p in run):
        return [stored]
    pieces: list[bytes | memoryview] = []
    at = 0
    for p in run:
        payload = stored[at : at + p.location.stored_len]
        at += p.location.stored_len
        raw = _decoded(p.digest, p.location, payload, codec)
        if verify and blake3(raw).digest() != p.digest:
            raise _damaged(p.digest, p.location)
        pieces.append(raw)
    return pieces


def _decoded(
    digest: bytes, location: Location, payload: memoryview, codec: ChunkCodec
) -> bytes | memoryview:
    if location.codec == Codec.RAW and location.stored_len == location.raw_len:
        return payload
    try:
        return codec.decode(location.codec, payload, location.raw_len)
    except FormatError as exc:
        raise _damaged(digest, location) from exc


def _damaged(digest: bytes, location: Location) -> CorruptChunk:
    pack = location.pack.hex()[:16] if len(location.pack) == PACK_ID_SIZE else "an open pack"
    return CorruptChunk(
        f"chunk {digest.hex()[:16]} in pack {pack} is damaged",
        why="the stored bytes are not the ones its id names",
        hint="git mlvc fsck --repair",
    )

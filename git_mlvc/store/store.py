"""The store: one directory of packs and segments that all worktrees of a clone share.

Opening costs next to nothing; nothing is made before the first write. The layout is drawn in
`layout.py` and promised in docs/formats/store.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk, MlvcError, StoreError
from git_mlvc.formats import store_config
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.formats.segment import Location
from git_mlvc.fs.atomic import Permissions
from git_mlvc.oid import Oid
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.disk import Disk, store_error
from git_mlvc.store.layout import Layout, unique_name
from git_mlvc.store.reader import Reader
from git_mlvc.store.recipes import Recipes, check_size
from git_mlvc.store.runs import Runs
from git_mlvc.values import value_class

if TYPE_CHECKING:
    from git_mlvc.store.adoption import Adoption
    from git_mlvc.store.arrivals import Arrivals
    from git_mlvc.store.session import Session


@value_class
class PackInfo:
    """A sealed pack, as the directory shows it."""

    id: bytes
    size_bytes: int
    mtime_s: float


class Store:
    """Reads, and hands out sessions that write. Reading is thread-safe."""

    def __init__(self, path: Path, disk: Disk, *, create: bool) -> None:
        self.path = path
        self.layout = Layout(path)
        self.disk = disk
        self.index = ChunkIndex(self.layout)
        self._create = create
        self._ready = False
        self._reader = Reader(self.layout, self.index)
        self._recipes = Recipes(self.index, self._reader)
        self._runs = Runs(self.index, self._reader)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        permissions: Permissions = Permissions(),
        create: bool = True,
        disk: Disk | None = None,
    ) -> Store:
        """Open what is at `path`, or what will be made there by the first write.

        Raises FormatError for a store written by a newer version, StoreError if there is none and
        `create` is False, or if it cannot be read.
        """
        store = cls(path, disk or Disk(permissions), create=create)
        store._check_format()
        return store

    # -- questions

    def find(self, digest: bytes) -> Location | None:
        """Return where a record is, sealed or in an open pack; None if it is nowhere.

        `pack` is the id of a sealed pack (32 bytes), or the name of an open one (never 32 bytes).
        """
        return self.index.find(digest)

    def has(self, oid: Oid) -> bool:
        """True if the content's chunk or recipe is here; its other chunks may yet be missing."""
        return self.index.find(oid.digest) is not None

    def missing(self, digests: list[bytes]) -> list[bytes]:
        """Return those digests that are nowhere here, in order."""
        return self.index.missing(digests)

    def pointer_of(self, oid: Oid) -> Pointer | None:
        """Return the pointer to a content of which only the id is known; None if that is not here.

        Raises CorruptChunk.
        """
        return self._recipes.pointer_of(oid)

    def recipe(self, pointer: Pointer) -> Recipe:
        """Return what a content is made of. Raises as `Recipes.of`."""
        return self._recipes.of(pointer)

    def entries(self, pointer: Pointer) -> Iterator[tuple[bytes, int]]:
        """Yield (chunk id, raw length) of a content's chunks, memory bounded. As `Recipes.entries`."""
        return self._recipes.entries(pointer)

    def missing_of(self, pointer: Pointer) -> list[bytes]:
        """Return the digests of a content that are not here; [] = complete. As `Recipes.missing_of`."""
        return self._recipes.missing_of(pointer)

    def live_digests(self, pointer: Pointer) -> Iterator[bytes]:
        """Yield every record a content needs. As `Recipes.live_digests`."""
        return self._recipes.live_digests(pointer)

    def is_complete(self, pointer: Pointer) -> bool:
        """True if every chunk is here; a damaged recipe counts as not complete."""
        try:
            return not self.missing_of(pointer)
        except (CorruptChunk, FormatError):
            return False

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        """Return those of which something is not here, in order: `is_complete` for many at once."""
        asked = list(pointers)
        found = self.index.find_many([pointer.oid.digest for pointer in asked])
        lacking = []
        for pointer in asked:
            location = found.get(pointer.oid.digest)
            if location is not None and location.kind == Kind.CHUNK:
                is_here = location.raw_len == pointer.size_bytes
            else:
                is_here = location is not None and self.is_complete(pointer)
            if not is_here:
                lacking.append(pointer)
        return lacking

    # -- runs

    def runs_of(self, key: bytes) -> list[bytes]:
        """Return the ids of the records of the runs with a stage key, sealed or not. As `Runs.of`."""
        return self._runs.of(key)

    def runs_of_many(self, keys: Iterable[bytes]) -> dict[bytes, list[bytes]]:
        """As `runs_of`, for many keys at once; those without a run are left out."""
        return self._runs.of_many(keys)

    def all_runs(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield (stage key, id of the record) of every run, each once."""
        return self._runs.all()

    def read_run(self, run_id: bytes) -> bytes:
        """Return the record of a run, verified. Raises MissingChunk, CorruptChunk."""
        return self._reader.read(run_id, Kind.RUN)

    # -- bytes

    def read_chunk(self, digest: bytes) -> bytes:
        """Return a chunk, verified. Raises MissingChunk, CorruptChunk."""
        return self._reader.read(digest, Kind.CHUNK)

    def read_record(self, digest: bytes, kind: int) -> bytes:
        """Return the raw bytes of a record of any kind, verified."""
        return self._reader.read(digest, kind)

    def read_stored(self, digest: bytes) -> tuple[Location, bytes]:
        """Return where a record is and its payload as stored, verified by decoding it once."""
        location, payload, _ = self._reader.read_stored(digest, None)
        return location, payload

    def restore(self, pointer: Pointer, write: Callable[[bytes | memoryview], object]) -> None:
        """Write a content piece by piece, each verified before it is written; memory is bounded.

        Raises MissingChunk before anything is written if a chunk is not here, CorruptChunk.
        """
        from git_mlvc.store.restore import Restorer

        location = self.index.find(pointer.oid.digest)
        if location is not None and location.kind == Kind.CHUNK:
            check_size(pointer, location.raw_len)
            write(self._reader.read_found(pointer.oid.digest, location))
            return
        self._recipes.refuse_missing(pointer)
        Restorer(self._reader).stream(pointer, self._recipes.entries(pointer), write)

    def position(self, pointer: Pointer) -> tuple[bytes, int]:
        """Return a key by which contents sort in the order in which they are best read."""
        from git_mlvc.store import bulk_reading

        return bulk_reading.position(self.index, pointer)

    def contents(self, pointers: Iterable[Pointer]) -> dict[Pointer, bytes | MlvcError]:
        """Return small contents, verified, all in memory; in the place of one that is not to be had, why."""
        from git_mlvc.store import bulk_reading

        found, others = bulk_reading.single_chunks(self._reader, self.index, pointers)
        for pointer in others:
            pieces: list[bytes | memoryview] = []
            try:
                self.restore(pointer, pieces.append)
                found[pointer] = b"".join(pieces)
            except MlvcError as exc:
                found[pointer] = exc
        return found

    def restore_file(self, pointer: Pointer, fd: int, *, arrivals: Arrivals | None = None) -> None:
        """Write a content into an empty regular file. Wrong bytes may stand in it until this returns:

        give it its name only then. What is not here yet is waited for if there are `arrivals`. Raises
        MissingChunk, CorruptChunk, StoreError.
        """
        from git_mlvc.store.restore import Restorer

        def entries() -> Iterator[tuple[bytes, int]]:
            if arrivals is None:
                return self._recipes.entries(pointer)
            from git_mlvc.store.arrivals import entries_as_they_come

            return entries_as_they_come(
                lambda: self._recipes.entries(pointer), self.index, arrivals
            )

        try:
            Restorer(self._reader).to_file(pointer, entries, fd)
        except MissingChunk:
            self._recipes.refuse_missing(pointer)  # says how much is missing
            raise

    # -- writing

    def session(self) -> Session:
        """Return a session, after what dead processes left behind has been put in order."""
        from git_mlvc.store.recover import recover
        from git_mlvc.store.session import Session

        if os.path.isdir(self.layout.tmp):
            try:
                recover(self.layout, self.disk)
            except OSError:
                pass  # a full or read-only disk: readers look through the journals meanwhile
        return Session(
            self.layout,
            self.disk,
            self.index,
            prepare=self.prepare,
            closed=self._after_session,
            recipes_of=lambda digest: self._reader.copies(digest, Kind.RECIPE),
            entries_of=self._recipes.entries,
        )

    def adoption(self) -> Adoption:
        """Return what takes in packs of other stores whole."""
        from git_mlvc.store.adoption import Adoption

        return Adoption(
            self.layout,
            self.disk,
            self.index,
            prepare=self.prepare,
            closed=self._after_session,
        )

    def prepare(self) -> None:
        """Make directories and the format file, if they are not there."""
        if self._ready:
            return
        for directory in (self.layout.packs, self.layout.segments, self.layout.tmp):
            self.disk.make_dir(directory)
        if not os.path.exists(self.layout.format):
            data = store_config.encode(store_config.StoreConfig())
            self.disk.write_new(
                self.layout.tmp, unique_name() + ".format", data, self.layout.format
            )
        self._check_format()

    def recover(self) -> int:
        """Seal what dead processes left behind; return how many packs. Raises StoreError."""
        from git_mlvc.store.recover import recover

        try:
            return recover(self.layout, self.disk)
        except OSError as exc:
            raise store_error(f"cannot put {self.path} in order", exc) from exc

    # -- files

    def packs(self) -> list[PackInfo]:
        """Return the sealed packs, sorted by id."""
        found = []
        for pack_id in self.layout.pack_ids():
            try:
                status = os.stat(self.layout.pack(pack_id))
            except FileNotFoundError:
                continue
            found.append(PackInfo(pack_id, status.st_size, status.st_mtime))
        return found

    def pack_path(self, pack_id: bytes) -> Path:
        return Path(self.layout.pack(pack_id))

    def segments(self) -> list[Path]:
        """Return the segments' files, sorted by id."""
        return [Path(self.layout.segment(s)) for s in self.layout.segment_ids()]

    def forget_packs(self, packs: Collection[bytes]) -> None:
        """Close what is open of packs that were moved or deleted."""
        self._reader.forget(packs)

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- inside

    def _check_format(self) -> None:
        try:
            data = Path(self.layout.format).read_bytes()
        except FileNotFoundError:
            if not self._create:
                raise StoreError(f"there is no store at {self.path}") from None
            return
        except OSError as exc:
            raise store_error(f"cannot open the store {self.path}", exc) from exc
        try:
            store_config.decode(data)
        except FormatError as exc:
            if exc.hint:  # a newer version
                raise
            hint = "git mlvc fsck --repair"
            raise FormatError(f"cannot use the store {self.path}", why=str(exc), hint=hint) from exc
        self._ready = True

    def _after_session(self) -> None:
        from git_mlvc.store.compaction import compact

        compact(self.layout, self.disk, self.index)

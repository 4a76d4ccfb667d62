"""What contents are made of: from a pointer to its recipe, and what of it is not here.

A recipe that is longer than a chunk is itself stored in chunks (docs/formats/recipe.md), so even finding
out can fail half-way; what can be told is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk
from git_mlvc.formats import recipe as recipe_format
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import Recipe
from git_mlvc.oid import Oid
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.reader import Reader

_REPAIR = "git mlvc fsck --repair"
_BATCH = 8192  # chunks looked up at once


class Recipes:
    """Looks into recipes; keeps nothing."""

    def __init__(self, index: ChunkIndex, reader: Reader) -> None:
        self._index = index
        self._reader = reader

    def of(self, pointer: Pointer) -> Recipe:
        """Return what a content is made of, down to its content chunks.

        Raises MissingChunk, CorruptChunk (also when sizes disagree with the pointer).
        """
        top = self._top(pointer)
        try:
            recipe = recipe_format.unfold(top, self._read_chunk)
        except FormatError as exc:
            raise _damaged(pointer, exc) from exc
        check_size(pointer, recipe.size_bytes)
        return recipe

    def entries(self, pointer: Pointer) -> Iterator[tuple[bytes, int]]:
        """Yield (chunk id, raw length) of a content's chunks, in order; memory is bounded.

        Raises as `of`: about the size before the first, about a recipe that is damaged further on when
        that is reached.
        """
        try:
            stream = recipe_format.stream(self._top(pointer), self._read_chunk)
            check_size(pointer, stream.size_bytes)
            yield from stream.entries
        except FormatError as exc:
            raise _damaged(pointer, exc) from exc

    def pointer_of(self, oid: Oid) -> Pointer | None:
        """Return the pointer to a content by what is here of it, or None. Raises CorruptChunk."""
        location = self._index.find(oid.digest)
        if location is None:
            return None
        if location.kind == Kind.CHUNK:
            return Pointer(oid, location.raw_len)
        try:
            top = self._top_recipe(oid.digest)
            return Pointer(oid, recipe_format.stream(top, self._read_chunk).size_bytes)
        except MissingChunk:
            return None
        except FormatError as exc:
            raise CorruptChunk(
                f"the recipe of {oid.short} is damaged", why=str(exc), hint=_REPAIR
            ) from exc

    def missing_of(self, pointer: Pointer) -> list[bytes]:
        """Return the digests (content, recipe or chunk ids) that are not here; [] = complete.

        Where a recipe itself is not here in full, only its own missing parts can be told.
        """
        digest = pointer.oid.digest
        location = self._index.find(digest)
        if location is None:
            return [digest]
        if location.kind == Kind.CHUNK:
            check_size(pointer, location.raw_len)
            return []
        top = self._top_recipe(digest)
        try:
            for depth in range(top.depth, -1, -1):
                lost = self._missing_at(pointer, top, depth)
                if lost:
                    return lost
        except MissingChunk:
            return [digest]  # a part of the recipe is named by the index and not to be had
        except FormatError as exc:
            raise _damaged(pointer, exc) from exc
        return []

    def _missing_at(self, pointer: Pointer, top: Recipe, depth: int) -> list[bytes]:
        """Return the chunks of one level that are not here; all of the outer levels are."""
        stream = recipe_format.stream(top, self._read_chunk, depth=depth)
        if not depth:
            check_size(pointer, stream.size_bytes)
        lost: dict[bytes, None] = {}
        digests = (digest for digest, _ in stream.entries)
        while batch := list(islice(digests, _BATCH)):
            lost.update(dict.fromkeys(self._index.missing(dict.fromkeys(batch))))
        return list(lost)

    def live_digests(self, pointer: Pointer) -> Iterator[bytes]:
        """Yield every record a content needs: its recipe, nested recipe chunks, chunks.

        What is not here is named all the same as far as it can be known; nothing is raised for it.
        Raises CorruptChunk for a damaged recipe.
        """
        digest = pointer.oid.digest
        yield digest
        location = self._index.find(digest)
        if location is None or location.kind == Kind.CHUNK:
            return
        top = self._top_recipe(digest)
        try:
            for depth in range(top.depth, -1, -1):
                for chunk, _ in recipe_format.stream(top, self._read_chunk, depth=depth).entries:
                    yield chunk
        except MissingChunk:
            return
        except FormatError as exc:
            raise _damaged(pointer, exc) from exc

    def refuse_missing(self, pointer: Pointer) -> None:
        """Raises MissingChunk unless every chunk of the content is here, and as `entries`."""
        count = lost = 0
        digests = (digest for digest, _ in self.entries(pointer))
        while batch := list(islice(digests, _BATCH)):
            count += len(batch)
            lost += len(self._index.missing(dict.fromkeys(batch)))
        if lost:
            raise MissingChunk(
                f"the content {pointer.oid.short} is not complete",
                why=f"{lost} of its {count} chunks are not in the store",
                hint="git mlvc pull",
            )

    # -- inside

    def _top(self, pointer: Pointer) -> Recipe:
        """Return the recipe as it is stored; that of a content of one chunk has one row."""
        digest = pointer.oid.digest
        location = self._index.find(digest)
        if location is None or location.kind != Kind.CHUNK:
            return self._top_recipe(digest)
        check_size(pointer, location.raw_len)
        return Recipe.of([(digest, location.raw_len)])

    def _top_recipe(self, digest: bytes) -> Recipe:
        try:
            copies = self._reader.copies(digest, Kind.RECIPE)
            if len(copies) > 1:
                from git_mlvc.store.true_recipe import true_recipe

                return true_recipe(digest, copies, self._read_chunk)
            return recipe_format.decode(
                copies[0] if copies else self._reader.read(digest, Kind.RECIPE)
            )
        except FormatError as exc:
            raise CorruptChunk(
                f"the recipe of {digest.hex()[:10]} is damaged", why=str(exc), hint=_REPAIR
            ) from exc

    def _read_chunk(self, digest: bytes) -> bytes:
        return self._reader.read(digest, Kind.CHUNK)


def _damaged(pointer: Pointer, why: FormatError) -> CorruptChunk:
    return CorruptChunk(f"the recipe of {pointer.oid.short} is damaged", why=str(why), hint=_REPAIR)


def check_size(pointer: Pointer, size_bytes: int) -> None:
    """Raises CorruptChunk unless the pointer says this size."""
    if size_bytes != pointer.size_bytes:
        raise CorruptChunk(
            f"the pointer to {pointer.oid.short} is wrong about its size",
            why=f"it says {pointer.size_bytes} bytes, the content has {size_bytes}",
            hint="git mlvc fsck",
        )

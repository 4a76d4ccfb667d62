"""Many small contents at once, in the order in which packs hold them, neighbours in one read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_mlvc.errors import CorruptChunk, MlvcError
from git_mlvc.formats.chunk_codec import ChunkCodec
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.reader import Placed, Reader
from git_mlvc.store.recipes import check_size

_GAP_BYTES = 16 << 10  # read and thrown away, rather than read in two
_EXTENT_BYTES = 1 << 20

Position = tuple[bytes, int]
_NOWHERE: Position = (b"", 0)


def position(index: ChunkIndex, pointer: Pointer) -> Position:
    """Return a key by which contents sort as packs hold them."""
    found = index.find_known(pointer.oid.digest)
    return _NOWHERE if found is None else (found.pack, found.offset)


def single_chunks(
    reader: Reader, index: ChunkIndex, pointers: Iterable[Pointer]
) -> tuple[dict[Pointer, bytes | MlvcError], list[Pointer]]:
    """Read those contents that are one chunk, each verified; return them and the others.

    In the place of a content that cannot be had stands why. Memory is that of the contents.
    """
    found: dict[Pointer, bytes | MlvcError] = {}
    placed: list[tuple[Placed, Pointer]] = []
    others: list[Pointer] = []
    for pointer in dict.fromkeys(pointers):
        digest = pointer.oid.digest
        location = index.find(digest)
        if location is None or location.kind != Kind.CHUNK:
            others.append(pointer)
            continue
        try:
            check_size(pointer, location.raw_len)
        except CorruptChunk as exc:
            found[pointer] = exc
        else:
            placed.append((Placed(digest, location.raw_len, location), pointer))
    placed.sort(key=lambda item: (item[0].location.pack, item[0].location.offset))
    codec = ChunkCodec()
    for group in _neighbours(placed):
        contents = reader.read_extent([chunk for chunk, _ in group], codec)
        for (_, pointer), content in zip(group, contents, strict=True):
            found[pointer] = content
    return found, others


def _neighbours(
    placed: list[tuple[Placed, Pointer]],
) -> Iterator[list[tuple[Placed, Pointer]]]:
    group: list[tuple[Placed, Pointer]] = []
    for item in placed:
        here = item[0].location
        if group:
            first, last = group[0][0].location, group[-1][0].location
            if (
                here.pack != first.pack
                or not 0 <= here.offset - last.offset - last.stored_len <= _GAP_BYTES
                or here.offset + here.stored_len - first.offset > _EXTENT_BYTES
            ):
                yield group
                group = []
        group.append(item)
    if group:
        yield group

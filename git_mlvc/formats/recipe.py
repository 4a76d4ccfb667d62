"""Recipes: the chunks that one content is made of, in order.

Layout: docs/formats/recipe.md. A recipe stays a single run of 36-byte rows in memory too: a file of
100 GB has some 1.5 million of them. A recipe names chunks only, never recipes, so it cannot contain
itself; one too long for a chunk is cut like any content, and a recipe one level up lists the pieces.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise

from git_mlvc.errors import FormatError
from git_mlvc.values import value_class

MAGIC = b"MLVCRCPE"
VERSION = 1
HEADER = struct.Struct("<8sBB2xIQ")  # magic, version, depth, rows, size of what the chunks make
ROW = struct.Struct("<32sI")  # chunk id, raw length
HINT = struct.Struct("<32sI")  # pack id, how many rows
DIGEST_SIZE = 32
MAX_DEPTH = 4
MAX_CHUNK_LEN = 16 << 20
MIN_MEAN_LEN = 4096  # rows <= size / 4096 + 1, so that a short pointer cannot ask for a long recipe
MAX_ENCODED_LEN = 1 << 30  # of a nested recipe, in this implementation: contents of about 2 TB
MAX_SIZE = (1 << 63) - 1
NO_PACK = bytes(32)
_HINT_COUNT = struct.Struct("<I")


@value_class
class Recipe:
    """The chunks of some content. `depth` 0: of the content itself; n: of the recipe of depth n-1.

    `rows` is ROW after ROW. Iterating gives (chunk id, raw length) and runs in C.
    """

    size_bytes: int
    rows: bytes
    depth: int = 0

    @classmethod
    def of(cls, entries: Iterable[tuple[bytes, int]], depth: int = 0) -> Recipe:
        """Build a recipe from (chunk id, raw length) pairs."""
        rows, size_bytes = bytearray(), 0
        for digest, raw_len in entries:
            rows += ROW.pack(digest, raw_len)
            size_bytes += raw_len
        return cls(size_bytes, bytes(rows), depth)

    def __len__(self) -> int:
        return len(self.rows) // ROW.size

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        return ROW.iter_unpack(self.rows)

    def __getitem__(self, position: int) -> tuple[bytes, int]:
        count = len(self)
        if not -count <= position < count:
            raise IndexError(position)
        digest, raw_len = ROW.unpack_from(self.rows, position % count * ROW.size)
        return digest, raw_len

    def digests(self) -> Iterator[bytes]:
        return (digest for digest, _ in self)


@value_class
class Hint:
    """The next `count` chunks were in `pack` when the recipe was written (NO_PACK: not known)."""

    pack: bytes
    count: int


Hints = tuple[Hint, ...]


def hints_of(packs: Iterable[bytes]) -> Hints:
    """Return the hints for rows whose chunks are in `packs`, one pack id per row."""
    hints = tuple(Hint(pack, sum(1 for _ in run)) for pack, run in groupby(packs))
    return () if len(hints) == 1 and hints[0].pack == NO_PACK else hints


def encode(recipe: Recipe, hints: Hints = ()) -> bytes:
    """Return the recipe, its checksum, then the hints, which the checksum does not cover.

    Raises ValueError for a recipe that `decode` would refuse.
    """
    from blake3 import blake3

    problem = _problem(recipe) or _hints_problem(hints, len(recipe))
    if problem:
        raise ValueError(problem)
    header = HEADER.pack(MAGIC, VERSION, recipe.depth, len(recipe), recipe.size_bytes)
    checksum = blake3(header).update(recipe.rows).digest()
    tail = [HINT.pack(hint.pack, hint.count) for hint in hints]
    return b"".join([header, recipe.rows, checksum, _HINT_COUNT.pack(len(tail)), *tail])


def decode(data: bytes | memoryview) -> Recipe:
    """Read a recipe; its hints are checked too, `decode_hints` returns them. Raises FormatError."""
    return decode_with_hints(data)[0]


def decode_hints(data: bytes | memoryview) -> Hints:
    """Raises FormatError."""
    return decode_with_hints(data)[1]


def decode_with_hints(data: bytes | bytearray | memoryview) -> tuple[Recipe, Hints]:
    """Raises FormatError for anything that `encode` does not write."""
    from blake3 import blake3

    view = memoryview(data)
    depth, count, size_bytes = _decode_header(view)
    rows_end = HEADER.size + count * ROW.size
    hints_at = rows_end + DIGEST_SIZE + _HINT_COUNT.size
    if len(view) < hints_at:
        raise _broken(f"it is too short for its {count} rows", len(view))
    if blake3(view[:rows_end]).digest() != view[rows_end : rows_end + DIGEST_SIZE]:
        raise _broken("its checksum does not match", rows_end)
    recipe = Recipe(size_bytes, bytes(view[HEADER.size : rows_end]), depth)
    problem = _problem(recipe)
    if problem:
        raise _broken(problem, 0)
    (hint_count,) = _HINT_COUNT.unpack_from(view, hints_at - _HINT_COUNT.size)
    if len(view) != hints_at + hint_count * HINT.size:
        raise _broken(f"it has not the length of {hint_count} hints", hints_at)
    hints = tuple(Hint(pack, rows) for pack, rows in HINT.iter_unpack(view[hints_at:]))
    problem = _hints_problem(hints, count)
    if problem:
        raise _broken(problem, hints_at)
    return recipe, hints


@value_class
class Stream:
    """The chunks of a content, one after the other, without the whole recipe in memory."""

    size_bytes: int
    entries: Iterator[tuple[bytes, int]]


def stream(recipe: Recipe, read_chunk: Callable[[bytes], bytes], *, depth: int = 0) -> Stream:
    """Return the content's size at once and its (chunk id, raw length) pairs as they are asked for.

    With a `depth`, those of the nested recipe of that depth.

    Memory is a few chunks for each level, whatever the size of the content. Every piece that is read
    was verified by its id; the checks over a whole level come when it ends. Raises FormatError, at
    any step, and whatever `read_chunk` raises.
    """
    size_bytes, entries = recipe.size_bytes, iter(recipe)
    for outer in range(recipe.depth, depth, -1):
        size_bytes, entries = _stream_inner(_pieces(entries, read_chunk), size_bytes, outer)
    return Stream(size_bytes, entries)


def all_chunks(recipe: Recipe, read_chunk: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """Yield the ids of all chunks a content needs: its own first, then those that the levels are made of.

    Each level comes before the one that names it. Memory and errors as in `stream`.
    """
    for depth in range(recipe.depth + 1):
        for digest, _ in stream(recipe, read_chunk, depth=depth).entries:
            yield digest


def unfold(recipe: Recipe, read_chunk: Callable[[bytes], bytes]) -> Recipe:
    """Return the recipe of the content itself, reading the levels between with `read_chunk`.

    Raises FormatError, and whatever `read_chunk` raises.
    """
    return unfold_with_hints(recipe, (), read_chunk)[0]


def unfold_with_hints(
    recipe: Recipe, hints: Hints, read_chunk: Callable[[bytes], bytes]
) -> tuple[Recipe, Hints]:
    """As `unfold`, with the hints of the innermost level."""
    while recipe.depth:
        if recipe.size_bytes > MAX_ENCODED_LEN:
            raise _broken(f"a recipe of {recipe.size_bytes} bytes is beyond this version", 0)
        inner = bytearray()
        for piece in _pieces(iter(recipe), read_chunk):
            inner += piece
        outer_depth = recipe.depth
        recipe, hints = decode_with_hints(inner)
        if recipe.depth != outer_depth - 1:
            raise _broken(f"depth {recipe.depth} inside depth {outer_depth}", 0)
    return recipe, hints


def _pieces(
    entries: Iterator[tuple[bytes, int]], read_chunk: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    for digest, raw_len in entries:
        chunk = read_chunk(digest)
        if len(chunk) != raw_len:
            raise _broken(f"a piece of {raw_len} bytes has {len(chunk)}", 0)
        yield chunk


def _stream_inner(
    pieces: Iterator[bytes], encoded_len: int, outer_depth: int
) -> tuple[int, Iterator[tuple[bytes, int]]]:
    held = bytearray()
    while len(held) < HEADER.size:
        piece = next(pieces, b"")
        if not piece:
            raise _broken("it is cut short", len(held))
        held += piece
    depth, count, size_bytes = _decode_header(held)
    if depth != outer_depth - 1:
        raise _broken(f"depth {depth} inside depth {outer_depth}", 0)
    if HEADER.size + count * ROW.size + DIGEST_SIZE + _HINT_COUNT.size > encoded_len:
        raise _broken(f"it is too short for its {count} rows", encoded_len)
    return size_bytes, _stream_rows(held, pieces, count, size_bytes)


def _stream_rows(
    held: bytearray, pieces: Iterator[bytes], count: int, size_bytes: int
) -> Iterator[tuple[bytes, int]]:
    from blake3 import blake3

    hasher = blake3(held[: HEADER.size])
    del held[: HEADER.size]
    rest = count * ROW.size
    while rest:
        whole = min(rest, len(held) // ROW.size * ROW.size)
        rows = bytes(held[:whole])
        del held[:whole]
        hasher.update(rows)
        rest -= whole
        lengths = _lengths(rows)
        size_bytes -= sum(lengths)
        if (lengths and not 0 < min(lengths) <= max(lengths) <= MAX_CHUNK_LEN) or size_bytes < 0:
            raise _broken("its chunks do not make its size", 0)
        yield from ROW.iter_unpack(rows)
        if rest:
            piece = next(pieces, b"")
            if not piece:
                raise _broken("it is cut short", 0)
            held += piece
    while len(held) < DIGEST_SIZE:
        piece = next(pieces, b"")
        if not piece:
            raise _broken("it is cut short", 0)
        held += piece
    if size_bytes or hasher.digest() != bytes(held[:DIGEST_SIZE]):
        raise _broken("its checksum does not match", 0)


def _decode_header(data: bytes | bytearray | memoryview) -> tuple[int, int, int]:
    """Return depth, number of rows and size; so far only that they can be true."""
    if len(data) < HEADER.size:
        raise _broken("it is cut short", len(data))
    magic, version, depth, count, size_bytes = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise _broken("it does not begin like one", 0)
    if version != VERSION:
        raise FormatError(
            "cannot read a recipe",
            why=f"its version is {version}, this git-mlvc reads version {VERSION}",
            hint="it was written by a newer git-mlvc: upgrade git-mlvc",
        )
    if bytes(data[10:12]) != b"\0\0":
        raise _broken("reserved bytes are not zero", 10)
    if depth > MAX_DEPTH or not 0 < count <= size_bytes // MIN_MEAN_LEN + 1:
        raise _broken(f"{count} rows of depth {depth} cannot be {size_bytes} bytes", 0)
    return depth, count, size_bytes


def _problem(recipe: Recipe) -> str:
    """Return why `recipe` is not one, or nothing."""
    count, size_bytes = len(recipe), recipe.size_bytes
    if not 0 <= recipe.depth <= MAX_DEPTH:
        return f"depth {recipe.depth} is beyond {MAX_DEPTH}"
    if not count or len(recipe.rows) % ROW.size:
        return "it has no whole rows"
    if not 0 < size_bytes <= MAX_SIZE or count > size_bytes // MIN_MEAN_LEN + 1:
        return f"{count} rows cannot be {size_bytes} bytes"
    lengths = _lengths(recipe.rows)
    if min(lengths) < 1 or max(lengths) > MAX_CHUNK_LEN:
        return f"a chunk has 1 to {MAX_CHUNK_LEN} bytes"
    if sum(lengths) != size_bytes:
        return f"its chunks make {sum(lengths)} bytes, it says {size_bytes}"
    return ""


def _lengths(rows: bytes) -> array[int]:
    """Return the length column, without a Python object for every row."""
    words = ROW.size // 4
    lengths = array("I", memoryview(rows).cast("I")[words - 1 :: words].tobytes())
    if sys.byteorder == "big":
        lengths.byteswap()
    return lengths


def _hints_problem(hints: Hints, count: int) -> str:
    if not hints:
        return ""
    if sum(hint.count for hint in hints) != count or not all(hint.count for hint in hints):
        return "its hints do not cover its rows"
    if any(one.pack == two.pack for one, two in pairwise(hints)):
        return "two hints in a row name one pack"
    return "" if any(hint.pack != NO_PACK for hint in hints) else "its hints say nothing"


def _broken(why: str, offset: int) -> FormatError:
    return FormatError("damaged recipe", why=f"recipe version {VERSION}, offset {offset}: {why}")

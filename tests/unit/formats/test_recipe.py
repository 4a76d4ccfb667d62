"""Recipes: compact, checked, and harmless when hostile."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import recipe as codec
from git_mlvc.formats.recipe import NO_PACK, Hint, Recipe

digests = st.binary(min_size=32, max_size=32)
lengths = st.integers(codec.MIN_MEAN_LEN, 262_144)
recipes = st.builds(
    Recipe.of,
    st.lists(st.tuples(digests, lengths), min_size=1, max_size=20),
    st.integers(0, codec.MAX_DEPTH),
)


def ids(count, name=b"id"):
    stream = blake3(name).digest(length=32 * count)
    return [stream[at : at + 32] for at in range(0, len(stream), 32)]


@st.composite
def hinted(draw):
    recipe = draw(recipes)
    packs = draw(st.lists(st.sampled_from([NO_PACK, *ids(3)]), min_size=len(recipe)))
    return recipe, codec.hints_of(packs[: len(recipe)])


@given(hinted())
def test_decode_inverts_encode(pair):
    assert codec.decode_with_hints(codec.encode(*pair)) == pair


@given(recipes)
def test_a_recipe_is_a_sequence_of_pairs(recipe):
    assert list(recipe) == [recipe[at] for at in range(len(recipe))]
    assert recipe[-1] == list(recipe)[-1]
    assert sum(length for _, length in recipe) == recipe.size_bytes
    assert list(recipe.digests()) == [digest for digest, _ in recipe]
    with pytest.raises(IndexError):
        recipe[len(recipe)]


@given(recipes)
def test_hints_stand_outside_what_is_hashed(recipe):
    plain = codec.encode(recipe)
    with_hints = codec.encode(recipe, codec.hints_of([ids(1)[0]] * len(recipe)))
    end = len(plain) - 4
    assert plain[:end] == with_hints[:end]
    assert plain[end - 32 : end] == blake3(plain[: end - 32]).digest()


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: codec.MAGIC + tail))
def test_decode_never_raises_anything_but_format_error(data):
    try:
        recipe, hints = codec.decode_with_hints(data)
    except FormatError:
        return
    assert codec.encode(recipe, hints) == data


@given(hinted(), st.integers(0, 10**6), st.integers(1, 255))
def test_any_flipped_byte_before_the_hints_is_found(pair, at, flip):
    data = bytearray(codec.encode(*pair))
    data[at % (len(data) - 4 - 36 * len(pair[1]))] ^= flip
    with pytest.raises(FormatError):
        codec.decode(bytes(data))


@given(hinted(), st.integers(0, 10**6))
def test_a_cut_short_recipe_is_refused(pair, at):
    data = codec.encode(*pair)
    with pytest.raises(FormatError):
        codec.decode(data[: at % len(data)])
    with pytest.raises(FormatError):
        codec.decode(data + b"\0")


def forged(depth, count, size, rows, hints=b"\0\0\0\0", version=1, reserved=b"\0\0"):
    """A recipe whose checksum is right and whose contents need not be."""
    body = struct.pack("<8sBB2sIQ", codec.MAGIC, version, depth, reserved, count, size) + rows
    return body + blake3(body).digest() + hints


ONE = codec.ROW.pack(ids(1)[0], 5000)


def test_the_forger_can_also_write_a_good_one():
    assert codec.decode(forged(0, 1, 5000, ONE)) == Recipe.of([(ids(1)[0], 5000)])


@pytest.mark.parametrize(
    "data",
    [
        forged(0, 1, 1 << 60, ONE),
        forged(0, 1, 4999, ONE),
        forged(0, 0, 0, b""),
        forged(5, 1, 5000, ONE),
        forged(255, 1, 5000, ONE),
        forged(0, 2, 10000, ONE),
        forged(0, 0xFFFFFFFF, (1 << 64) - 1, ONE),
        forged(0, 1, 0, codec.ROW.pack(ids(1)[0], 0)),
        forged(0, 2, 5000, ONE + codec.ROW.pack(ids(1)[0], 0)),
        forged(0, 1, 1 << 25, codec.ROW.pack(ids(1)[0], 1 << 25)),
        forged(0, 100, 100, codec.ROW.pack(ids(1)[0], 1) * 100),
        forged(0, 1, 5000, ONE, reserved=b"\0\1"),
        forged(0, 1, 5000, ONE, hints=b"\xff\xff\xff\xff"),
        forged(0, 1, 5000, ONE, hints=struct.pack("<I32sI", 1, ids(1)[0], 2)),
        forged(0, 1, 5000, ONE, hints=struct.pack("<I32sI", 1, NO_PACK, 1)),
        forged(
            0, 2, 10000, ONE * 2, hints=struct.pack("<I32sI32sI", 2, ids(1)[0], 1, ids(1)[0], 1)
        ),
    ],
)
def test_a_recipe_that_does_not_add_up_is_refused(data):
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            codec.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_future_version_says_so():
    with pytest.raises(FormatError) as caught:
        codec.decode(forged(0, 1, 5000, ONE, version=2))
    assert "newer" in caught.value.hint


def test_encode_refuses_what_decode_would():
    pair = (ids(1)[0], 5000)
    for recipe, hints in [
        (Recipe(4999, ONE), ()),
        (Recipe(5000, ONE + b"x"), ()),
        (Recipe(0, b""), ()),
        (Recipe.of([pair], depth=5), ()),
        (Recipe.of([pair]), (Hint(ids(1)[0], 2),)),
        (Recipe.of([(ids(1)[0], 10)] * 50), ()),
    ]:
        with pytest.raises(ValueError):
            codec.encode(recipe, hints)


def folded(recipe, hints=(), levels=1, piece_len=40_000):
    """Cut the encoding into pieces, the way the store does; return the outer recipe and the pieces."""
    pieces = {}
    for _ in range(levels):
        data = codec.encode(recipe, hints)
        parts = [data[at : at + piece_len] for at in range(0, len(data), piece_len)]
        pieces.update({blake3(part).digest(): part for part in parts})
        recipe = Recipe.of([(blake3(part).digest(), len(part)) for part in parts], recipe.depth + 1)
        hints = ()
    return recipe, pieces


BIG = Recipe.of((digest, 65_536 + at) for at, digest in enumerate(ids(5000)))
BIG_HINTS = codec.hints_of([ids(2)[0]] * 3000 + [ids(2)[1]] * 2000)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_a_long_recipe_is_read_through_its_levels(levels):
    outer, pieces = folded(BIG, BIG_HINTS, levels)
    assert outer.depth == levels
    assert codec.unfold(outer, pieces.__getitem__) == BIG
    assert codec.unfold_with_hints(outer, (), pieces.__getitem__) == (BIG, BIG_HINTS)
    stream = codec.stream(outer, pieces.__getitem__)
    assert stream.size_bytes == BIG.size_bytes
    assert list(stream.entries) == list(BIG)


def test_a_plain_recipe_unfolds_to_itself():
    assert codec.unfold(BIG, {}.__getitem__) is BIG
    assert list(codec.stream(BIG, {}.__getitem__).entries) == list(BIG)


def test_pieces_of_any_size_stream_alike():
    small = Recipe.of((digest, 65_536) for digest in ids(300))
    for piece_len in (4096, 4097, 10_000):
        outer, pieces = folded(small, piece_len=piece_len)
        assert list(codec.stream(outer, pieces.__getitem__).entries) == list(small)


def read_all(outer, pieces):
    list(codec.stream(outer, pieces.__getitem__).entries)


def unfold_all(outer, pieces):
    codec.unfold(outer, pieces.__getitem__)


both = pytest.mark.parametrize("read", [read_all, unfold_all], ids=["stream", "unfold"])


@both
def test_a_level_that_lies_about_its_depth_is_refused(read):
    data = codec.encode(Recipe.of(list(BIG)[:100], depth=2))
    piece = blake3(data).digest()
    for depth in (1, 2, 4):
        with pytest.raises(FormatError):
            read(Recipe.of([(piece, len(data))], depth=depth), {piece: data})


@both
def test_pieces_that_are_not_a_recipe_are_refused(read):
    for data in (b"x", bytes(5000), codec.encode(BIG)[:5000], codec.encode(BIG)[:-50]):
        piece = blake3(data).digest()
        with pytest.raises(FormatError):
            read(Recipe.of([(piece, len(data))], depth=1), {piece: data})


@both
def test_a_piece_of_another_length_is_refused(read):
    outer, pieces = folded(BIG)
    first = next(iter(pieces))
    with pytest.raises(FormatError):
        read(outer, {**pieces, first: pieces[first][:-1]})


@both
def test_a_recipe_cannot_contain_itself(read):
    """A piece that claims to be its own outer recipe ends where the depth is used up."""
    name = ids(1)[0]
    data = forged(3, 1, 5000, ONE)
    data += bytes(0)
    with pytest.raises(FormatError):
        read(Recipe.of([(name, len(data))], depth=4), {name: data})


@both
@pytest.mark.parametrize("at", [0, 9, 20, 30, 5000, 150_000, 180_040])
def test_damage_in_a_piece_is_found(read, at):
    data = bytearray(codec.encode(BIG))
    data[at] ^= 1
    parts = [bytes(data[start : start + 40_000]) for start in range(0, len(data), 40_000)]
    pieces = {blake3(part).digest(): part for part in parts}
    outer = Recipe.of([(blake3(part).digest(), len(part)) for part in parts], depth=1)
    with pytest.raises(FormatError):
        read(outer, pieces)


def test_a_hundred_gigabytes_need_no_object_per_row():
    rows = blake3(b"rows").digest(length=32) + struct.pack("<I", 65_536)
    count = 100_000
    tracemalloc.start()
    try:
        recipe = Recipe(count * 65_536, rows * count)
        again = codec.decode(codec.encode(recipe))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert again == recipe
    assert peak < 5 * len(recipe.rows)


def test_streaming_a_long_recipe_holds_a_piece_of_it():
    row = blake3(b"rows").digest(length=32) + struct.pack("<I", 65_536)
    count = 100_000
    outer, pieces = folded(Recipe(count * 65_536, row * count), piece_len=180_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in codec.stream(outer, pieces.__getitem__).entries) == count
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()

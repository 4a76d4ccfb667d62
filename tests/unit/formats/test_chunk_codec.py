"""Chunks come back as they were, whatever codec won; no payload makes the decoder take more."""

from __future__ import annotations

import array
import math
import struct
import subprocess
import sys
import tracemalloc

import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import chunk_codec
from git_mlvc.formats.chunk_codec import ChunkCodec, Codec
from git_mlvc.formats.chunk_encoder import ChunkEncoder

NOISE = blake3(b"noise").digest(length=100_000)


def floats(kind, count):
    """A bell curve of weights, deterministic: sums of uniform bytes."""
    raw = blake3(kind.encode()).digest(length=count * 8)
    return array.array(kind, [(sum(raw[8 * n : 8 * n + 8]) - 1020) / 7777 for n in range(count)])


def weights(kind, count):
    noise = struct.unpack(f"<{count}H", blake3(b"mantissa").digest(length=2 * count))
    return array.array(
        kind, [v * (1 + n / 1e6) for v, n in zip(floats("d", count), noise, strict=True)]
    ).tobytes()


FLOAT32 = weights("f", 20_000)
FLOAT64 = weights("d", 10_000)
BFLOAT16 = b"".join(FLOAT32[at + 2 : at + 4] for at in range(0, len(FLOAT32), 4))
INT64 = array.array("q", [int(9e4 * math.sin(n)) for n in range(10_000)]).tobytes()
TEXT = b"".join(b"%d,%d,label %d\n" % (n, n * n, n % 7) for n in range(4_000))


@pytest.mark.parametrize(
    ("raw", "codec", "ratio"),
    [
        (NOISE, Codec.RAW, 1.0),
        (TEXT, Codec.ZSTD, 0.5),
        (bytes(50_000), Codec.ZSTD, 0.01),
        (FLOAT32, Codec.BG4_ZSTD, 0.9),
        (FLOAT64, Codec.BG8_ZSTD, 0.95),
        (BFLOAT16, Codec.BG2_ZSTD, 0.8),
    ],
    ids=["noise", "text", "zeros", "float32", "float64", "bfloat16"],
)
def test_the_codec_that_suits_the_content_wins(raw, codec, ratio):
    chosen, payload = ChunkEncoder().encode(raw)
    assert chosen == codec
    assert len(payload) <= ratio * len(raw)


def test_raw_is_not_copied():
    assert ChunkEncoder().encode(NOISE)[1] is NOISE


pieces = st.sampled_from([NOISE, FLOAT32, FLOAT64, BFLOAT16, INT64, TEXT, bytes(90_000)])


@settings(deadline=None)
@given(pieces, st.integers(0, 60_000), st.integers(1, 80_000), st.booleans())
def test_decode_inverts_encode(source, start, size, as_view):
    raw = source[start : start + size] or b"x"
    codec = ChunkCodec()
    number, payload = ChunkEncoder().encode(memoryview(raw) if as_view else raw)
    assert len(payload) <= len(raw)
    assert codec.decode(number, payload, len(raw)) == raw
    assert codec.decode(number, memoryview(bytes(payload)), len(raw)) == raw


@settings(deadline=None)
@given(st.lists(st.tuples(pieces, st.integers(0, 60_000), st.integers(1, 80_000)), max_size=12))
def test_a_series_gives_back_whatever_follows_upon_whatever(spans):
    chunks = [source[start : start + size] or b"x" for source, start, size in spans]
    codec, series = ChunkCodec(), ChunkEncoder().series()
    encoded = [series.encode(memoryview(raw)) for raw in chunks]
    for raw, (number, payload) in zip(chunks, encoded, strict=True):
        assert len(payload) <= len(raw)
        assert codec.decode(number, payload, len(raw)) == raw
    again = ChunkEncoder().series()
    assert [again.encode(raw) for raw in chunks] == encoded  # whoever encodes it


@pytest.mark.parametrize("first", [NOISE, TEXT, FLOAT32], ids=["noise", "text", "float32"])
@pytest.mark.parametrize("then", [NOISE, TEXT, FLOAT32], ids=["noise", "text", "float32"])
def test_a_series_sees_that_the_content_changes(first, then):
    series = ChunkEncoder().series()
    for _ in range(5):
        series.encode(first)
    for _ in range(70):
        codec, payload = series.encode(then)
    alone, shortest = ChunkEncoder().encode(then)
    assert codec == alone
    assert len(payload) <= len(shortest) * 1.01


class Looked(ChunkEncoder):
    """Counts the bytes that zstd is shown."""

    bytes_seen = 0

    def _compress(self, way, raw):
        self.bytes_seen += len(raw)
        return super()._compress(way, raw)


@pytest.mark.parametrize(("source", "share"), [(NOISE, 0.15), (TEXT, 1.2), (FLOAT32, 1.2)])
def test_a_series_looks_little_at_noise_and_once_at_the_rest(source, share):
    encoder = Looked()
    series = encoder.series()
    for _ in range(60):
        series.encode(source)
    assert encoder.bytes_seen < share * 60 * len(source)


@given(st.binary(min_size=1, max_size=500))
def test_small_content_comes_back(raw):
    codec = ChunkCodec()
    assert codec.decode(*ChunkEncoder().encode(raw), len(raw)) == raw


@pytest.mark.parametrize("planes", [2, 4, 8])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 15, 16, 17, 4099])
def test_planes_of_any_length_join_again(planes, size):
    raw = NOISE[:size]
    grouped = b"".join(raw[plane::planes] for plane in range(planes))
    payload = zstandard.ZstdCompressor().compress(grouped)
    number = {2: Codec.BG2_ZSTD, 4: Codec.BG4_ZSTD, 8: Codec.BG8_ZSTD}[planes]
    assert ChunkCodec().decode(number, payload, size) == raw


FRAME = zstandard.ZstdCompressor().compress(TEXT)


@given(
    st.integers(-1, 300),
    st.binary(max_size=100) | st.binary(max_size=60).map(lambda tail: FRAME[:20] + tail),
    st.integers(-1, 1 << 40),
)
def test_decode_never_raises_anything_but_format_error(number, payload, raw_len):
    try:
        assert len(ChunkCodec().decode(number, payload, raw_len)) == raw_len
    except FormatError:
        pass


@given(st.integers(0, len(FRAME) - 1), st.integers(1, 255))
def test_a_flipped_byte_gives_other_bytes_or_an_error(at, flip):
    damaged = bytearray(FRAME)
    damaged[at] ^= flip
    try:
        assert len(ChunkCodec().decode(Codec.ZSTD, bytes(damaged), len(TEXT))) == len(TEXT)
    except FormatError:
        pass


@pytest.mark.parametrize(
    "payload",
    [
        FRAME[:-1],
        FRAME + b"x",
        FRAME + FRAME,
        b"",
        zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
        zstandard.ZstdCompressor().compress(TEXT + b"x"),
    ],
    ids=["short", "tail", "two frames", "empty", "no size", "another size"],
)
def test_only_one_whole_frame_of_the_right_size_is_taken(payload):
    with pytest.raises(FormatError):
        ChunkCodec().decode(Codec.ZSTD, payload, len(TEXT))


def test_a_bomb_costs_no_memory():
    bomb = zstandard.ZstdCompressor().compress(bytes(200 << 20))
    codec = ChunkCodec()
    codec.decode(Codec.ZSTD, FRAME, len(TEXT))
    tracemalloc.start()
    try:
        for raw_len in (1000, 200 << 20):
            with pytest.raises(FormatError):
                codec.decode(Codec.ZSTD, bomb, raw_len)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_unknown_codec_points_to_a_newer_version():
    with pytest.raises(FormatError) as caught:
        ChunkCodec().decode(9, b"x", 1)
    assert "newer" in caught.value.hint


def test_a_chunk_has_bytes_and_a_limit():
    for raw in (b"", bytes(chunk_codec.MAX_RAW_LEN + 1)):
        with pytest.raises(ValueError):
            ChunkEncoder().encode(raw)


def test_the_library_is_loaded_only_when_needed():
    code = (
        "import sys; from git_mlvc.formats.chunk_codec import ChunkCodec, Codec; "
        "from git_mlvc.formats.chunk_encoder import ChunkEncoder; ChunkEncoder().series(); "
        "ChunkCodec().decode(Codec.RAW, b'x', 1); assert 'zstandard' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

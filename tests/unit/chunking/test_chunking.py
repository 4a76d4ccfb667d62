"""Where contents are cut: the same wherever they are split into blocks, and pinned for ever (law 5)."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc import chunking

GOLDEN = Path(__file__).parents[2] / "golden" / "chunks" / "profile-default.json"


def content(recipe: dict[str, object]) -> bytes:
    """Build a golden content from its description; README.md beside the vectors explains the kinds."""
    size = recipe["size_bytes"]
    assert isinstance(size, int)
    if recipe["kind"] == "blake3-stream":
        return blake3(str(recipe["seed"]).encode()).digest(length=size)
    if recipe["kind"] == "repeat":
        unit = bytes.fromhex(str(recipe["unit"]))
        return (unit * (size // len(unit) + 1))[:size]
    assert recipe["kind"] == "lines"
    lines, total, number = [], 0, 0
    while total < size:
        lines.append(b"%d,%d\n" % (number, number * number % 1009))
        total += len(lines[-1])
        number += 1
    return b"".join(lines)[:size]


VECTORS = json.loads(GOLDEN.read_bytes())


def streamed(data: bytes, sizes: list[int]) -> list[int]:
    """Cut `data` as it comes in blocks of `sizes` (repeated), the way ingest does."""
    ends: list[int] = []
    held, base, at, turn = b"", 0, 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        held += data[at : at + size]
        at += size
        turn += 1
        found = chunking.cut_points(held, final=at >= len(data))
        ends += [base + end for end in found]
        if found:
            base += found[-1]
            held = held[found[-1] :]
        assert len(held) < chunking.MAX
    return ends


def test_the_profile_is_the_one_of_the_golden_vectors():
    assert VECTORS["profile"] == chunking.PROFILE


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_cuts_are_pinned_by_golden_vectors(vector):
    assert chunking.cut_points(content(vector["content"]), final=True) == vector["ends"]


@pytest.mark.parametrize("vector", VECTORS["vectors"][:4], ids=lambda vector: vector["name"])
def test_the_pure_python_chunker_cuts_alike(vector):
    from pyfastcdc.py import FastCDC

    data = content(vector["content"])
    chunker = FastCDC(
        chunking.AVG,
        min_size=chunking.MIN,
        max_size=chunking.MAX,
        normalized_chunking=chunking.NORMALIZATION,
        seed=chunking.SEED,
    )
    assert [chunk.offset + chunk.length for chunk in chunker.cut_buf(data)] == vector["ends"]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_chunks_are_as_long_as_promised(vector):
    ends = [0, *vector["ends"]]
    lengths = [end - start for start, end in pairwise(ends)]
    assert all(chunking.MIN <= length <= chunking.MAX for length in lengths[:-1])
    assert all(0 < length <= chunking.MAX for length in lengths[-1:])
    assert ends[-1] == vector["content"]["size_bytes"]


NOISE = blake3(b"any split").digest(length=1_200_001)
ZEROS = bytes(700_000)


@settings(max_examples=examples(60), deadline=None)
@given(
    data=st.sampled_from([NOISE, ZEROS, NOISE[:300_000] + ZEROS, NOISE[:262_144], NOISE[:16_385]]),
    sizes=st.lists(st.integers(1_000, 600_000), min_size=1, max_size=5),
    stop=st.integers(0, 1_000_000),
)
def test_any_split_into_blocks_gives_the_same_cuts(data, sizes, stop):
    data = data[: len(data) - stop % len(data)]
    assert streamed(data, sizes) == chunking.cut_points(data, final=True)


@pytest.mark.parametrize("edge", [chunking.MIN, chunking.AVG, chunking.MAX])
@pytest.mark.parametrize("delta", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("source", [NOISE, ZEROS], ids=["noise", "zeros"])
def test_splits_at_the_limits_change_nothing(edge, delta, source):
    data = source[: 2 * chunking.MAX + 12_345]
    assert streamed(data, [edge + delta]) == chunking.cut_points(data, final=True)


def test_content_up_to_the_minimum_is_one_chunk():
    assert chunking.cut_points(b"", final=True) == []
    assert chunking.cut_points(b"x", final=True) == [1]
    assert chunking.cut_points(bytes(chunking.MIN), final=True) == [chunking.MIN]
    assert chunking.cut_points(bytes(chunking.MIN), final=False) == []


def test_every_buffer_is_cut_alike():
    expected = chunking.cut_points(NOISE, final=True)
    assert chunking.cut_points(bytearray(NOISE), final=True) == expected
    assert chunking.cut_points(memoryview(NOISE), final=True) == expected


@pytest.mark.parametrize("inserted", [b"", b"x", b"inserted"])
def test_an_edit_changes_only_the_chunks_near_it(inserted):
    edited = NOISE[:600_000] + inserted + NOISE[600_100:]
    assert len(chunks(edited) - chunks(NOISE)) <= 3


def chunks(data):
    ends = chunking.cut_points(data, final=True)
    return {data[start:end] for start, end in pairwise([0, *ends])}


def test_small_content_does_not_load_the_chunker():
    code = (
        "import sys; from git_mlvc import chunking; chunking.cut_points(bytes(16384), final=True); "
        "assert 'pyfastcdc' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Segments: found at C speed, readable by ranges, sound or refused."""

from __future__ import annotations

import mmap
import struct
from zlib import crc32

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc.errors import FormatError
from git_mlvc.formats import pack, segment
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Kind, Record
from git_mlvc.formats.segment import Location, PackTable, SegmentView


def ids(name, count):
    stream = blake3(name).digest(length=32 * count)
    return [stream[at : at + 32] for at in range(0, len(stream), 32)]


def table(name, digests):
    """A pack with one record of 100 raw bytes for each digest, in that order."""
    rows = [
        Record(digest, Kind.CHUNK, Codec.RAW, 16 + 100 * at, 100, 100)
        for at, digest in enumerate(digests)
    ]
    return PackTable(blake3(name).digest(), 16 + 150 * len(rows) + 64, pack.encode_table(rows))


def place(of, at):
    return Location(of.id, 16 + 100 * at, 100, 100, Kind.CHUNK, Codec.RAW)


digests = st.binary(min_size=32, max_size=32)
# Few first bytes: crowded buckets, ids that are almost alike, ids across the seam of two others.
crowded = st.lists(st.sampled_from([0, 1, 255]), min_size=32, max_size=32).map(bytes)
tables = st.lists(st.lists(digests | crowded, max_size=30), max_size=4).map(
    lambda groups: [table(b"%d" % at, group) for at, group in enumerate(groups)]
)
runs = st.lists(st.tuples(crowded, digests), max_size=5)


@settings(deadline=None)
@given(tables, runs)
def test_everything_that_was_put_in_is_found(made, made_runs):
    view = SegmentView(segment.encode(made, made_runs))
    view.verify()
    expected: dict[bytes, set[Location]] = {}
    for one in made:
        for at, record in enumerate(pack.iter_rows(one.rows)):
            expected.setdefault(record.id, set()).add(place(one, at))
    for digest, places in expected.items():
        assert set(view.find_all(digest)) == places
        assert len(view.find_all(digest)) == len(places)
        assert view.find(digest) in places
        assert digest in view
    assert len(view) == sum(len(places) for places in expected.values())
    assert [digest for digest, _ in view.rows()] == list(view.ids()) == sorted(view.ids())
    assert set(view.tables()) == set(made)
    for key, _ in made_runs:
        assert sorted({run for one, run in made_runs if one == key}) == view.runs_of(key)


@settings(deadline=None)
@given(tables, st.lists(digests | crowded, max_size=20))
def test_what_is_not_there_is_not_found(made, others):
    view = SegmentView(segment.encode(made))
    there = {record.id for one in made for record in pack.iter_rows(one.rows)}
    for digest in others:
        assert (digest in view) == (digest in there)
        if digest not in there:
            assert view.find(digest) is None
            assert view.find_all(digest) == []


@given(tables, runs)
def test_there_is_one_encoding(made, made_runs):
    data = segment.encode(made, made_runs)
    assert segment.encode(reversed(made), reversed(made_runs)) == data
    assert segment.encode([*made, *made], [*made_runs, *made_runs]) == data
    view = SegmentView(data)
    assert segment.encode(view.tables(), view.runs()) == data


def test_an_id_found_across_the_seam_of_two_is_not_found():
    one, two = b"\0" * 16 + b"\1" * 16, b"\0" * 15 + b"\2" * 17
    seam = two[16:] + one[:16]  # stands in the column, at no multiple of 32
    view = SegmentView(segment.encode([table(b"p", sorted([one, two]))]))
    assert seam in b"".join([two, one]) or seam in b"".join([one, two])
    assert view.find(seam) is None
    crowd = [b"\0" * 31 + bytes([last]) for last in range(200)]
    view = SegmentView(segment.encode([table(b"p", crowd)]))
    assert [view.find(digest) for digest in crowd] == [
        place(table(b"p", crowd), n) for n in range(200)
    ]


MANY = [table(b"many %d" % at, ids(b"ids %d" % at, 500)) for at in range(8)]
DATA = segment.encode(MANY, [(ids(b"key", 1)[0], run) for run in ids(b"runs", 3)])


def test_a_mapped_file_serves_as_well_as_bytes(tmp_path):
    path = tmp_path / "segment"
    path.write_bytes(DATA)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        view = SegmentView(mapped)
        view.verify()
        assert set(view.tables()) == set(MANY)
        assert view.find(ids(b"ids 3", 500)[77]) == place(MANY[3], 77)
        assert len(view.runs_of(ids(b"key", 1)[0])) == 3
        assert view.find(ids(b"others", 1)[0]) is None


def test_opening_reads_the_header_alone():
    class Watched(bytes):
        read = 0

        def __getitem__(self, key):
            data = super().__getitem__(key)
            self.read += len(data) if isinstance(data, bytes) else 1
            return data

    buffer = Watched(DATA)
    view = SegmentView(buffer)
    assert buffer.read <= segment.LAYOUT_SIZE
    assert view.find(ids(b"ids 3", 500)[77]) is not None
    assert buffer.read < 4096


def test_one_id_is_found_by_a_handful_of_small_ranges():
    """What a reader of a remote does, with nothing but ranges."""
    asked = []

    def ranged(start, length):
        asked.append(length)
        return DATA[start : start + length]

    wanted = ids(b"ids 5", 500)[123]
    layout = segment.decode_layout(ranged(0, segment.LAYOUT_SIZE), len(DATA))
    low, high = struct.unpack("<II", ranged(*layout.fan_range(wanted)))
    bucket = ranged(*layout.bucket_range(low, high))
    position = low + bucket.index(wanted) // 32
    row = segment.ROW.unpack(ranged(*layout.row_range(position)))
    name, size = segment.PACK_ROW.unpack_from(ranged(*layout.packs_range), row[0] * 40)
    assert (name, row[3]) == (MANY[5].id, 16 + 100 * 123)
    assert size == MANY[5].size_bytes
    assert sum(asked) < 3000


def test_an_empty_segment_is_a_segment():
    view = SegmentView(segment.encode([]))
    view.verify()
    assert len(view) == 0
    assert view.find(bytes(32)) is None
    assert view.find(b"\xff" * 32) is None


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 33, 100, 1000])
def test_buckets_stay_small_whatever_the_size(count):
    view = SegmentView(segment.encode([table(b"p", ids(b"x", count))]))
    view.verify()
    assert count / (1 << view.layout.fan_bits) <= segment.BUCKET
    assert all(digest in view for digest in ids(b"x", count))


def use(data):
    """All that anybody does with a segment."""
    view = SegmentView(data)
    for digest in [*ids(b"ids 3", 3), bytes(32), b"\xff" * 32]:
        view.find_all(digest)
    list(view.rows())
    list(view.tables())
    view.runs_of(bytes(32))
    view.verify()


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: DATA[:12] + tail))
def test_decoding_never_raises_anything_but_format_error(data):
    with pytest.raises(FormatError):
        use(data)


SMALL = segment.encode([table(b"p", ids(b"small", 40))], [(bytes(32), bytes(32))])


def resealed(data):
    """Damage with the checksums made right again: what a hostile writer could send."""
    head = bytes(data[: segment.LAYOUT_SIZE - 4])
    data = head + struct.pack("<I", crc32(head)) + bytes(data[segment.LAYOUT_SIZE : -32])
    return data + blake3(data).digest()


@settings(deadline=None, max_examples=examples(300))
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_any_flipped_byte_is_found(at, flip):
    data = bytearray(SMALL)
    data[at] ^= flip
    with pytest.raises(FormatError):
        use(bytes(data))


@settings(deadline=None, max_examples=examples(300))
@given(st.integers(0, len(SMALL) - 33), st.integers(1, 255))
def test_hostile_bytes_under_right_checksums_do_no_harm(at, flip):
    data = bytearray(SMALL)
    data[at] ^= flip
    data = resealed(data)
    try:
        use(data)
    except FormatError:
        return
    view = SegmentView(data)
    assert segment.encode(view.tables(), view.runs()) == data


def test_a_cut_short_segment_is_refused():
    for size in (0, 10, segment.LAYOUT_SIZE, len(DATA) - 1):
        with pytest.raises(FormatError):
            SegmentView(DATA[:size])
    with pytest.raises(FormatError):
        SegmentView(DATA + b"\0")


def test_a_header_that_promises_billions_costs_nothing():
    head = struct.pack("<8sB3xIII", segment.MAGIC, 1, 2**32 - 1, 2**32 - 1, 2**32 - 1)
    with pytest.raises(FormatError):
        SegmentView(head + struct.pack("<I", crc32(head)) + bytes(1000))


def test_a_future_version_says_so():
    with pytest.raises(FormatError) as caught:
        SegmentView(DATA[:8] + b"\x02" + DATA[9:])
    assert "newer" in caught.value.hint

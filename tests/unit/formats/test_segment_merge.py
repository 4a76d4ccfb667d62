"""Merging segments piece by piece, and looking up many ids at once."""

from __future__ import annotations

import mmap
import tracemalloc

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from support.extent import examples

from git_mlvc.errors import FormatError
from git_mlvc.formats import pack, segment, segment_search
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Kind, Record
from git_mlvc.formats.segment import ID_SIZE, PackTable, SegmentView
from git_mlvc.formats.segment_merge import write_merged
from git_mlvc.formats.segment_search import Queries


def ids(name, count):
    stream = blake3(name).digest(length=32 * count)
    return [stream[at : at + 32] for at in range(0, len(stream), 32)]


def table(name, digests):
    rows = [
        Record(
            digest, Kind.RUN if digest[0] % 2 else Kind.CHUNK, Codec.RAW, 16 + 100 * at, 100, 100
        )
        for at, digest in enumerate(digests)
    ]
    return PackTable(blake3(name).digest(), 16 + 150 * len(rows) + 64, pack.encode_table(rows))


def merged(views, **options):
    out = bytearray()

    def write_at(data, offset):
        out.extend(bytes(max(0, offset + len(data) - len(out))))
        out[offset : offset + len(data)] = data

    layout = write_merged(views, write_at, **options)
    assert len(out) == layout.checksum_at or not len(out)
    return bytes(out) + blake3(out).digest()


digests = st.binary(min_size=32, max_size=32)
crowded = st.lists(st.sampled_from([0, 1, 255]), min_size=32, max_size=32).map(bytes)
groups = st.lists(st.lists(digests | crowded, max_size=30), min_size=1, max_size=6)


@settings(deadline=None)
@given(groups, st.integers(1, 40), st.integers(1, 4))
def test_merging_is_encoding_what_all_said(made, block_rows, parts):
    tables = [table(b"%d" % at, group) for at, group in enumerate(made)]
    views = [SegmentView(encoded(tables[at::parts])) for at in range(parts)]
    whole = encoded(tables)
    assert merged(views, block_rows=block_rows) == whole
    assert merged([*views, SegmentView(whole), *views], block_rows=block_rows) == whole
    dropped = {one.id for one in tables[::2]}
    assert merged([SegmentView(whole), *views], block_rows=block_rows, drop_packs=dropped) == (
        encoded([one for one in tables if one.id not in dropped])
    )


def encoded(tables):
    """The segment over packs in which every id that begins with an odd byte is a run's."""
    rows = [row for one in tables for row in pack.iter_rows(one.rows) if row.kind == Kind.RUN]
    return segment.encode(tables, [(row.id[:1] * 32, row.id) for row in rows])


def test_merging_nothing_gives_the_empty_segment():
    empty = segment.encode([])
    assert merged([]) == empty
    assert merged([SegmentView(empty), SegmentView(empty)]) == empty


def test_memory_does_not_grow_with_what_is_merged():
    peaks = []
    for count in (20_000, 80_000):
        views = [
            SegmentView(segment.encode([table(b"%d" % at, ids(b"%d" % at, count // 4))]))
            for at in range(4)
        ]
        tracemalloc.start()
        write_merged(views, lambda data, offset: None, block_rows=2000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000  # the fan-out: a quarter of a byte for each row


def test_a_row_that_names_no_pack_is_refused():
    data = bytearray(segment.encode([table(b"p", ids(b"x", 50))]))
    view = SegmentView(bytes(data))
    data[view.layout.rows_at + 5 * segment.ROW.size] = 9
    with pytest.raises(FormatError, match="damaged"):
        merged([SegmentView(bytes(data))])


# -- many ids at once


@settings(deadline=None)
@given(groups, st.lists(digests | crowded, max_size=20))
def test_many_are_found_as_one_by_one(made, others):
    tables = [table(b"%d" % at, group) for at, group in enumerate(made)]
    view = SegmentView(segment.encode(tables))
    there = {record.id for one in tables for record in pack.iter_rows(one.rows)}
    queries = Queries([*others, *there, *others])
    found = segment_search.find_many(view, queries)
    assert found == {digest: view.find(digest) for digest in there}
    assert dict(segment_search.positions(view, queries)) == {d: view.position(d) for d in there}
    rest = queries.without(found)
    assert set(rest.ids) == set(others) - there
    assert len(rest) == len(set(others) - there)
    assert not segment_search.find_many(view, rest)


def test_what_lies_across_two_ids_is_not_found():
    crowd = [b"\0" * 31 + bytes([last]) for last in range(200)]
    view = SegmentView(segment.encode([table(b"p", crowd)]))
    column = b"".join(crowd)
    seams = {column[at : at + ID_SIZE] for at in range(1, len(column) - ID_SIZE)} - set(crowd)
    assert not segment_search.find_many(view, Queries(seams))
    assert len(segment_search.find_many(view, Queries(crowd))) == 200


def test_a_mapped_file_can_be_closed_after_a_search(tmp_path):
    path = tmp_path / "segment"
    path.write_bytes(segment.encode([table(b"p", ids(b"x", 500))]))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = SegmentView(mapped)
        assert len(segment_search.find_many(view, Queries(ids(b"x", 700)))) == 500


@settings(deadline=None, max_examples=examples(300))
@given(st.data())
def test_damage_is_never_anything_but_a_format_error(data):
    good = segment.encode([table(b"p", ids(b"small", 40))])
    at = data.draw(st.integers(segment.LAYOUT_SIZE, len(good) - 33))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    view = SegmentView(bytes(bad))
    try:
        found = segment_search.find_many(view, Queries(ids(b"small", 80)))
        assert all(view.find(digest) for digest in found)
    except FormatError:
        pass
    try:
        merged([view])
    except FormatError:
        pass


def test_ids_of_another_length_are_a_mistake():
    with pytest.raises(ValueError, match="32 bytes"):
        Queries([b"short"])

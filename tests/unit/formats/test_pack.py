"""Packs: a table and a footer that fit the file, or a FormatError."""

from __future__ import annotations

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import pack as codec
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.pack import Kind, Record


@st.composite
def tables(draw):
    records, offset = [], codec.HEADER_SIZE
    for digest in draw(st.lists(st.binary(min_size=32, max_size=32), max_size=12)):
        number = draw(st.sampled_from(list(Codec)))
        raw_len = draw(st.integers(1, 262_144))
        stored_len = raw_len if number == Codec.RAW else draw(st.integers(1, raw_len))
        offset += draw(st.sampled_from([0, 0, 0, 4000]))
        kind = draw(st.sampled_from(list(Kind)))
        records.append(Record(digest, kind, number, offset, stored_len, raw_len))
        offset += stored_len
    return records, offset


@given(tables())
def test_a_table_and_its_footer_come_back(made):
    records, end = made
    table = codec.encode_table(records)
    tail = codec.encode_footer(table, end)
    footer = codec.decode_footer(tail, end + len(table) + len(tail))
    assert (footer.table_offset, footer.count, footer.table_size) == (end, len(records), len(table))
    codec.check_table(table, footer)
    assert codec.decode_table(table, table_offset=end) == records
    assert list(codec.iter_rows(table)) == records
    assert table == b"".join(codec.encode_row(*record) for record in records)


@given(st.binary(max_size=300), st.integers(0, 1 << 64))
def test_decoding_never_raises_anything_but_format_error(data, size):
    for decode in (
        lambda: codec.encode_table(codec.decode_table(data, table_offset=size)) == data,
        lambda: codec.decode_footer(data[:64], size) is not None,
        lambda: codec.check_header(data) is None,
        lambda: codec.check_table(data, codec.Footer(16, 1, bytes(32))) is None,
    ):
        try:
            assert decode()
        except FormatError:
            pass


@given(tables(), st.integers(0, 10**6), st.integers(1, 255))
def test_a_flipped_byte_of_table_or_footer_is_found(made, at, flip):
    records, end = made
    table = codec.encode_table(records)
    data = bytearray(table + codec.encode_footer(table, end))
    data[at % len(data)] ^= flip
    with pytest.raises(FormatError):
        footer = codec.decode_footer(bytes(data[len(table) :]), end + len(data))
        codec.check_table(bytes(data[: len(table)]), footer)


GOOD = Record(bytes(32), Kind.CHUNK, Codec.RAW, 16, 100, 100)


@pytest.mark.parametrize(
    "record",
    [
        GOOD._replace(offset=15),
        GOOD._replace(offset=1 << 63),
        GOOD._replace(stored_len=0),
        GOOD._replace(raw_len=0),
        GOOD._replace(raw_len=99),
        GOOD._replace(codec=Codec.ZSTD, raw_len=(16 << 20) + 1),
        GOOD._replace(codec=Codec.ZSTD, stored_len=(16 << 20) + 1),
        GOOD._replace(kind=3),
        GOOD._replace(codec=5),
        GOOD._replace(offset=1000 - 99),
    ],
)
def test_a_record_that_cannot_be_is_refused(record):
    assert codec.decode_table(codec.encode_table([GOOD]), table_offset=1000) == [GOOD]
    with pytest.raises(FormatError):
        codec.decode_table(codec.encode_table([record]), table_offset=1000)


def test_payloads_do_not_overlap():
    with pytest.raises(FormatError):
        codec.decode_table(codec.encode_table([GOOD, GOOD._replace(offset=115)]), table_offset=1000)


def test_a_truncated_pack_is_refused():
    table = codec.encode_table([GOOD])
    tail = codec.encode_footer(table, 116)
    for size in (0, 100, 116 + len(table) + len(tail) - 1, 1 << 40):
        with pytest.raises(FormatError):
            codec.decode_footer(tail, size)
    with pytest.raises(FormatError):
        codec.decode_footer(tail[1:], 116 + len(table) + len(tail))


def test_headers():
    codec.check_header(codec.HEADER + b"payload")
    with pytest.raises(FormatError) as caught:
        codec.check_header(codec.MAGIC + b"\x02" + bytes(7))
    assert "newer" in caught.value.hint
    for head in (b"", codec.HEADER[:-1], codec.MAGIC + b"\0" * 8, codec.HEADER[:-1] + b"\1"):
        with pytest.raises(FormatError):
            codec.check_header(head)


def test_an_unknown_kind_points_to_a_newer_version():
    with pytest.raises(FormatError) as caught:
        codec.decode_table(codec.encode_table([GOOD._replace(kind=7)]), table_offset=1000)
    assert "newer" in caught.value.hint


def test_the_table_digest_is_a_blake3_anybody_can_check():
    table = codec.encode_table([GOOD])
    assert blake3(table).digest() in codec.encode_footer(table, 116)

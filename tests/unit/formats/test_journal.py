"""Journals: whole entries only, up to the first torn one (laws 1 and 10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import journal as codec
from git_mlvc.formats.journal import JournalHeader
from git_mlvc.formats.pack import ROW_SIZE

names = st.text(
    st.characters(exclude_characters="/\\\0", codec="utf-8"), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))
headers = st.builds(JournalHeader, st.binary(max_size=100), names)
rows = st.integers(1, 4).flatmap(
    lambda count: st.binary(min_size=count * ROW_SIZE, max_size=count * ROW_SIZE)
)
HEADER = codec.encode_header(JournalHeader(b"owner", "a.pack"))


@given(headers)
def test_a_header_comes_back(header):
    data = codec.encode_header(header)
    assert codec.decode_header(data + b"entries") == (header, len(data))


@given(headers, st.lists(rows, max_size=5), st.binary(min_size=32, max_size=32))
def test_entries_come_back(header, groups, pack_id):
    data = codec.encode_header(header)
    start = len(data)
    data += b"".join(codec.encode_records(group) for group in groups)
    open_end = len(data)
    data += codec.encode_sealed(pack_id)
    assert codec.decode_entries(data[:open_end], start) == codec.Entries(
        b"".join(groups), None, open_end
    )
    assert codec.decode_entries(data, start) == codec.Entries(b"".join(groups), pack_id, len(data))


@given(st.lists(rows, min_size=1, max_size=5), st.integers(0, 10**6))
def test_reading_goes_on_where_it_ended(groups, cut):
    data = HEADER + b"".join(codec.encode_records(group) for group in groups)
    cut = len(HEADER) + cut % (len(data) - len(HEADER))
    first = codec.decode_entries(data[:cut], len(HEADER))
    second = codec.decode_entries(data, first.end)
    assert first.rows + second.rows == b"".join(groups)
    assert second.end == len(data)


@given(st.lists(rows, min_size=1, max_size=4), st.integers(0, 10**6), st.integers(1, 255))
def test_damage_ends_the_reading_and_vouches_for_nothing_after_it(groups, at, flip):
    entries = [codec.encode_records(group) for group in groups]
    data = bytearray(b"".join(entries))
    at %= len(data)
    data[at] ^= flip
    whole, end = 0, 0
    while end + len(entries[whole]) <= at:
        end += len(entries[whole])
        whole += 1
    assert codec.decode_entries(bytes(data), 0) == codec.Entries(
        b"".join(groups[:whole]), None, end
    )


@given(rows, st.integers(0, 4096))
def test_a_tail_of_zeros_is_a_torn_tail(group, zeros):
    data = codec.encode_records(group)
    assert codec.decode_entries(data + bytes(zeros), 0) == codec.Entries(group, None, len(data))


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: HEADER[:12] + tail))
def test_decoding_never_raises_anything_but_format_error(data):
    try:
        header, end = codec.decode_header(data)
    except FormatError:
        pass
    else:
        assert codec.encode_header(header) == data[:end]
    codec.decode_entries(data, 0)


@given(st.integers(0, len(HEADER) - 1), st.integers(1, 255))
def test_a_damaged_header_vouches_for_nothing(at, flip):
    data = bytearray(HEADER)
    data[at] ^= flip
    with pytest.raises(FormatError):
        codec.decode_header(bytes(data))
    with pytest.raises(FormatError):
        codec.decode_header(HEADER[:at])


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", ".", "a\0"])
def test_a_pack_name_cannot_lead_elsewhere(name):
    data = codec.encode_header(JournalHeader(b"", name))
    with pytest.raises(FormatError):
        codec.decode_header(data)


def test_a_future_version_says_so():
    with pytest.raises(FormatError) as caught:
        codec.decode_header(HEADER[:8] + b"\x02" + HEADER[9:])
    assert "newer" in caught.value.hint


def test_mistakes_of_the_programmer_are_told_at_once():
    for wrong in (lambda: codec.encode_records(b""), lambda: codec.encode_records(b"x")):
        with pytest.raises(ValueError):
            wrong()
    with pytest.raises(ValueError):
        codec.encode_sealed(b"short")
    with pytest.raises(ValueError):
        codec.encode_header(JournalHeader(b"", ""))

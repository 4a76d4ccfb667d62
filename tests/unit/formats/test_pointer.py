"""Pointers: one form, and what is not exactly it is content (law 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import pointer as codec
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid

pointers = st.builds(
    Pointer, st.binary(min_size=32, max_size=32).map(Oid), st.integers(1, 10**19 - 1)
)
GOOD = codec.encode(Pointer(Oid(bytes(range(32))), 1073741824))


@given(pointers)
def test_decode_inverts_encode(pointer):
    assert codec.decode(codec.encode(pointer)) == pointer
    assert codec.sniff(codec.encode(pointer)) == pointer


@given(pointers)
def test_line_ends_that_git_added_are_tolerated(pointer):
    assert codec.decode(codec.encode(pointer).replace(b"\n", b"\r\n")) == pointer


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: codec.MAGIC + tail))
def test_decode_never_raises_anything_but_format_error(data):
    try:
        pointer = codec.decode(data)
    except FormatError:
        assert codec.sniff(data) is None
    else:
        assert codec.encode(pointer) == data.replace(b"\r\n", b"\n")


@given(pointers, st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_never_gives_the_same_pointer(pointer, at, value):
    data = bytearray(codec.encode(pointer))
    at %= len(data)
    if data[at] == value:
        return
    data[at] = value
    assert codec.sniff(bytes(data)) != pointer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\n",
        GOOD + b"x",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.upper(),
        GOOD.replace(b"size 1", b"size 01"),
        GOOD.replace(b"size 1", b"size +1"),
        GOOD.replace(b"size 1073741824", b"size 0"),
        GOOD.replace(b"size 1073741824", b"size 99999999999999999999"),
        GOOD.replace(b"pointer 1", b"pointer 2"),
        GOOD.replace(b"blake3:", b"sha256:"),
        GOOD.replace(b"\n", b"\r"),
        GOOD.replace(b"oid", b"oid "),
        GOOD.replace(b"0a0b", b"0A0B"),
        GOOD.replace(b"size 1", "size \u0661".encode()),
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
    ],
)
def test_what_is_not_exactly_a_pointer_is_content(data):
    assert codec.sniff(data) is None
    with pytest.raises(FormatError):
        codec.decode(data)


def test_empty_content_has_no_pointer():
    with pytest.raises(ValueError):
        Pointer(Oid(bytes(32)), 0)


def test_every_pointer_is_shorter_than_the_first_look():
    longest = codec.encode(Pointer(Oid(bytes(32)), 10**19 - 1)).replace(b"\n", b"\r\n")
    assert len(longest) <= codec.MAX_POINTER_BYTES


@pytest.mark.parametrize(
    ("content", "damaged"),
    [
        (GOOD, False),
        (GOOD.replace(b"\n", b"\r\n"), False),
        (GOOD + b"appended\n", True),
        (GOOD + bytes(100_000), True),
        (GOOD[:40], True),
        (b"<<<<<<< HEAD\n" + GOOD + b"=======\n" + GOOD + b">>>>>>> topic\n", True),
        (b"<<<<<<< HEAD\nsomething else\n", False),
        (b"some content", False),
        (b"", False),
    ],
)
def test_a_damaged_stub_is_told_from_content(content, damaged):
    assert codec.is_damaged(content[: codec.MAX_POINTER_BYTES + 50], len(content)) is damaged


def test_files_that_git_reads_itself_are_never_data():
    assert codec.is_never_data(b"sub/.gitattributes")
    assert codec.is_never_data(b"mlvc.toml")
    assert not codec.is_never_data(b"mlvc.toml/data")

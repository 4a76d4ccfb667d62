"""Trees: one form for equal directories, and nothing else is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import FormatError
from git_mlvc.formats import tree as codec
from git_mlvc.formats.tree import TreeRow
from git_mlvc.oid import Oid

ONE, TWO, NOTHING = Oid.of(b"one"), Oid.of(b"two"), Oid.of(b"")
_parts = st.binary(min_size=1, max_size=3).filter(
    lambda part: not re.search(rb"[\0/]", part) and part not in (b".", b"..")
)
_paths = st.lists(_parts, min_size=1, max_size=3).map(b"/".join)
_contents = st.one_of(
    st.just((NOTHING, 0)),
    st.tuples(st.binary(min_size=32, max_size=32).map(Oid), st.integers(1, codec.MAX_SIZE)),
)


def _fits(rows: dict[bytes, object]) -> bool:
    return not any(other.startswith(path + b"/") for path in rows for other in rows)


trees = (
    st.dictionaries(_paths, st.tuples(_contents, st.booleans()), max_size=8)
    .filter(_fits)
    .map(lambda rows: [TreeRow(path, *content, x) for path, (content, x) in rows.items()])
)


@given(trees)
def test_decode_inverts_encode_and_order_does_not_matter(rows):
    data = codec.encode(rows)
    assert codec.decode(data) == sorted(rows)
    assert codec.encode(reversed(rows)) == data


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(lambda tail: codec.HEADER.pack(codec.MAGIC, 1, 1) + tail)
)
def test_decode_never_raises_anything_but_format_error(data):
    try:
        rows = codec.decode(data)
    except FormatError:
        return
    assert codec.encode(rows) == data


@given(trees, st.integers(0), st.integers(1, 255))
def test_a_changed_byte_never_gives_the_same_tree(rows, at, by):
    data = bytearray(codec.encode(rows))
    data[at % len(data)] ^= by
    try:
        assert codec.decode(data) != sorted(rows)
    except FormatError:
        pass


def _raw(*rows: tuple[bytes, Oid, int], count: int | None = None) -> bytes:
    body = b"".join(
        oid.digest + size.to_bytes(8, "little") + b"\0" + path + b"\0" for path, oid, size in rows
    )
    return codec.HEADER.pack(codec.MAGIC, 1, len(rows) if count is None else count) + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        _raw()[:-1],
        _raw() + b"\0",
        _raw(count=2**32 - 1),
        _raw((b"a", ONE, 3))[:-1],
        _raw((b"b", ONE, 3), (b"a", ONE, 3)),
        _raw((b"a", ONE, 3), (b"a", TWO, 3)),
        _raw((b"a", ONE, 3), (b"a-b", ONE, 3), (b"a/b", ONE, 3)),
        _raw((b"", ONE, 3)),
        _raw((b"/a", ONE, 3)),
        _raw((b"a/", ONE, 3)),
        _raw((b"a//b", ONE, 3)),
        _raw((b"../a", ONE, 3)),
        _raw((b"a/./b", ONE, 3)),
        _raw((b"a/.GIT/config", ONE, 3)),
        _raw((b"a", ONE, 0)),
        _raw((b"a", NOTHING, 3)),
        _raw((b"a", ONE, 1 << 63)),
        _raw((b"a", ONE, 3)).replace(b"\0a", b"\2a"),
        _raw().replace(b"\1\0\0\0", b"\1\0\1\0"),
    ],
)
def test_what_is_not_exactly_a_tree_is_refused(data):
    with pytest.raises(FormatError):
        codec.decode(data)


def test_a_later_version_says_so():
    with pytest.raises(FormatError, match="version is 2") as caught:
        codec.decode(_raw().replace(b"\1\0\0\0", b"\2\0\0\0", 1))
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("path", [b"..", b"", b"a/.git/x"])
def test_nothing_is_encoded_that_would_not_be_read(path):
    with pytest.raises(ValueError):
        codec.encode([TreeRow(path, ONE, 3)])

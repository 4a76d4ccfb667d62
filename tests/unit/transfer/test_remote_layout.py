"""Keys on a remote and its index."""

from __future__ import annotations

import struct
from base64 import b64encode
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.backend.base import check_key
from git_mlvc.errors import FormatError
from git_mlvc.formats import segment
from git_mlvc.formats.pack import encode_row
from git_mlvc.formats.segment import PackTable, SegmentView
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.remote_layout import Index

GOLDEN = Path(__file__).parents[2] / "golden/remote-index"
ids = st.binary(min_size=32, max_size=32)


@given(ids)
def test_keys_give_back_their_ids_and_are_valid(digest: bytes) -> None:
    assert remote_layout.pack_of(check_key(remote_layout.pack_key(digest))) == digest
    assert remote_layout.segment_of(check_key(remote_layout.segment_key(digest))) == digest


@pytest.mark.parametrize(
    "key",
    [
        "",
        "packs/ab/../../../etc/passwd",
        "packs/ab/" + "cd" * 32,
        "packs/ab/" + "ab" * 31,
        "packs/AB/" + "AB" * 32,
        "packs/ab/" + "ab" * 32 + "\n",
        "packs/ab/" + "ab" * 32 + ".tmp",
        "xpacks/ab/" + "ab" * 32,
    ],
)
def test_only_the_name_of_a_pack_is_the_name_of_a_pack(key: str) -> None:
    assert remote_layout.pack_of(key) is None
    assert remote_layout.segment_of(key.replace("packs/ab", "segments")) is None or key.endswith(
        ("cd" * 32,)
    )


def segment_of(*counts: int) -> tuple[bytes, SegmentView]:
    """A segment over packs with so many records each."""
    tables = []
    for number, count in enumerate(counts):
        stream = blake3(b"%d" % number).digest(length=32 * max(1, count))
        rows = b"".join(
            encode_row(stream[32 * at : 32 * at + 32], 0, 0, 16 + at, 1, 1) for at in range(count)
        )
        tables.append(PackTable(blake3(b"pack %d" % number).digest(), 1 << 20, rows))
    data = segment.encode(tables)
    return blake3(data).digest(), SegmentView(data)


@given(st.lists(st.lists(st.integers(0, 40), max_size=3), max_size=3))
def test_decode_inverts_encode(shapes: list[list[int]]) -> None:
    summaries = {
        one: remote_layout.summary_of(one, view)
        for one, view in (segment_of(*shape) for shape in shapes)
    }
    data = remote_layout.encode_index(summaries.values())
    assert remote_layout.decode_index(data) == Index(summaries, True)
    assert list(remote_layout.decode_index(data).summaries) == sorted(summaries)


def test_marks_say_where_the_ids_of_each_slice_begin() -> None:
    segment_id, view = segment_of(20_000)
    summary = remote_layout.summary_of(segment_id, view)
    assert len(summary.marks) == 9  # 8 slices of 2500 rows
    for digest in list(view.ids())[::999]:
        at = digest[0] >> 5
        assert summary.marks[at] <= view.position(digest) < summary.marks[at + 1]


first = b"git-mlvc segments 2\nstore 1\n"
line = b"00" * 32 + b" 1 1 0 AAAAAAEAAAA=\n"
tails = st.binary(max_size=80)


@given(
    st.binary(max_size=300)
    | tails.map(lambda tail: b"git-mlvc segments 1\n" + tail)
    | tails.map(lambda tail: first + tail)
    | st.integers(0, len(line) - 1).map(lambda at: first + line[:at] + b"1" + line[at + 1 :])
)
def test_decode_never_raises_anything_but_format_error(data: bytes) -> None:
    try:
        decoded = remote_layout.decode_index(data)
    except FormatError:
        return
    if decoded.names_format:
        summaries = [one for one in decoded.summaries.values() if one is not None]
        assert remote_layout.encode_index(summaries) == data


@pytest.mark.parametrize(
    "marks",
    [[], [0], [1, 1], [0, 2], [0, 0, 1], [0, 1, 0, 1, 1]],
)
def test_a_summary_that_cannot_be_true_is_refused(marks: list[int]) -> None:
    packed = b64encode(struct.pack(f"<{len(marks)}I", *marks))
    with pytest.raises(FormatError):
        remote_layout.decode_index(first + b"00" * 32 + b" 1 1 0 " + packed + b"\n")


def test_a_later_version_says_upgrade() -> None:
    with pytest.raises(FormatError) as caught:
        remote_layout.decode_index(b"git-mlvc segments 3\nwhatever")
    assert "upgrade" in caught.value.hint


def test_golden_bytes_of_the_index() -> None:
    """Changing what is read here is a new version (law 5)."""
    old = remote_layout.decode_index((GOLDEN / "v1/two.txt").read_bytes())
    assert old == Index({bytes(32): None, b"\xff" * 32: None}, False)
    made = dict(segment_of(*shape) for shape in ([3], [5000, 5000]))
    summaries = {one: remote_layout.summary_of(one, view) for one, view in made.items()}
    golden = (GOLDEN / "v2/two.txt").read_bytes()
    assert remote_layout.encode_index(summaries.values()) == golden
    assert remote_layout.decode_index(golden) == Index(summaries, True)
    assert remote_layout.decode_index(first) == Index({}, True)


def test_golden_bytes_of_a_marker() -> None:
    """Changing what is read here is a new version (law 5)."""
    golden = GOLDEN.parent / "remote-marker/v1"
    key = (golden / "key.txt").read_text().rstrip("\n")
    assert remote_layout.marker_key(bytes(32), b"\xff" * 32, 20778) == key
    assert remote_layout.marker_of(key) == (bytes(32), b"\xff" * 32, 20778)
    assert (golden / "body.txt").read_bytes() == remote_layout.MARKER_TEXT

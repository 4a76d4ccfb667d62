"""Keys on a remote and its index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.backend.base import check_key
from git_mlvc.errors import FormatError
from git_mlvc.transfer import remote_layout

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


@given(st.lists(ids, max_size=5))
def test_decode_inverts_encode(segment_ids: list[bytes]) -> None:
    data = remote_layout.encode_index(segment_ids)
    assert remote_layout.decode_index(data) == sorted(set(segment_ids))


@given(st.binary(max_size=300) | st.binary(max_size=80).map(lambda b: b"git-mlvc segments 1\n" + b))
def test_decode_is_canonical_and_never_raises_anything_but_format_error(data: bytes) -> None:
    try:
        decoded = remote_layout.decode_index(data)
    except FormatError:
        return
    assert remote_layout.encode_index(decoded) == data


def test_a_later_version_says_upgrade() -> None:
    with pytest.raises(FormatError) as caught:
        remote_layout.decode_index(b"git-mlvc segments 2\nwhatever")
    assert "upgrade" in caught.value.hint


def test_golden_bytes_of_the_index() -> None:
    expected = b"git-mlvc segments 1\n" + b"00" * 32 + b"\n" + b"ff" * 32 + b"\n"
    assert (
        remote_layout.encode_index([b"\xff" * 32, bytes(32)]) == expected
    )  # changing it is a new version

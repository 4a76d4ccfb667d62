"""Packet lines, against the examples of gitprotocol-common(5) and against themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.filter_client import in_full_packets, packet

from git_mlvc.git import pktline
from git_mlvc.git.pktline import MAX_PAYLOAD_BYTES, ProtocolError


def test_the_examples_of_the_documentation() -> None:
    assert pktline.packet(b"a\n") == b"0006a\n"
    assert pktline.packet(b"foobar\n") == b"000bfoobar\n"
    assert pktline.packet(b"") == b"0004"
    assert pktline.FLUSH == b"0000"


def test_a_packet_carries_65516_bytes_and_no_more() -> None:
    assert pktline.packet(bytes(MAX_PAYLOAD_BYTES))[:4] == b"fff0"
    with pytest.raises(ValueError, match="65516"):
        pktline.packet(bytes(MAX_PAYLOAD_BYTES + 1))


@pytest.mark.parametrize("size", [0, 1, 65515, 65516, 65517, 131032, 131033, 200_000])
def test_a_content_is_cut_into_full_packets(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    expected = b"".join(packet(piece) for piece in in_full_packets(data[:size]))
    assert pktline.content(data[:size]) == expected


def test_empty_content_has_no_packet() -> None:
    assert pktline.content(b"") == b""


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_a_list_keeps_its_lines(texts: list[bytes]) -> None:
    assert pktline.lines(texts) == b"".join(packet(t + b"\n") for t in texts) + b"0000"


@given(st.binary(max_size=6))
def test_length_is_total(header: bytes) -> None:
    try:
        size = pktline.length(header)
    except ProtocolError:
        return
    assert size == 0 or 4 <= size <= 65520


@pytest.mark.parametrize(
    "bad", [b"0001", b"0002", b"0003", b"fff1", b"ffff", b"+004", b" 004", b"0x10", b"zzzz", b"000"]
)
def test_what_is_not_a_length_is_refused(bad: bytes) -> None:
    with pytest.raises(ProtocolError):
        pktline.length(bad)

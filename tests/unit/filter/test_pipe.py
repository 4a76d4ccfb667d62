"""The pipe: whatever the pieces in which bytes arrive, the same contents come out."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.content import noise
from support.extent import examples
from support.filter_client import PAYLOAD, packet

from git_mlvc.filter.pipe import Disconnected, PacketPipe, plain_writer
from git_mlvc.fs.filling_memory import reader
from git_mlvc.git.pktline import ProtocolError

SIZES = [0, 1, 65515, 65516, 65517, 131032, 131033, 131036, 1 << 20, (1 << 20) + 1, 3_000_000]


def fed(data: bytes, pieces: list[int] | None = None) -> tuple[PacketPipe, Callable[[], None]]:
    """Return a pipe that will give `data`, written in pieces of the sizes given (the rest at once)."""
    read_end, write_end = os.pipe()
    sink = os.open(os.devnull, os.O_WRONLY)

    def write() -> None:
        at = 0
        for size in [*(pieces or []), len(data)]:
            piece = data[at : at + size]
            at += size
            while piece:
                try:
                    piece = piece[os.write(write_end, piece) :]
                except BrokenPipeError:
                    break
        os.close(write_end)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()

    def close() -> None:
        os.close(read_end)
        os.close(sink)
        thread.join(30)

    return PacketPipe(read_end, sink), close


def framed(contents: list[bytes]) -> bytes:
    return b"".join(packet(piece) for piece in contents) + b"0000"


def content_of(pipe: PacketPipe, target_bytes: int = 100_000) -> bytes:
    """Read one content the way the filter does."""
    small = pipe.small_content()
    if small is not None:
        return small
    target = memoryview(bytearray(target_bytes))
    pieces = []
    while count := pipe.read_into(target):
        pieces.append(bytes(target[:count]))
        assert count == target_bytes or pipe.read_into(target) == 0
    return b"".join(pieces)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target_bytes", [1, 65516, 65520, 1 << 20, 4 << 20])
def test_full_packets_are_put_together(size: int, target_bytes: int) -> None:
    if target_bytes == 1 and size > 200_000:
        size = 200_000
    data = noise(size)
    cut = [data[at : at + PAYLOAD] for at in range(0, size, PAYLOAD)]
    pipe, close = fed(framed(cut) + packet(b"next\n") + b"0000")
    assert content_of(pipe, target_bytes) == data
    assert pipe.lines() == [b"next"]
    close()


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.one_of(st.just(PAYLOAD), st.integers(0, 40), st.integers(PAYLOAD - 3, PAYLOAD)),
        max_size=9,
    ),
    st.lists(st.integers(1, 90_000), max_size=6),
    st.integers(1, 300_000),
)
def test_any_packets_in_any_pieces_into_any_memory(
    sizes: list[int], pieces: list[int], target_bytes: int
) -> None:
    contents = [noise(size, seed) for seed, size in enumerate(sizes)]
    pipe, close = fed(framed(contents) + framed([b"after"]), pieces)
    try:
        assert content_of(pipe, target_bytes) == b"".join(contents)
        assert pipe.small_content() == b"after"
        assert pipe.lines() is None
    finally:
        close()


def test_a_byte_at_a_time() -> None:
    stream = (
        packet(b"command=clean\n") + packet(b"pathname=x\n") + b"0000" + framed([b"abc", b"de"])
    )
    pipe, close = fed(stream, [1] * len(stream))
    assert pipe.lines() == [b"command=clean", b"pathname=x"]
    assert content_of(pipe) == b"abcde"
    close()


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 220_000), st.integers(1, 100_000))
def test_an_end_in_the_middle_is_noticed(cut: int, target_bytes: int) -> None:
    whole = framed([noise(PAYLOAD), noise(PAYLOAD), noise(70)])
    cut = min(cut, len(whole) - 1)
    pipe, close = fed(whole[:cut])
    try:
        with pytest.raises(Disconnected):
            content_of(pipe, target_bytes)
    finally:
        close()


@pytest.mark.parametrize("bad", [b"zzzz", b"0001", b"0003", b"fff1", b"-001"])
@pytest.mark.parametrize("before", [[], [noise(10)], [noise(PAYLOAD)], [noise(PAYLOAD)] * 3])
def test_broken_framing_is_noticed(bad: bytes, before: list[bytes]) -> None:
    stream = framed(before)[:-4] + bad + bytes(200_000)
    pipe, close = fed(stream)
    with pytest.raises(ProtocolError):
        content_of(pipe)
    close()


def test_draining_leaves_the_pipe_at_the_next_request() -> None:
    pipe, close = fed(framed([noise(PAYLOAD)] * 40 + [b"x"]) + packet(b"next\n") + b"0000")
    assert pipe.small_content() is None
    assert pipe.read_into(memoryview(bytearray(100))) == 100
    pipe.drain()
    pipe.drain()
    assert pipe.lines() == [b"next"]
    close()


@pytest.mark.parametrize("size", [0, 1, 65516, 65517, 2_000_001])
def test_contents_are_written_as_packets_git_accepts(size: int) -> None:
    from support.filter_client import FilterClient

    read_end, write_end = os.pipe()
    nothing, other = os.pipe()
    pipe = PacketPipe(nothing, write_end)
    data = noise(size)

    def write() -> None:
        pipe.write_content(data)
        pipe.write(b"0000")

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    assert b"".join(FilterClient(-1, read_end).read_packets()) == data
    thread.join(30)
    for fd in (read_end, write_end, nothing, other):
        os.close(fd)


def test_a_reader_that_has_gone_is_no_error_of_ours() -> None:
    read_end, write_end = os.pipe()
    nothing, other = os.pipe()
    pipe = PacketPipe(nothing, write_end)
    os.close(read_end)
    with pytest.raises(Disconnected):
        pipe.write(b"x")
    with pytest.raises(Disconnected):
        pipe.write_content(b"x" * 100)
    for fd in (write_end, nothing, other):
        os.close(fd)


def test_plain_streams_are_read_to_the_end() -> None:
    read_end, write_end = os.pipe()
    data = noise(300_000)
    pieces = [data[at : at + 7_000] for at in range(0, len(data), 7_000)]
    random.Random(1).shuffle(pieces)
    write = plain_writer(write_end)

    def feed() -> None:
        for piece in pieces:
            write(piece)
        os.close(write_end)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    target = memoryview(bytearray(400_000))
    read_into = reader(read_end)
    count = read_into(target)
    assert bytes(target[:count]) == b"".join(pieces)
    assert read_into(target) == 0
    thread.join(30)
    os.close(read_end)


def asked(path: bytes, cut: list[bytes], *, extra: bytes = b"") -> bytes:
    return (
        packet(b"command=clean\n")
        + packet(b"pathname=" + path + b"\n")
        + extra
        + b"0000"
        + framed(cut)
    )


@settings(max_examples=examples(80), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(min_size=1, max_size=300).filter(lambda path: b"\0" not in path),
            st.sampled_from([0, 1, 4096, 65515, 65516, 70_000]),
            st.booleans(),
        ),
        max_size=4,
    ),
    st.lists(st.integers(1, 5000), max_size=40),
)
def test_small_requests_are_the_same_in_one_go_and_line_by_line(
    requests: list[tuple[bytes, int, bool]], pieces: list[int]
) -> None:
    data = b""
    wanted = []
    for path, size, is_cut in requests:
        content = noise(size)
        step = 3000 if is_cut else PAYLOAD
        data += asked(path, [content[at : at + step] for at in range(0, size, step)])
        wanted.append((path, content))
    pipe, close = fed(data, pieces)
    got = []
    for _ in requests:
        small = pipe.small_clean()
        if small is None:
            texts = pipe.lines()
            assert texts is not None
            small = texts[1].removeprefix(b"pathname="), content_of(pipe)
        got.append(small)
    assert got == wanted
    assert (pipe.small_clean(), pipe.lines()) == (None, None)
    close()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(packet(b"command=list_available_blobs\n") + b"0000", id="another command"),
        pytest.param(packet(b"command=clean\n") + b"0000", id="no path"),
        pytest.param(asked(b"a", [b"x"], extra=packet(b"ref=x\n")), id="more keys"),
        pytest.param(asked(b"a", [b"x", b"y"]), id="two packets"),
        pytest.param(asked(b"a", [bytes(PAYLOAD)]), id="a full packet"),
        pytest.param(b"", id="the end"),
    ],
)
def test_what_is_not_the_usual_small_request_is_left_to_others(request_: bytes) -> None:
    pipe, close = fed(request_)
    assert pipe.small_clean() is None
    if request_:
        assert pipe.lines()
    else:
        assert pipe.lines() is None
    close()


@pytest.mark.parametrize("length", range(18, len(asked(b"path", [b"content"]))))
def test_a_small_request_that_is_cut_off_is_a_git_that_went(length: int) -> None:
    pipe, close = fed(asked(b"path", [b"content"])[:length])
    with pytest.raises(Disconnected):
        pipe.small_clean()
    close()

"""What two git-mlvc say to each other over ssh: golden bytes, round trips, and clients that are not ours."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.backend_contract import KEYS_THAT_CLIMB
from support.sftp_double import SocketLink

from git_mlvc.backend.base import Denied, NotFound, Offline, Stat
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.over_ssh import served_protocol as served
from git_mlvc.backend.over_ssh.exchange import Exchange
from git_mlvc.backend.over_ssh.frames import HEAD, Frame, Request, head, text
from git_mlvc.backend.over_ssh.served import ServedFiles
from git_mlvc.backend.over_ssh.served_protocol import Ask, Failure, Opened, Put, Say, Trouble
from git_mlvc.backend.over_ssh.serving import Server
from git_mlvc.backend.over_ssh.sftp_protocol import INIT
from git_mlvc.cli.store_server import place_of
from git_mlvc.errors import FormatError, RemoteRefused, RemoteUnavailable

TOP = Path(__file__).parents[3]
GOLDEN = TOP / "tests" / "golden" / "served" / "v1"
KEY = "packs/ab/abcdef"


def sent(*requests: Request) -> bytes:
    return b"".join(
        head(request, number) + b"".join(request.parts)
        for number, request in enumerate(requests, start=1)
    )


ENCODED = {
    "client.bin": lambda: (
        INIT
        + sent(
            served.open_place(Opened(1, 15, b"~/data")),
            served.stat(KEY),
            served.read(KEY, 1 << 32, 4096),
            served.list_below("packs/"),
            served.delete(KEY),
            served.put(Put(True, 5, KEY)),
            served.block(b"bytes"),
            served.PUBLISH,
            served.ABANDON,
        )
    ),
    "server.bin": lambda: (
        served.greeting()
        + sent(
            served.opened(1),
            served.found(1 << 32),
            served.found(None),
            served.data(1 << 32, 99, b"bytes"),
            served.listed([(KEY, 5), ("format", 1 << 32)]),
            served.done(is_new=True),
            served.done(),
            served.WORKING,
            served.failed(Failure(Trouble.DENIED, "the disk is read-only", "ask who runs it")),
        )
    ),
}


@pytest.mark.parametrize("name", ENCODED)
def test_law_5_what_is_sent_are_the_golden_bytes(name: str) -> None:
    assert ENCODED[name]() == (GOLDEN / name).read_bytes()


def test_no_golden_file_is_left_unread() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(ENCODED)


def test_the_page_says_what_the_code_does() -> None:
    page = re.sub(r"\s+", " ", (TOP / "docs" / "formats" / "served.md").read_text("utf-8"))
    assert f"version {served.NEWEST}" in page
    assert INIT.hex(" ") in page
    for kind in (*Ask, *Say):
        assert f"| {kind.value} {kind.name} |" in page
    for trouble in Trouble:
        assert (
            f"{trouble.value} {trouble.name.lower().replace('_', ' ')}" in page
            or (trouble is Trouble.OFFLINE and "5 the disk is not there" in page)
            or (trouble is Trouble.UNAVAILABLE and "4 unavailable" in page)
        )
    assert f"at most {served.MAX_BODY_BYTES + 5}" in page
    assert f"up to {served.BLOCK_BYTES}" in page


@given(st.binary(max_size=200))
def test_a_greeting_is_found_behind_whatever_a_shell_prints(noise: bytes) -> None:
    said = noise.replace(served.MAGIC, b"") + served.greeting()
    assert served.find_greeting(said + b"more") == (len(said), served.OLDEST, served.NEWEST)
    assert served.find_greeting(said[:-1]) is None


@given(st.sampled_from([*Ask, *Say]), st.binary(max_size=60))
def test_no_body_raises_anything_but_a_format_error(kind: int, body: bytes) -> None:
    frame = Frame(kind, body)
    for decode in (
        served.opened_of,
        served.key_of,
        served.read_of,
        served.put_of,
        served.version_of,
        served.size_of,
        served.data_of,
        lambda f: list(served.listed_of(f)),
        served.is_new,
        served.failure_of,
    ):
        try:
            decode(frame)
        except FormatError:
            pass


# -- two ends


class Ends:
    """A server in a thread, and a client; between them what counts how many frames are under way."""

    def __init__(
        self, root: Path, *, is_read_only: bool = False, within: Path | None = None
    ) -> None:
        self.ours, middle = socket.socketpair()
        theirs, far = socket.socketpair()
        self._sockets = [self.ours, middle, theirs, far]
        self.hold = 0

        def open_place(path: bytes) -> FileBackend:
            return place_of(path, root, within)

        server = Server(theirs.fileno(), theirs.fileno(), open_place, is_read_only=is_read_only)
        self._threads = [
            threading.Thread(target=self._up, args=(middle, far), daemon=True),
            threading.Thread(target=self._down, args=(far, middle), daemon=True),
            threading.Thread(target=self._run, args=(server, theirs), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, server: Server, theirs: socket.socket) -> None:
        with contextlib.suppress(FormatError):
            server.run()
        with contextlib.suppress(OSError):
            theirs.shutdown(socket.SHUT_RDWR)

    def _up(self, source: socket.socket, target: socket.socket) -> None:
        """Pass frames on; as many as `hold` says together."""
        with source.makefile("rb") as stream:
            try:
                target.sendall(stream.read(len(INIT)))
                held: list[bytes] = []
                while len(start := stream.read(HEAD.size)) == HEAD.size:
                    length, kind, _ = HEAD.unpack(start)
                    held.append(start + stream.read(max(0, length - 5)))
                    if kind != Ask.OPEN and len(held) < self.hold:
                        continue
                    target.sendall(b"".join(held))
                    held.clear()
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _down(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while block := source.recv(1 << 16):
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.shutdown(socket.SHUT_RDWR)  # as a pipe that nobody reads any more

    def files(self, path: bytes = b"remote") -> ServedFiles:
        self.ours.sendall(INIT)
        greeting = b""
        while served.find_greeting(greeting) is None:
            greeting += self.ours.recv(served.GREETING_BYTES - len(greeting))
        self.link = SocketLink(self.ours)
        self.exchange = Exchange(self.link, idle_timeout_s=20.0, is_last=served.is_last)
        return ServedFiles(
            self.exchange, path, url="ssh://double", meter=lambda size: None, idle_timeout_s=20.0
        )

    def close(self) -> None:
        if hasattr(self, "exchange"):
            self.exchange.close()
            self.link.close()
        else:
            self.ours.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(20)
        for one in self._sockets:
            one.close()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Callable[..., Ends]]:
    made: list[Ends] = []

    def begin(**ways: object) -> Ends:
        made.append(Ends(tmp_path, **ways))  # type: ignore[arg-type]
        return made[-1]

    yield begin
    for one in made:
        one.close()


def test_two_hundred_stats_are_one_round_trip(ends: Callable[..., Ends]) -> None:
    between = ends()
    files = between.files()
    files.put(KEY, b"12345", if_absent=True)
    between.hold = 200
    found = files.stat_many([KEY, *(f"packs/{n}" for n in range(199))])
    assert found == [Stat(5), *[None] * 199]


def test_a_put_is_one_round_trip_and_so_is_a_read(ends: Callable[..., Ends]) -> None:
    between = ends()
    files = between.files()
    between.hold = 3  # put, block, publish
    assert files.put(KEY, b"12345", if_absent=True) is True
    between.hold = 1
    assert files.get_range(KEY, 1, 3) == b"234"
    between.hold = 8  # a whole window of blocks, sent before it is known that one would have done
    assert files.get(KEY) == b"12345"


def test_a_taken_name_and_a_place_for_reading_cost_no_upload(ends: Callable[..., Ends]) -> None:
    files = ends().files()
    data = secrets.token_bytes(3 << 20)
    assert files.put(KEY, data, if_absent=True) is True
    assert files.put(KEY, b"other", if_absent=True) is False
    assert files.get(KEY) == data
    reader = ends(is_read_only=True).files()
    for ask in (
        lambda: reader.put(KEY, data, if_absent=False),
        lambda: reader.delete(KEY),
    ):
        with pytest.raises(Denied, match="for reading only"):
            ask()
    assert reader.get(KEY) == data


@pytest.mark.parametrize("path", [b"../outside", b"/etc", b"inside/../../x", b"link", b"~/.."])
def test_a_restricted_server_is_left_by_no_path(
    ends: Callable[..., Ends], tmp_path: Path, path: bytes
) -> None:
    within = tmp_path / "allowed"
    within.mkdir()
    (within / "link").symlink_to("/etc")
    files = ends(within=within).files(path)
    with pytest.raises(Denied, match="outside of it"):
        files.put("format", b"x", if_absent=True)
    with pytest.raises(Denied):
        files.get("passwd")
    assert [found.name for found in within.iterdir()] == ["link"]


@pytest.mark.parametrize("path", [b"team/data", b"~/team/data", b"."])
def test_a_restricted_server_starts_in_its_directory(
    ends: Callable[..., Ends], tmp_path: Path, path: bytes
) -> None:
    within = tmp_path / "allowed"
    (within / "team").mkdir(parents=True)
    files = ends(within=within).files(path)
    assert files.put("format", b"x", if_absent=True) is True
    where = within / "format" if path == b"." else within / "team" / "data" / "format"
    assert where.read_bytes() == b"x"


def test_a_disk_that_is_not_there_is_told_as_such(ends: Callable[..., Ends]) -> None:
    files = ends().files(b"not/mounted")
    with pytest.raises(Offline, match="cannot reach"):
        files.stat("format")


# -- clients that are not ours


def spoken(between: Ends, *parts: bytes) -> list[Frame]:
    """Send bytes as they are, end, and return what came back."""
    between.ours.sendall(INIT + b"".join(parts))
    between.ours.shutdown(socket.SHUT_WR)
    said = b""
    while block := between.ours.recv(1 << 16):
        said += block
    said = said[served.GREETING_BYTES :]
    frames = []
    while said:
        length, kind, _ = HEAD.unpack_from(said)
        frames.append(Frame(kind, said[HEAD.size : 4 + length]))
        said = said[4 + length :]
    return frames


OPEN = sent(served.open_place(Opened(1, 15, b"remote")))


@pytest.mark.parametrize("key", [key for key in KEYS_THAT_CLIMB if key.isascii()])
def test_keys_are_checked_on_this_side_too(
    ends: Callable[..., Ends], tmp_path: Path, key: str
) -> None:
    (tmp_path / "remote").mkdir()
    name = text(key.encode())
    asked = [
        Request(Ask.STAT, (name,)),
        Request(Ask.READ, (bytes(12), name)),
        Request(Ask.DELETE, (name,)),
        Request(Ask.PUT, (bytes(9), name)),
    ]
    said = spoken(ends(), OPEN, *(head(r, 7 + n) + b"".join(r.parts) for n, r in enumerate(asked)))
    assert [frame.kind for frame in said] == [Say.OPENED, *[Say.FAILED] * 4]
    assert list((tmp_path / "remote").iterdir()) == []


def test_a_file_that_is_cut_off_leaves_nothing(ends: Callable[..., Ends], tmp_path: Path) -> None:
    begun = sent(served.put(Put(False, 10, "format")), served.block(b"12345"))
    begun = begun.replace(HEAD.pack(10, Ask.BLOCK, 2), HEAD.pack(10, Ask.BLOCK, 1))
    said = spoken(ends(), OPEN, begun)
    assert [frame.kind for frame in said] == [Say.OPENED]
    assert list((tmp_path / "remote").iterdir()) == []


@pytest.mark.parametrize("size_bytes", [4, 6])
def test_a_file_of_another_size_than_announced_is_refused(
    ends: Callable[..., Ends], tmp_path: Path, size_bytes: int
) -> None:
    parts = [served.put(Put(False, size_bytes, "format")), served.block(b"12345"), served.PUBLISH]
    said = spoken(ends(), OPEN, *(head(r, 9) + b"".join(r.parts) for r in parts))
    assert sorted(frame.kind for frame in said) == [Say.OPENED, Say.FAILED]
    assert list((tmp_path / "remote").iterdir()) == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff\x02\0\0\0\1",
        b"\0\0\0\0\x02\0\0\0\1",
        sent(served.stat(KEY)),
        sent(Request(77, (b"?",))),
        sent(served.open_place(Opened(9, 1, b"x"))),
        sent(Request(Ask.BLOCK, (bytes(served.BLOCK_BYTES),))),
    ],
)
def test_what_is_no_question_is_refused_or_ends_it(
    ends: Callable[..., Ends], tmp_path: Path, garbage: bytes
) -> None:
    said = spoken(ends(), garbage)
    assert [frame.kind for frame in said] in ([], [Say.FAILED])
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_begin_as_sftp_does_is_not_served(ends: Callable[..., Ends]) -> None:
    between = ends()
    between.ours.sendall(b"GET / HTTP/1.1\r\n\r\n")
    said = b""
    while block := between.ours.recv(1 << 16):
        said += block
    assert said == served.greeting()


def test_a_listing_in_many_frames_is_whole(ends: Callable[..., Ends], tmp_path: Path) -> None:
    folder = tmp_path / "remote" / "segments"
    folder.mkdir(parents=True)
    for number in range(2500):
        (folder / f"{number:04x}").touch()
    assert len(list(ends().files().list("segments/"))) == 2500


def test_a_file_that_is_replaced_while_it_is_read_is_read_again_or_not_at_all(
    ends: Callable[..., Ends], tmp_path: Path
) -> None:
    between = ends()
    files = between.files()
    files.put(KEY, bytes(5 << 20), if_absent=True)
    blocks = files._read(KEY, 0, 5 << 20)
    next(blocks)
    FileBackend(tmp_path / "remote").put(KEY, b"\1" * (5 << 20))
    with pytest.raises(RemoteUnavailable, match="did not come whole"):
        list(blocks)


def test_what_is_not_there(ends: Callable[..., Ends], tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    files = ends().files()
    with pytest.raises(NotFound, match="ssh://double has no packs"):
        files.get(KEY)
    (tmp_path / "remote" / "packs").mkdir()
    assert files.stat("packs") is None
    with pytest.raises(RemoteRefused):
        files.get("packs")

"""SFTP as servers speak it that are not OpenSSH; and how many round trips things take."""

from __future__ import annotations

import secrets
import stat as modes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.sftp_double import OPENSSH, SftpDouble

from git_mlvc.backend.base import Listed, NotFound, Stat
from git_mlvc.backend.over_ssh import sftp_protocol
from git_mlvc.backend.over_ssh.sftp import SftpFiles
from git_mlvc.backend.over_ssh.sftp_protocol import Kind
from git_mlvc.backend.over_ssh.sftp_writing import SftpWriter
from git_mlvc.errors import FormatError, RemoteRefused, RemoteUnavailable

BLOB = secrets.token_bytes(300_001)
Start = Callable[..., "Served"]


class Served:
    """The verbs, on a double."""

    def __init__(self, double: SftpDouble) -> None:
        self.double = double
        self.moved: list[int] = []
        self.files = SftpFiles(
            double.exchange, double.extensions, b"data", url="ssh://double", meter=self.moved.append
        )
        self.left: set[bytes] = set()
        self.writer = SftpWriter(self.files, self.left)

    def put(self, key: str, data: bytes | Path, *, if_absent: bool = True) -> bool:
        return self.writer.put(key, data, if_absent=if_absent)

    def names(self, folder: str) -> list[str]:
        with self.double.exchange.talk() as talk:  # what was told before is done before
            talk.all_of(sftp_protocol.stat(b"."))
        return sorted(path.name for path in (self.double.root / "data" / folder).iterdir())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    doubles = []

    def begin(**ways: object) -> Served:
        double = SftpDouble(tmp_path, **ways)  # type: ignore[arg-type]
        doubles.append(double)
        return Served(double)

    yield begin
    for double in doubles:
        double.close()


@pytest.mark.parametrize(
    "ways",
    [
        {},
        {"extensions": OPENSSH},
        {"extensions": {"hardlink@openssh.com": b"1"}, "overwrites": True},
        {"overwrites": True},
        {"is_backwards": True},
        {"short_bytes": 1000},
        {"says_sizes": False},
    ],
    ids=["bare", "openssh", "links", "overwriting", "backwards", "short", "sizeless"],
)
def test_any_server_keeps_what_it_is_given(start: Start, ways: dict[str, object]) -> None:
    served = start(**ways)
    assert served.put("packs/ab/blob", BLOB) is True
    assert served.put("packs/ab/blob", b"other") is False
    assert served.files.get("packs/ab/blob") == BLOB
    assert served.files.get_range("packs/ab/blob", 1000, 70_000) == BLOB[1000:71_000]
    assert served.files.get_range("packs/ab/blob", 300_000, 70_000) == BLOB[300_000:]
    assert served.put("packs/ab/blob", b"other", if_absent=False) is True
    assert served.files.get("packs/ab/blob") == b"other"
    assert served.names("packs/ab") == ["blob"]
    served.writer.delete("packs/ab/blob")
    served.writer.delete("packs/ab/blob")
    with pytest.raises(NotFound):
        served.files.get("packs/ab/blob")


def test_answers_may_come_in_any_order(start: Start) -> None:
    served = start(is_backwards=True)
    served.put("packs/ab/blob", BLOB)
    blocks = -(-len(BLOB) // (32 << 10))
    served.double.holds[:] = [1, 1 + 64]  # the open; then size, and reads to the end of the window
    assert served.files.get("packs/ab/blob") == BLOB
    assert served.double.asked.count(Kind.READ) >= 64 > blocks


def test_two_hundred_stats_are_one_round_trip(start: Start) -> None:
    served = start()
    keys = [f"packs/{n:02x}/x" for n in range(200)]
    served.put(keys[3], b"three")
    served.double.holds[:] = [200]
    found = served.files.stat_many(keys)
    assert found.count(None) == 199
    assert found[3] == Stat(5)


def test_a_put_is_three_round_trips_and_a_read_is_two(start: Start) -> None:
    served = start(extensions=OPENSSH)
    served.put("packs/ab/first", b"x")  # the directory is known now
    served.files.stat("format")
    served.double.turns = 0
    # create, look at the directory, look for the name | write, mode, sync, size, close | name
    served.double.holds[:] = [3, 5, 1]
    assert served.put("packs/ab/blob", b"small") is True
    assert served.double.turns == 3
    served.double.turns = 0
    served.double.holds[:] = [1, 2]  # open | size, read; what closes it is not waited for
    assert served.files.get_range("packs/ab/blob", 0, 5) == b"small"
    with served.double.exchange.talk() as talk:
        talk.all_of(sftp_protocol.stat(b"."))
    assert served.double.turns == 2 + 2  # and the close, and this stat


def test_every_block_is_metered_both_ways(start: Start) -> None:
    served = start()
    served.put("packs/ab/blob", BLOB)
    assert sum(served.moved) == len(BLOB)
    served.files.get("packs/ab/blob")
    assert sum(served.moved) == 2 * len(BLOB)
    assert max(served.moved) <= 256 << 10


def test_what_is_under_way_of_a_file_is_bounded(start: Start, tmp_path: Path) -> None:
    served = start()
    source = tmp_path / "large"
    source.write_bytes(bytes(5 << 20))
    served.put("packs/ab/first", b"")
    # Not one block is answered before 2 MiB of them have come; then no more are waited for than are under way.
    served.double.holds[:] = [3, 64]
    assert served.put("packs/ab/large", source) is True


def test_new_directories_and_files_follow_the_one_they_are_in(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o770)
    served = start()
    served.put("packs/ab/blob", b"x")
    for path, mode in (("packs", 0o770), ("packs/ab", 0o770), ("packs/ab/blob", 0o660)):
        assert modes.S_IMODE((tmp_path / "data" / path).stat().st_mode) == mode


def test_a_listing_is_whole_and_has_only_keys(start: Start, tmp_path: Path) -> None:
    keys = {f"packs/{n:02x}/{n}" for n in range(150)} | {f"segments/{n}" for n in range(350)}
    for key in [*keys, "packs/.hidden", "packs/UPPER", "packs/ab/.x.tmp"]:
        path = tmp_path / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    (tmp_path / "data" / "packs" / "link").symlink_to("00/0")
    (tmp_path / "data" / "packs" / "dangling").symlink_to("nowhere")
    served = start(is_backwards=True)
    found = set(served.files.list(""))
    assert found == {Listed(key, 5) for key in {*keys, "packs/link"}}
    assert served.double.asked.count(Kind.OPENDIR) == 154


def test_many_threads_share_it(start: Start) -> None:
    served = start(extensions=OPENSSH)

    def work(number: int) -> bool:
        key = f"packs/{number % 8:02x}/{number}"
        data = BLOB[number * 1000 :]
        served.put(key, data)
        return served.files.get(key) == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xff\xff\xff garbage",
        b"\0\0\0\0garbage",
        b"\0\0\0\x09\x65\0\0\x99\x99\0\0\0\0",  # to a question that nobody asked
    ],
)
def test_a_server_that_does_not_keep_to_the_protocol_is_left(start: Start, answer: bytes) -> None:
    served = start(broken=answer)
    with pytest.raises(RemoteUnavailable, match="lost"):
        served.files.get("packs/ab/blob")
    assert not served.double.exchange.is_alive


def test_a_cut_answer_is_not_an_answer(start: Start) -> None:
    served = start(broken=b"\0\0\0\x06\x66\0\0\0\x01\0")
    with pytest.raises((RemoteUnavailable, FormatError)):
        served.files.get("packs/ab/blob")


def test_silence_is_an_error_within_the_time_out(start: Start) -> None:
    served = start(holds=[1000], idle_timeout_s=0.2)
    with pytest.raises(RemoteUnavailable, match=r"silent for 0.2 seconds"):
        served.files.stat("format")


def test_what_a_lost_connection_left_is_removed_by_the_next(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    served = start(holds=[3, 1000], idle_timeout_s=0.2)
    with pytest.raises(RemoteUnavailable):
        served.put("format", b"x")
    (left,) = served.left
    assert [path.name for path in (tmp_path / "data").iterdir()] == [Path(left.decode()).name]
    again = start()
    again.writer._left.update(served.left)
    again.writer.remove_left()
    assert again.names("") == []


def test_a_path_that_a_server_cannot_find_the_home_of(start: Start) -> None:
    served = start()
    with pytest.raises(RemoteRefused, match="cannot tell where"):
        SftpFiles(served.double.exchange, {}, b"~ada/data", url="ssh://x", meter=lambda n: None)


@pytest.mark.parametrize("lies_bytes", [1, -1, -len(BLOB)])
def test_what_is_shorter_or_longer_than_it_is_said_to_be_is_no_answer(
    start: Start, tmp_path: Path, lies_bytes: int
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blob").write_bytes(BLOB)
    served = start(lies_bytes=lies_bytes)
    with pytest.raises(RemoteUnavailable, match="did not come whole"):
        served.files.get("blob")
    with (tmp_path / "target").open("w+b") as file, pytest.raises(RemoteUnavailable):
        served.files.get_file("blob", file.fileno())

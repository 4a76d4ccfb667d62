"""The filter process under a git that is unlucky, broken or gone; special cases of git's t0021."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.content import noise, pointer_to
from support.extent import examples
from support.filter_client import FilterClient, Gone, Serving, packet
from support.filter_place import Place

from git_mlvc.errors import RemoteUnavailable, StoreError
from git_mlvc.filter.serve import serve
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.pktline import ProtocolError


class Failing:
    """A store whose next sessions fail as told; everything else is the real one."""

    def __init__(self, place: Place, error: Exception, *, read_bytes: int = 0) -> None:
        self._store = place.store
        self.error: Exception | None = error
        self._read_bytes = read_bytes
        place.store = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def session(self) -> FailingSession:
        return FailingSession(self, self._store.session(), self._read_bytes)


class FailingSession:
    def __init__(self, owner: Failing, session: object, read_bytes: int) -> None:
        self._owner = owner
        self._session = session
        self._read_bytes = read_bytes

    def ingest_bytes(self, data: bytes) -> Pointer | None:
        if self._owner.error is not None:
            raise self._owner.error
        return self._session.ingest_bytes(data)  # type: ignore[attr-defined, no-any-return]

    def ingest_from(
        self, read_into: Callable[[memoryview], int], like: object = None
    ) -> Pointer | None:
        if self._owner.error is not None:
            read_into(memoryview(bytearray(self._read_bytes)))
            raise self._owner.error
        return self._session.ingest_from(read_into, like)  # type: ignore[attr-defined, no-any-return]

    def close(self) -> None:
        self._session.close()  # type: ignore[attr-defined]
        if self._owner.error is not None:
            raise StoreError("cannot seal", why="the disk is full")


FULL = StoreError("cannot store content", why="No space left on device", hint="free some space")


class TestHandshake:
    def test_capabilities(self, place: Place) -> None:
        with place.serving() as client:
            client.shake_hands(["clean", "smudge", "delay", "what-comes-next"])
            assert client.capabilities == ["clean", "smudge", "delay"]
            assert client.rest() == b""

    def test_an_old_git_without_delay(self, place: Place) -> None:
        with place.serving() as client:
            assert client.shake_hands(["clean", "smudge"]).capabilities == ["clean", "smudge"]

    @pytest.mark.parametrize(
        "said",
        [
            b"GET / HTTP/1.1\r\n\r\n",
            b"0000",
            packet(b"git-filter-client\n") + b"0000",
            packet(b"git-filter-client\n") + packet(b"version=1\n") + b"0000",
            packet(b"git-filter-server\n") + packet(b"version=2\n") + b"0000",
            packet(b"\xff" * 100) * 3 + b"0000",
        ],
    )
    def test_a_wrong_one_fails_and_does_not_hang(self, place: Place, said: bytes) -> None:
        serving = place.serving()
        with pytest.raises(ProtocolError), serving as client:
            client.send(said)
            assert client.rest() == b""

    @pytest.mark.parametrize("said", [b"", b"00", packet(b"git-filter-client\n"), b"0020git"])
    def test_a_git_that_goes_away_ends_us(self, place: Place, said: bytes) -> None:
        serving = place.serving()
        with serving as client:
            client.send(said)
            assert client.rest() == b""
        assert serving.result not in (0, None)
        assert place.messages.startswith("error: git closed the pipe")


class TestErrors:
    @pytest.mark.parametrize("size", [10, 65516, 65517, 6_000_000])
    @pytest.mark.parametrize("read_bytes", [0, 100, 2_000_000])
    def test_a_disk_that_is_full_fails_the_file_and_the_process_lives_on(
        self, place: Place, size: int, read_bytes: int
    ) -> None:
        failing = Failing(place, FULL, read_bytes=read_bytes)
        data = noise(size)
        serving = place.serving()
        with serving as client:
            client.shake_hands()
            assert client.clean(b"my file", data).status == "error"
            assert client.clean(b"my file", data).status == "error"
            failing.error = None
            assert client.clean(b"my file", data).content == pointer_to(data)
        assert serving.result == 0
        assert "error: my file: cannot store content" in place.messages
        assert "  why: No space left on device\nhint: free some space" in place.messages

    def test_what_the_machine_refuses_is_told_without_a_class_name(self, place: Place) -> None:
        Failing(place, OSError(errno.EROFS, "Read-only file system", "/x/.git/mlvc"))
        serving = place.serving()
        with serving as client:
            assert client.shake_hands().clean(b"f", b"data").status == "error"
        assert "cannot use /x/.git/mlvc\n  why: Read-only file system" in place.messages
        assert serving.result == 5, "sealing failed as well"

    def test_our_own_mistake_fails_the_file_and_is_reported_at_the_end(self, place: Place) -> None:
        failing = Failing(place, ZeroDivisionError("oops"))
        with pytest.raises(ZeroDivisionError, match="oops"), place.serving() as client:
            client.shake_hands()
            assert client.clean(b"f", noise(3_000_000)).status == "error"
            failing.error = None
            assert client.clean(b"f", b"data").content == pointer_to(b"data")
            assert client.rest() == b""
        assert "Traceback" not in place.messages

    def test_our_own_mistake_in_listing_does_not_hang_git(self, place: Place) -> None:
        place.fetch_error = ZeroDivisionError("oops")  # type: ignore[assignment]
        with pytest.raises(ZeroDivisionError), place.serving() as client:
            client.shake_hands().smudge(b"x", pointer_to(b"gone"), can_delay=True)
            client.send_list("command=list_available_blobs")
            assert client.read_list() == []
            assert client.read_list() == [b"status=error"]
            assert client.rest() == b""

    def test_what_was_not_offered_ends_us(self, place: Place) -> None:
        serving = place.serving()
        with serving as client:
            client.shake_hands().send_list("command=polish", "pathname=x")
            assert client.rest() == b""
        assert serving.result == 4
        assert "polish" in place.messages


class TestLaw7:
    """Standard output belongs to git: nothing but answers goes there, whatever happens."""

    def test_law_7_errors_and_warnings_go_elsewhere(self, place: Place) -> None:
        failing = Failing(place, FULL)
        place.hooks = False
        place.fetch_error = RemoteUnavailable("no answer")
        with place.serving() as client:
            client.shake_hands()
            client.clean(b"a", b"content")
            client.clean(b"b", pointer_to(b"x") + b"appended")
            client.smudge(b"c", pointer_to(b"gone"))
            client.smudge(b"d", pointer_to(b"gone too"), can_delay=True)
            assert client.available() == [b"d"]
            failing.error = None
            assert client.rest() == b""
        assert len(place.said) >= 3

    @settings(
        max_examples=examples(30),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.data())
    def test_law_7_every_request_gets_exactly_one_answer(
        self, place: Place, data: st.DataObject
    ) -> None:
        known = [noise(size, 1) for size in (1, 100, 65516, 65517, 200_000)]
        for content in known[:3]:
            place.keep(content)
        contents = [*known, *map(pointer_to, known), b"", b"text", pointer_to(b"x") + b"x"]
        paths = [b"a", b"b c", b"mlvc.toml", b"\xff=\n."]
        delayed: dict[bytes, bytes] = {}
        with place.serving() as client:
            client.shake_hands()
            for _ in range(data.draw(st.integers(1, 8))):
                what = data.draw(st.sampled_from(["clean", "smudge", "delay", "list"]))
                path, content = (data.draw(st.sampled_from(s)) for s in (paths, contents))
                cut = data.draw(
                    st.sampled_from(
                        [
                            None,
                            lambda c: (
                                [c[:1], c[1:]]
                                if len(c) > 1 and len(c) < 60_000
                                else [c[i : i + 50_000] for i in range(0, len(c), 50_000)]
                            ),
                        ]
                    )
                )
                if what == "clean":
                    assert client.clean(path, content, cut=cut).is_success
                elif what == "smudge" and content:
                    answer = client.smudge(path, content, cut=cut)
                    assert answer.is_success
                    delayed.pop(path, None) if content in map(pointer_to, known) else None
                elif what == "delay" and content:
                    answer = client.smudge(path, content, can_delay=True, cut=cut)
                    assert answer.status in ("success", "delayed")
                    if answer.status == "delayed":
                        delayed[path] = content
                elif what == "list":
                    for ready in client.available():
                        assert client.smudge(ready, b"").content == delayed.pop(ready, b"?") or True
            assert client.rest() == b""


class TestAGitThatIsKilled:
    @pytest.mark.parametrize("sent", [0, 10, 65520, 65524, 1_500_000, 5_000_000])
    def test_in_the_middle_of_a_content(self, place: Place, sent: int) -> None:
        stream = b"".join(packet(noise(65516, n)) for n in range(80))
        serving = place.serving()
        with serving as client:
            first = client.shake_hands().clean(b"first", b"the first content")
            client.send_list("command=clean", "pathname=second")
            client.send(stream[:sent])
            client.hang_up()
        assert serving.result == 0
        assert place.said == []
        # What git was told before is there for the next process.
        with place.serving() as client:
            assert client.shake_hands().smudge(b"x", first.content).content == b"the first content"

    def test_while_we_write(self, place: Place) -> None:
        data = noise(5_000_000)
        place.keep(data)
        serving = place.serving()
        with serving as client:
            client.shake_hands().send_list("command=smudge", "pathname=x")
            client.send(packet(pointer_to(data)) + b"0000")
            assert client.read_list() == [b"status=success"]
            client.hang_up()
        assert serving.result == 0
        assert place.said == []

    @settings(
        max_examples=examples(50),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(st.binary(max_size=60))
    def test_or_talks_nonsense(self, place: Place, nonsense: bytes) -> None:
        serving = place.serving()
        with serving as client:
            client.shake_hands()
            try:
                client.send(nonsense)
                client.rest()
            except Gone:
                pass
        assert serving.result in (0, 4)


def test_requests_in_small_packets_are_the_same(place: Place) -> None:
    data = noise(70_000)
    with place.serving() as client:
        answer = client.shake_hands().clean(
            b"x", data, cut=lambda c: [c[at : at + 999] for at in range(0, len(c), 999)]
        )
    assert answer.content == pointer_to(data)


def test_empty_packets_are_nothing(place: Place) -> None:
    with place.serving() as client:
        answer = client.shake_hands().clean(
            b"x", b"abc", cut=lambda c: [b"", c[:1], b"", c[1:], b""]
        )
    assert answer.content == pointer_to(b"abc")


def test_unusual_names_come_and_go_unchanged(place: Place) -> None:
    names = [b"a=b", b"pathname=x", b"new\nline", b"\xff\xfe", b"-x", b" ", b"a\\b", b"trailing\n"]
    place.settings = type(place.settings)(inline_limit_bytes=0)
    pointer = pointer_to(b"content")
    with place.serving() as client:
        client.shake_hands()
        for name in names:
            client.smudge(name, pointer, can_delay=True)
    assert sorted(place.pending()) == sorted(names)


def test_a_conversation_over_a_pipe_that_cannot_be_enlarged(place: Place) -> None:
    """Sockets are not pipes; nothing else may be assumed of what git gives us."""
    ours, theirs = socket.socketpair()

    def run(stdin: int, stdout: int) -> int:
        return serve(theirs.fileno(), theirs.fileno(), place, place.said.append)  # type: ignore[arg-type]

    with Serving(run):
        client = FilterClient(ours.fileno(), ours.fileno()).shake_hands()
        data = noise(300_000)
        assert client.clean(b"x", data).content == pointer_to(data)
        ours.shutdown(socket.SHUT_WR)
    ours.close()
    theirs.close()

"""Git's side of the filter protocol, for tests: says what git says, and what a broken git might say.

Written from gitattributes(5) and git's t0021, not from our codec: an oracle must not share code with what
it judges. Nothing here waits for ever: a filter that does not answer within a few seconds has hung.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

PAYLOAD = 65516
_PATIENCE_S = 30.0


class Hung(AssertionError):
    """The filter did not answer."""


class Gone(AssertionError):
    """The filter closed its end."""


@dataclass(frozen=True)
class Answer:
    """What came back: the first status, the content, and the status that counts in the end."""

    status: str
    content: bytes = b""
    final: str = ""

    @property
    def is_success(self) -> bool:
        return self.final == "success"


@dataclass
class FilterClient:
    """Talks to a filter through two pipe ends. `to_filter` is written, `from_filter` read."""

    to_filter: int
    from_filter: int
    capabilities: list[str] = field(default_factory=list)
    _buffer: bytes = b""

    # -- the conversation as git holds it

    def shake_hands(self, offered: Iterable[str] = ("clean", "smudge", "delay")) -> FilterClient:
        self.send_list("git-filter-client", "version=2")
        said = self.read_list()
        assert said == [b"git-filter-server", b"version=2"], said
        self.send_list(*(f"capability={name}" for name in offered))
        self.capabilities = [t.decode().removeprefix("capability=") for t in self.read_list()]
        return self

    def clean(self, path: bytes, data: bytes, **options: object) -> Answer:
        return self.request(b"clean", path, data, **options)  # type: ignore[arg-type]

    def smudge(self, path: bytes, data: bytes, **options: object) -> Answer:
        return self.request(b"smudge", path, data, **options)  # type: ignore[arg-type]

    def request(
        self,
        command: bytes,
        path: bytes,
        data: bytes,
        *,
        can_delay: bool = False,
        extra: Iterable[bytes] = (),
        cut: Callable[[bytes], list[bytes]] | None = None,
    ) -> Answer:
        """Send one request and read its answer. `cut` says how the content is put into packets."""
        keys = [b"command=" + command, b"pathname=" + path, *extra]
        if can_delay:
            keys.append(b"can-delay=1")
        self.send_list(*keys)
        for piece in (cut or in_full_packets)(data):
            self.send(packet(piece))
        self.send(b"0000")
        return self.read_answer()

    def available(self) -> list[bytes]:
        self.send_list("command=list_available_blobs")
        paths = [text.removeprefix(b"pathname=") for text in self.read_list()]
        assert self.read_list() == [b"status=success"]
        return paths

    def read_answer(self) -> Answer:
        status = _status(self.read_list())
        if status != "success":
            return Answer(status, b"", status)
        content = b"".join(self.read_packets())
        return Answer(status, content, _status(self.read_list()) or status)

    def rest(self) -> bytes:
        """Return what the filter wrote beyond its answers, until it ends."""
        self.close()
        data = self._buffer
        while more := os.read(self.from_filter, 1 << 16):
            data += more
        return data

    def close(self) -> None:
        if self.to_filter >= 0:
            os.close(self.to_filter)
            self.to_filter = -1

    def hang_up(self) -> None:
        """Close both ends, as a git that was killed does."""
        self.close()
        if self.from_filter >= 0:
            os.close(self.from_filter)
            self.from_filter = -1

    # -- packets

    def send_list(self, *texts: str | bytes) -> None:
        raw = [t.encode() if isinstance(t, str) else t for t in texts]
        self.send(b"".join(packet(t + b"\n") for t in raw) + b"0000")

    def send(self, data: bytes) -> None:
        """Write bytes as they are. Raises Gone, Hung."""
        view = memoryview(data)
        while view:
            _, writable, _ = select.select([], [self.to_filter], [], _PATIENCE_S)
            if not writable:
                raise Hung("the filter reads no more")
            try:
                view = view[os.write(self.to_filter, view[:4096]) :]
            except BrokenPipeError as exc:
                raise Gone("the filter reads no more") from exc

    def read_list(self) -> list[bytes]:
        return [text.removesuffix(b"\n") for text in self.read_packets()]

    def read_packets(self) -> list[bytes]:
        found = []
        while True:
            size = int(self._exactly(4), 16)
            if size == 0:
                return found
            assert 4 < size <= 65520, f"a packet of {size} bytes"
            found.append(self._exactly(size - 4))

    def _exactly(self, count: int) -> bytes:
        pieces = [self._buffer]
        missing = count - len(self._buffer)
        while missing > 0:
            readable, _, _ = select.select([self.from_filter], [], [], _PATIENCE_S)
            if not readable:
                raise Hung(f"no answer; {missing} bytes are missing")
            more = os.read(self.from_filter, 1 << 20)
            if not more:
                raise Gone(f"the filter ended; {missing} bytes are missing")
            pieces.append(more)
            missing -= len(more)
        data = b"".join(pieces)
        self._buffer = data[count:]
        return data[:count]


def packet(payload: bytes) -> bytes:
    return b"%04x" % (len(payload) + 4) + payload


def in_full_packets(data: bytes) -> list[bytes]:
    return [data[at : at + PAYLOAD] for at in range(0, len(data), PAYLOAD)]


def _status(texts: list[bytes]) -> str:
    found = [text for text in texts if text.startswith(b"status=")]
    return found[-1].removeprefix(b"status=").decode() if found else ""


class Serving:
    """A filter that runs in a thread of this process, and the client that talks to it.

    `run(stdin_fd, stdout_fd)` is the filter. After the block it has ended; `result` is what it returned,
    or the exception it raised is raised again.
    """

    def __init__(self, run: Callable[[int, int], int]) -> None:
        self._run = run
        self._failure: BaseException | None = None
        self.result: int | None = None

    def __enter__(self) -> FilterClient:
        stdin, to_filter = os.pipe()
        from_filter, stdout = os.pipe()
        self.client = FilterClient(to_filter, from_filter)
        self._thread = threading.Thread(target=self._work, args=(stdin, stdout), daemon=True)
        self._thread.start()
        return self.client

    def _work(self, stdin: int, stdout: int) -> None:
        try:
            self.result = self._run(stdin, stdout)
        except BaseException as exc:  # raised again in the test's thread
            self._failure = exc
        finally:
            os.close(stdin)
            os.close(stdout)

    def __exit__(self, kind: object, *_: object) -> None:
        self.client.close()
        self._thread.join(_PATIENCE_S)
        is_alive = self._thread.is_alive()
        self.client.hang_up()
        if kind is None:
            if is_alive:
                raise Hung("the filter does not end")
            if self._failure is not None:
                raise self._failure

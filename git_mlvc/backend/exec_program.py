"""One running program at the other end of two pipes: lines and counted bytes, and never a wait without end."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.errors import InputError, MlvcError, RemoteRefused, RemoteUnavailable

MAX_LINE_BYTES = 4096
GRACE_S = 5.0  # between the end of its standard input and the end of the program
_BLOCK_BYTES = min(64 << 10, METERED_BYTES)
_LAST_WORDS_BYTES = 2000


class Program:
    """Started at once; use it from one thread at a time. Its standard error is kept for messages.

    `shown`: how it is called in messages. After any error it is to be killed: nobody knows where it stands.
    """

    def __init__(self, argv: Sequence[str], shown: str, opening: Opening) -> None:
        self._shown = shown
        self._meter = opening.meter
        self._idle_s = opening.idle_timeout_s
        self._rest = b""
        self._errors = tempfile.TemporaryFile(dir=_made(opening.scratch))  # noqa: SIM115 - closed by `kill`
        try:
            # A session of its own: Ctrl-C is ours to hear; it ends when its standard input does.
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=dict(opening.environment),
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as exc:
            self._errors.close()
            raise RemoteRefused(
                f"cannot start {shown}", why=getattr(exc, "strerror", None) or str(exc)
            ) from exc
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._in, False)

    # -- talking

    def say(self, line: str) -> None:
        self._write(line.encode("ascii") + b"\n")

    def send(self, source: bytes | Path) -> None:
        """Hand over the bytes. Raises InputError for a file that cannot be read."""
        for block in _blocks(source):
            self._write(block)
            self._meter(len(block))

    def line(self, within_s: float | None = None) -> str:
        """Return the next line of what it writes. Raises RemoteUnavailable."""
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_LINE_BYTES:
                raise self.nonsense(self._rest)
            self._rest += self._read(within_s)
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise self.nonsense(line) from None

    def blocks(self, count: int) -> Iterator[bytes]:
        """Yield exactly so many bytes of what it writes."""
        while count:
            if not self._rest:
                self._rest = self._read(None)
            block, self._rest = self._rest[:count], self._rest[count:]
            count -= len(block)
            self._meter(len(block))
            yield block

    @property
    def is_quiet(self) -> bool:
        """True if it says nothing that was not asked, and lives."""
        return not self._rest and not self._is_ready(self._out, select.POLLIN, 0)

    def nonsense(self, said: bytes | str) -> RemoteUnavailable:
        text = said if isinstance(said, str) else said.decode("utf-8", "replace")
        shown = re.sub(r"[^\x20-\x7e]", "?", text[:60])
        return RemoteUnavailable(
            f"{self._shown} does not keep to the protocol",
            why=f"it said {shown!r}",
            hint="docs/formats/exec.md says what it should say",
        )

    # -- ending

    def close(self) -> None:
        """End its standard input and wait for it a little."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End it and what it has started."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._errors.close()

    # -- inside

    def _read(self, within_s: float | None) -> bytes:
        if not self._is_ready(self._out, select.POLLIN, within_s or self._idle_s):
            raise RemoteUnavailable(
                f"{self._shown} is silent", why=f"for {within_s or self._idle_s:.0f} s"
            )
        data = os.read(self._out, _BLOCK_BYTES)
        if not data:
            raise self._ended()
        return data

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            if not self._is_ready(self._in, select.POLLOUT, self._idle_s):
                raise RemoteUnavailable(
                    f"{self._shown} is silent", why=f"it took nothing for {self._idle_s:.0f} s"
                )
            try:
                rest = rest[os.write(self._in, rest[:_BLOCK_BYTES]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._ended() from None

    @staticmethod
    def _is_ready(fd: int, event: int, within_s: float) -> bool:
        poll = select.poll()
        poll.register(fd, event)
        return bool(poll.poll(within_s * 1000))

    def _ended(self) -> MlvcError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        code = self._process.poll()
        said = self._last_words()
        ended = "it ended" if code is None else f"it ended with exit code {code}"
        return RemoteUnavailable(
            f"{self._shown} broke off", why=f"{ended}: {said}" if said else ended
        )

    def _last_words(self) -> str:
        size_bytes = os.fstat(self._errors.fileno()).st_size
        tail = os.pread(
            self._errors.fileno(), _LAST_WORDS_BYTES, max(0, size_bytes - _LAST_WORDS_BYTES)
        )
        lines = tail.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return "".join(char for char in last if char.isprintable())[:300]


def _blocks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for at in range(0, len(source), _BLOCK_BYTES):
            yield source[at : at + _BLOCK_BYTES]
        return
    try:
        rest = source.stat().st_size
        with source.open("rb", buffering=0) as file:
            while rest:
                block = file.read(min(rest, _BLOCK_BYTES))
                if not block:
                    raise InputError(f"{source} became shorter while it was sent")
                rest -= len(block)
                yield block
    except OSError as exc:
        raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc


def _made(directory: Path | None) -> Path | None:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return directory

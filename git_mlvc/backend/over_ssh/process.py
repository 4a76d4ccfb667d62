"""The ssh program at work: its pipes, its last words, its end."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Mapping, Sequence

from git_mlvc.backend.over_ssh import said
from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.errors import RemoteRefused, RemoteUnavailable

_PIPE_BYTES = 1 << 20  # fewer changes between us and ssh than with the usual 64 KiB
_KEPT_BYTES = 16 << 10  # of what it says
_PATIENCE_S = 2.0  # for its end, once its input has ended
_WORDS_PATIENCE_S = 0.5  # for the end of what it says; a connection that is shared keeps that open
_ASK_PATIENCE_S = 10.0


class SshProcess:
    """Never left behind: its input ends with us, whatever ends us, and so does the command on the other side."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], place: Place) -> None:
        self._place = place
        try:
            # In our process group and session: Ctrl-C ends it, and it may ask on the terminal.
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
                bufsize=0,
            )
        except OSError as exc:
            raise RemoteRefused(
                f"cannot run {argv[0]}",
                why=exc.strerror or str(exc),
                hint="install OpenSSH's client",
            ) from exc
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self.write_fd = self._process.stdin.fileno()
        self.read_fd = self._process.stdout.fileno()
        os.set_blocking(self.write_fd, False)
        for fd in (self.write_fd, self.read_fd):
            _widen(fd)
        self._said = bytearray()
        self._listener = threading.Thread(target=self._listen, name="ssh's errors", daemon=True)
        self._listener.start()
        self._ending = threading.Lock()

    @property
    def stderr(self) -> str:
        return self._said.decode("utf-8", "replace")

    def exit_code(self) -> int:
        """Wait for its end, which is near; what it said is complete then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
        if self._process.poll() is None:
            self._process.kill()
        code = self._process.wait()
        self._listener.join(_WORDS_PATIENCE_S)
        return code

    def why_lost(self, why: str) -> RemoteUnavailable:
        code = self.exit_code()
        words = said.last_words(self.stderr)
        if not why:
            why = words or f"ssh ended with exit code {code}"
        return RemoteUnavailable(
            f"the connection to {self._place.login} was lost",
            why=why,
            hint=f"try again; by hand: {said.by_hand(self._place)}",
        )

    def stop(self) -> None:
        """End it. What it was still to send is lost."""
        with contextlib.suppress(OSError):
            self._process.terminate()

    def hang_up(self) -> None:
        """End its input. Nobody may write any more."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """Let it end by ending its input; wait, and see to it if it does not."""
        with self._ending:
            assert self._process.stdout and self._process.stderr
            self.hang_up()
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._listener.join(_WORDS_PATIENCE_S)
            self._process.stdout.close()
            if not self._listener.is_alive():
                self._process.stderr.close()

    def read_some(self, timeout_s: float | None) -> bytes | None:
        """Return what it sends next, b"" at its end, None if nothing comes in time."""
        poll = select.poll()
        poll.register(self.read_fd, select.POLLIN)
        if not poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000):
            return None
        return os.read(self.read_fd, 1 << 16)

    def write(self, data: bytes) -> None:
        """Write a few bytes before anything else was written: there is room for them."""
        with contextlib.suppress(BrokenPipeError):  # its end says why
            os.write(self.write_fd, data)

    def _listen(self) -> None:
        assert self._process.stderr
        with contextlib.suppress(OSError, ValueError):
            while block := self._process.stderr.read(4096):
                self._said += block
                del self._said[:-_KEPT_BYTES]


def runs(argv: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Run a command to its end, without input or output; True if it went well."""
    try:
        return (
            subprocess.run(
                argv,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_ASK_PATIENCE_S,
                check=False,
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def a_person_can_answer(environment: Mapping[str, str]) -> bool:
    """True if ssh can ask for a password, or whether a host is the right one."""
    if environment.get("GIT_TERMINAL_PROMPT") == "0":
        return False
    has_display = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    forced = environment.get("SSH_ASKPASS_REQUIRE") == "force"
    if environment.get("SSH_ASKPASS") and (has_display or forced):
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _widen(fd: int) -> None:
    try:
        import fcntl

        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        pass  # it works with what there is

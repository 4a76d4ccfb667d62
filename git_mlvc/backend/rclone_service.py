"""One `rclone rcd` of our own: started when it is first asked, on a loopback port with a password made for it.

It ends with us, however we end: a shell between us holds the other end of a pipe that nobody else has, and ends
rclone when that closes.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from git_mlvc.backend.base import Denied
from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

START_S = 30.0
GRACE_S = 5.0
PATIENCE = 4  # rclone's own idle time-out is ours, and it tries some things again
MAX_ANSWER_BYTES = 1 << 30
_POLL_S = 0.01
_WATCH = (
    'exec 3<&0; "$@" </dev/null & child=$!; '
    '{ while read -r _; do :; done <&3; kill "$child"; } 2>/dev/null & watch=$!; '
    'exec 3<&-; wait "$child"; code=$?; kill "$watch" 2>/dev/null; exit "$code"'
)
_ADDRESS = re.compile(r"127\.0\.0\.1:([0-9]+)")
_LOG_LINE = re.compile(r"^[0-9/]+ [0-9:]+ (?:NOTICE|ERROR|CRITICAL|Failed)?\s*:?\s*")
_LOST = (OSError, http.client.HTTPException)
_ABSENT = re.compile(r"(?:object|directory|file|bucket|container) not found", re.I)
_NO_REMOTE = re.compile(
    r"didn't find section in config file|unknown remote|is not a valid remote", re.I
)
_DENIED = re.compile(
    r"permission denied|access ?denied|forbidden|unauthori[sz]ed|invalid_grant|token (?:has )?expired"
    r"|authentication|\b40[13]\b",
    re.I,
)
_FULL = re.compile(r"no space left|quota|insufficient storage|storage ?full", re.I)


class Absent(Exception):
    """What was asked for is not there."""


class RcloneService:
    """For all threads; `shown` is the remote, for messages."""

    def __init__(self, opening: Opening, shown: str) -> None:
        self._opening = opening
        self._shown = shown
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._authorization = ""
        self._log = -1
        self._free: list[HTTPConnection] = []
        self._lock = threading.Lock()
        self._starting = threading.Lock()

    def call(
        self, verb: str, doing: str, *, patience: int = PATIENCE, **said: Any
    ) -> dict[str, Any]:
        """Have rclone do something and return what it says. Raises Absent, RemoteError."""
        body = json.dumps(said).encode()
        headers = {"Content-Type": "application/json"}
        with self._asked("POST", f"/{verb}", body, headers, doing, patience) as reply:
            data = self._all(reply, doing)
            answer = _parsed(data)
            if reply.status != 200:
                raise self.meant(
                    str(answer.get("error", "")) or f"it answers {reply.status}", doing
                )
            return answer

    def read(
        self, path: str, doing: str, take: Callable[[bytes], object], wanted: range | None = None
    ) -> None:
        """Hand over an object, or a range of it. Raises Absent, RemoteError."""
        headers = {"Range": f"bytes={wanted.start}-{wanted.stop - 1}"} if wanted else {}
        with self._asked("GET", path, None, headers, doing, PATIENCE) as reply:
            if reply.status not in (200, 206):
                answer = _parsed(self._all(reply, doing))
                raise self.meant(
                    str(answer.get("error", "")) or f"it answers {reply.status}", doing
                )
            if wanted is not None and reply.status != 206:
                raise RemoteUnavailable(f"cannot {doing}", why="rclone sends all of it, not a part")
            size_bytes = reply.length
            if size_bytes is None:
                raise RemoteUnavailable(f"cannot {doing}", why="rclone does not say how much it is")
            while block := self._block(reply, doing):
                size_bytes -= len(block)
                self._opening.meter(len(block))
                take(block)
            if size_bytes:
                raise RemoteUnavailable(f"cannot {doing}", why="it broke off")

    def close(self) -> None:
        with self._starting:
            self._end()

    # -- asking

    @contextlib.contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        doing: str,
        patience: int,
    ) -> Iterator[HTTPResponse]:
        self._ensure_running()
        connection = self._connection(patience)
        try:
            login = {"Authorization": self._authorization}
            connection.request(method, path, body=body, headers={**headers, **login})
            reply = connection.getresponse()
        except _LOST as exc:
            connection.close()
            raise self._silent(doing, exc) from exc
        try:
            yield reply
        finally:
            if reply.isclosed():
                with self._lock:
                    self._free.append(connection)
            else:
                reply.close()
                connection.close()

    def _connection(self, patience: int) -> HTTPConnection:
        timeout_s = self._opening.idle_timeout_s * patience
        with self._lock:
            if self._free:
                connection = self._free.pop()
                connection.timeout = timeout_s
                if connection.sock is not None:
                    connection.sock.settimeout(timeout_s)
                return connection
        return HTTPConnection("127.0.0.1", self._port, timeout=timeout_s)

    def _all(self, reply: HTTPResponse, doing: str) -> bytes:
        found = bytearray()
        while block := self._block(reply, doing):
            found += block
            if len(found) > MAX_ANSWER_BYTES:
                raise RemoteRefused(f"cannot {doing}", why="rclone says more than can be right")
        return bytes(found)

    def _block(self, reply: HTTPResponse, doing: str) -> bytes:
        try:
            return reply.read(METERED_BYTES)
        except _LOST as exc:
            raise self._silent(doing, exc) from exc

    def _silent(self, doing: str, exc: Exception) -> RemoteUnavailable:
        if isinstance(exc, TimeoutError):
            return RemoteUnavailable(f"cannot {doing}", why="rclone is silent")
        return RemoteUnavailable(f"cannot {doing}", why=f"rclone broke off: {self._last_words()}")

    def meant(self, said: str, doing: str) -> MlvcError | Absent:
        """Return what an error of rclone's means."""
        if _ABSENT.search(said):
            return Absent()
        what, why = f"cannot {doing}", "".join(char for char in said if char.isprintable())[:300]
        if _NO_REMOTE.search(said):
            return RemoteRefused(what, why=why, hint="rclone config   sets up remotes of this name")
        if _FULL.search(said):
            return RemoteRefused(what, why=why, hint="free some space there")
        if _DENIED.search(said):
            return Denied(what, why=why, hint=f"rclone lsf {self._shown.removeprefix('rclone:')}")
        return RemoteUnavailable(what, why=why)

    # -- the process

    def _ensure_running(self) -> None:
        with self._starting:
            if self._process is None or self._process.poll() is not None:
                self._end()
                try:
                    self._start()
                except BaseException:
                    self._end()
                    raise

    def _start(self) -> None:
        """Raises RemoteRefused, RemoteUnavailable."""
        user, password = "git-mlvc", secrets.token_urlsafe(24)
        idle = f"{max(1, int(self._opening.idle_timeout_s))}s"
        argv = [
            "rclone",
            "rcd",
            "--rc-addr=127.0.0.1:0",
            "--rc-serve",
            "--rc-no-auth=false",
            "--ask-password=false",
            "--retries=1",
            "--low-level-retries=3",
            f"--contimeout={max(1, int(self._opening.connect_timeout_s))}s",
            f"--timeout={idle}",
            "--log-level=NOTICE",
        ]
        environment = {
            **self._opening.environment,
            "RCLONE_RC_USER": user,  # not among the arguments, which everybody can see
            "RCLONE_RC_PASS": password,
        }
        scratch = self._opening.scratch
        if scratch is not None:
            scratch.mkdir(parents=True, exist_ok=True)
        self._log, path = tempfile.mkstemp(dir=scratch, prefix=".rclone-")
        os.unlink(path)
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "sh", *argv],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                env=environment,
                start_new_session=True,
            )
        except OSError as exc:
            raise RemoteRefused("cannot start rclone", why=exc.strerror or str(exc)) from exc
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._port = self._wait_for_port(self._process)

    def _wait_for_port(self, process: subprocess.Popen[bytes]) -> int:
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            found = _ADDRESS.search(self._said())
            if found is not None:
                return int(found[1])
            if process.poll() is not None:
                raise self._not_started(process.returncode)
            time.sleep(_POLL_S)
        raise RemoteUnavailable("rclone does not start", why=f"nothing came for {START_S:.0f} s")

    def _not_started(self, code: int) -> RemoteRefused:
        if code == 127:
            return RemoteRefused(
                "cannot start rclone",
                why="it is not on PATH",
                hint="install it: rclone.org/install",
            )
        return RemoteRefused(
            "rclone does not start", why=self._last_words() or f"it ended with exit code {code}"
        )

    def _end(self) -> None:
        with self._lock:
            while self._free:
                self._free.pop().close()
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _said(self) -> str:
        return os.pread(self._log, 1 << 16, 0).decode("utf-8", "replace") if self._log >= 0 else ""

    def _last_words(self) -> str:
        lines = [line.strip() for line in self._said().splitlines() if line.strip()]
        return _LOG_LINE.sub("", lines[-1])[:300] if lines else ""


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}

"""A proxy on loopback in front of any HTTP server that does what networks and servers do on bad days.

    with FaultProxy(server_port) as proxy:
        proxy.rules.add(Answer(503), method="PUT", path=r"/packs/", times=2)
        backend = registry.open(proxy.through(url))

The first rule that matches a request and has tries left decides; without one the request passes. Whole bodies are held
in memory. The Host header passes as it came, so signatures stay valid; in JSON answers the server's address is replaced by the
proxy's, so that a git-lfs client stays on it. Nothing here sleeps but `Drip`: what stalls is held until the proxy is closed.
"""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO
from urllib.parse import urlsplit

from support.fault_listener import Listener, reset
from support.http_messages import Message, read_body, read_head

_NO_BODY = {204, 304}


# -- faults


@dataclass(frozen=True)
class Answer:
    """The proxy answers itself; the server never hears of it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def retry_after(when: str = "0", status: int = 429) -> Answer:
    """`when`: seconds, or an HTTP date."""
    return Answer(status, {"Retry-After": when})


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status, {"Location": to})


def page(status: int = 200) -> Answer:
    """What a captive portal or a log-in page of a company's proxy looks like."""
    return Answer(status, {"Content-Type": "text/html"}, b"<html><body>Please log in</body></html>")


@dataclass(frozen=True)
class Reset:
    """The connection is reset before any answer."""


@dataclass(frozen=True)
class ResetRequest:
    """The server gets `at` bytes of the body, then both sides are cut off."""

    at: int


@dataclass(frozen=True)
class ResetResponse:
    """The client gets `at` bytes of the body (None: half of them), then a reset."""

    at: int | None = None


@dataclass(frozen=True)
class Lost:
    """The server acts; the client gets a reset instead of its answer."""


@dataclass(frozen=True)
class Truncate:
    """Half of the body and an orderly end. `honest`: Content-Length is that of the whole; else it fits the half."""

    honest: bool = True


@dataclass(frozen=True)
class Overlong:
    """`extra` bytes more, and a Content-Length that says so."""

    extra: int = 7


@dataclass(frozen=True)
class FlipBit:
    """One bit of the body is wrong: the lowest of the byte at `at` (may be negative)."""

    at: int = -1


@dataclass(frozen=True)
class Drip:
    """The body comes in so many pieces, with a pause before each."""

    pieces: int = 10
    pause_s: float = 0.1


@dataclass(frozen=True)
class Stall:
    """Silence: before the answer's head (at=None), or after `at` bytes of its body."""

    at: int | None = None


@dataclass(frozen=True)
class StallRequest:
    """Nobody reads the rest of the request's body after `at` bytes."""

    at: int = 0


@dataclass(frozen=True)
class Gzip:
    """The body arrives compressed, whether it was asked for or not."""


Fault = (
    Answer | Reset | ResetRequest | ResetResponse | Lost | Truncate | Overlong | FlipBit | Drip
    | Stall | StallRequest | Gzip
)  # fmt: skip


@dataclass
class Rule:
    fault: Fault
    method: str | None
    path: re.Pattern[str]
    times: int  # -1: for ever
    skip: int


class Rules:
    """Which faults are still to come. `scope`: requests for other paths (and queries) always pass unharmed."""

    def __init__(self) -> None:
        self.scope = re.compile("")
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str = "",
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """`method`: one or several, as "GET|HEAD". `path`: searched for in path and query. `times`: -1 for
        ever. `skip`: so many that match pass unharmed first."""
        with self._lock:
            self._rules.append(Rule(fault, method, re.compile(path), times, skip))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    @property
    def pending(self) -> int:
        """How many faults were added and have not happened; those for ever are not counted."""
        with self._lock:
            return sum(max(rule.times, 0) for rule in self._rules)

    def take(self, method: str, path: str) -> Fault | None:
        if not self.scope.search(path):
            return None
        with self._lock:
            for rule in self._rules:
                if rule.method is not None and method not in rule.method.split("|"):
                    continue
                if rule.times == 0 or not rule.path.search(path):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= rule.times > 0
                return rule.fault
        return None


@dataclass(frozen=True)
class Request:
    """One line of the log. `status`: what the client was told, None if it was cut off."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body_bytes: int = 0
    status: int | None = None
    fault: Fault | None = None

    @property
    def sent_authorization(self) -> bool:
        return "authorization" in self.headers


class FaultProxy(Listener):
    """Stands before the server on 127.0.0.1:`upstream`; None: a host that exists only here, which answers 200."""

    def __init__(self, upstream: int | None = None) -> None:
        super().__init__()
        self.upstream = upstream
        self.rules = Rules()
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def through(self, url: str) -> str:
        """Return the same URL on this proxy."""
        parts = urlsplit(url)
        who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return parts._replace(scheme="http", netloc=f"{who}127.0.0.1:{self.port}").geturl()

    def asked(self, method: str = "", path: str = "") -> list[Request]:
        """Return those of the log with this method and with `path` (a pattern) in their path."""
        return [
            one for one in self.requests
            if one.method.startswith(method) and re.search(path, one.path)
        ]  # fmt: skip

    # -- one connection

    def serve(self, client: socket.socket) -> None:
        with client.makefile("rb") as reader:
            while True:
                request = read_head(reader)
                if request is None or not self._one(client, reader, request):
                    return

    def _one(self, client: socket.socket, reader: BinaryIO, request: Message) -> bool:
        """Answer one request; return whether the connection goes on."""
        method, path, _ = request.first.split(" ", 2)
        fault = self.rules.take(method, path)
        noted = Request(method, path, {k.lower(): v for k, v in request.headers}, fault=fault)
        if request.get("expect"):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.headers = [(k, v) for k, v in request.headers if k.lower() != "expect"]
        if isinstance(fault, ResetRequest | StallRequest):
            self.requests.append(noted)
            part = reader.read(min(fault.at, int(request.get("content-length") or 0)))
            if isinstance(fault, StallRequest):
                self.hold(client)
            elif self.upstream is not None:
                with contextlib.suppress(OSError), self.connect(self.upstream) as server:
                    server.sendall(request.head() + part)
            reset(client)
            return False
        request.body = read_body(reader, request, ends_with_connection=False)
        noted = replace(noted, body_bytes=len(request.body))
        if isinstance(fault, Reset) or (isinstance(fault, Stall) and fault.at is None):
            self.requests.append(noted)
            if isinstance(fault, Stall):
                self.hold(client)
            reset(client)
            return False
        answer = _own(fault) if isinstance(fault, Answer) else self._ask(request)
        # Noted before it is answered: whoever got the answer finds it in the log.
        self.requests.append(
            noted if isinstance(fault, Lost) else replace(noted, status=answer.status)
        )
        return self._send(client, method, answer, fault)

    def _ask(self, request: Message) -> Message:
        """Have the server answer; its framing becomes a Content-Length."""
        if self.upstream is None:
            return _own(Answer(200))
        request.set("Connection", "close")
        if request.get("transfer-encoding"):
            request.headers = [
                (k, v) for k, v in request.headers if k.lower() != "transfer-encoding"
            ]
            request.set("Content-Length", str(len(request.body)))
        with self.connect(self.upstream) as server, server.makefile("rb") as reader:
            with contextlib.suppress(
                OSError
            ):  # it may have answered and closed before all was sent
                server.sendall(request.head() + request.body)
            answer = read_head(reader)
            while answer is not None and answer.status < 200:
                answer = read_head(reader)
            if answer is None:
                return _own(Answer(502, body=b"the server ended the connection"))
            if not request.first.startswith("HEAD ") and answer.status not in _NO_BODY:
                answer.body = read_body(reader, answer, ends_with_connection=True)
                if "json" in (answer.get("content-type") or ""):
                    answer.body = answer.body.replace(
                        b"127.0.0.1:%d" % self.upstream, b"127.0.0.1:%d" % self.port
                    )
                answer.set("Content-Length", str(len(answer.body)))
        answer.headers = [
            (k, v) for k, v in answer.headers
            if k.lower() not in {"transfer-encoding", "connection", "keep-alive"}
        ]  # fmt: skip
        return answer

    def _send(
        self, client: socket.socket, method: str, answer: Message, fault: Fault | None
    ) -> bool:
        """Send the answer with its fault; return whether the connection is still good."""
        body = answer.body
        match fault:
            case Lost():
                reset(client)
                return False
            case FlipBit(at=at) if body:
                at %= len(body)
                body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            case Overlong(extra=extra):
                body += b"x" * extra
                answer.set("Content-Length", str(len(body)))
            case Truncate(honest=False):
                body = body[: len(body) // 2]
                answer.set("Content-Length", str(len(body)))
            case Gzip() if body:
                body = gzip.compress(body, mtime=0)
                answer.set("Content-Encoding", "gzip")
                answer.set("Content-Length", str(len(body)))
        if method == "HEAD":
            body = b""
        client.sendall(answer.head())
        match fault:
            case ResetResponse(at=at):
                client.sendall(body[: len(body) // 2 if at is None else at])
                reset(client)
                return False
            case Truncate(honest=True) if body:
                client.sendall(body[: len(body) // 2])
                return False
            case Stall(at=int(at)):
                client.sendall(body[:at])
                self.hold(client)
                reset(client)
                return False
            case Drip(pieces=pieces, pause_s=pause_s):
                for piece in _cut(body, pieces):
                    self.pause(pause_s)
                    client.sendall(piece)
            case _:
                client.sendall(body)
        return True


def _own(answer: Answer) -> Message:
    made = Message(f"HTTP/1.1 {answer.status} Said So", list(answer.headers.items()), answer.body)
    if answer.status not in _NO_BODY:
        made.set("Content-Length", str(len(answer.body)))
    return made


def _cut(body: bytes, pieces: int) -> Iterator[bytes]:
    size = max(1, -(-len(body) // pieces))
    return (body[at : at + size] for at in range(0, len(body), size))

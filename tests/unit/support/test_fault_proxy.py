"""The fault proxies themselves: a fault that does not happen would prove nothing."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.fault_proxy import (
    Answer,
    Drip,
    Fault,
    FaultProxy,
    FlipBit,
    Gzip,
    Lost,
    Overlong,
    Reset,
    ResetRequest,
    ResetResponse,
    Stall,
    StallRequest,
    Truncate,
    redirect,
    retry_after,
)
from support.fault_tcp import Cut, Dripping, TcpFaults

BODY = bytes(range(256)) * 40


class Echo(BaseHTTPRequestHandler):
    """GET answers BODY, in chunks under /chunked; PUT keeps what it got."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, bytes]

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(BODY), 1000):
                block = BODY[at : at + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(BODY)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        self.kept[self.path] = self.rfile.read(length)
        where = b'{"href": "http://%s/x"}' % self.headers["X-Me"].encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(where)))
        self.end_headers()
        self.wfile.write(where)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (Echo,), {"kept": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: ThreadingHTTPServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.server_port) as made:
        yield made


def ask(
    proxy: FaultProxy, method: str = "GET", path: str = "/x", body: bytes | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
    with contextlib.closing(connection):
        headers = {"Authorization": "Basic x", "X-Me": f"127.0.0.1:{proxy.upstream}"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers


def test_without_a_rule_everything_passes(proxy: FaultProxy, server: ThreadingHTTPServer) -> None:
    assert ask(proxy)[:2] == (200, BODY)
    assert ask(proxy, path="/chunked")[:2] == (200, BODY)
    assert ask(proxy, "HEAD")[:2] == (200, b"")
    assert ask(proxy, "HEAD")[2]["Content-Length"] == str(len(BODY))
    assert ask(proxy, "PUT", "/y", b"data")[0] == 201
    assert server.RequestHandlerClass.kept == {"/y": b"data"}  # type: ignore[attr-defined]
    assert [(one.method, one.path, one.body_bytes, one.status) for one in proxy.requests[-1:]] == [
        ("PUT", "/y", 4, 201)
    ]
    assert all(one.sent_authorization for one in proxy.requests)


def test_the_servers_address_in_json_becomes_the_proxys(proxy: FaultProxy) -> None:
    assert ask(proxy, "PUT", "/y", b"")[1] == b'{"href": "http://127.0.0.1:%d/x"}' % proxy.port
    assert proxy.through("http://u:p@host/a?b") == f"http://u:p@127.0.0.1:{proxy.port}/a?b"


def test_rules_are_used_up_in_order_and_match_method_and_path(proxy: FaultProxy) -> None:
    proxy.rules.add(Answer(503), method="GET", path="/packs/", times=2)
    proxy.rules.add(Answer(404), path="/late", skip=1, times=-1)
    assert [ask(proxy, path="/packs/1")[0] for _ in range(3)] == [503, 503, 200]
    assert [ask(proxy, path="/late")[0] for _ in range(3)] == [200, 404, 404]
    assert proxy.rules.pending == 0
    proxy.rules.clear()
    assert ask(proxy, path="/late")[0] == 200
    assert len(proxy.asked("GET", "late")) == 4


def test_answers_of_the_proxy_itself(proxy: FaultProxy) -> None:
    proxy.rules.add(retry_after("7"))
    proxy.rules.add(redirect("http://other/"))
    assert (said := ask(proxy))[0] == 429 and said[2]["Retry-After"] == "7"
    assert (said := ask(proxy))[0] == 302 and said[2]["Location"] == "http://other/"


@pytest.mark.parametrize("fault", [Reset(), ResetResponse(), ResetResponse(0), Lost()])
def test_resets(proxy: FaultProxy, fault: Fault) -> None:
    proxy.rules.add(fault)
    with pytest.raises(ConnectionResetError):
        ask(proxy)
    assert ask(proxy)[1] == BODY


def test_bytes_before_a_reset_arrive(proxy: FaultProxy) -> None:
    proxy.rules.add(ResetResponse(1000))
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        came = b""
        with contextlib.suppress(ConnectionResetError):
            while block := client.recv(4096):
                came += block
    assert came.partition(b"\r\n\r\n")[2] == BODY[:1000]


def test_a_lost_answer_was_acted_upon_and_a_reset_request_was_not(
    proxy: FaultProxy, server: ThreadingHTTPServer
) -> None:
    proxy.rules.add(Lost(), path="/lost")
    proxy.rules.add(ResetRequest(2), path="/cut")
    for path in ("/lost", "/cut"):
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask(proxy, "PUT", path, b"data")
    assert server.RequestHandlerClass.kept["/lost"] == b"data"  # type: ignore[attr-defined]
    assert server.RequestHandlerClass.kept.get("/cut") != b"data"  # type: ignore[attr-defined]


def test_wrong_bodies(proxy: FaultProxy) -> None:
    for fault in (FlipBit(), Overlong(3), Truncate(honest=False), Gzip(), Drip(4, 0.001)):
        proxy.rules.add(fault)
    assert ask(proxy)[1] == BODY[:-1] + bytes([BODY[-1] ^ 1])
    assert ask(proxy)[1] == BODY + b"xxx"
    assert ask(proxy)[1] == BODY[: len(BODY) // 2]
    assert gzip.decompress(ask(proxy)[1]) == BODY
    assert ask(proxy)[1] == BODY
    proxy.rules.add(Truncate())
    with pytest.raises(http.client.IncompleteRead):
        ask(proxy)


@pytest.mark.parametrize("fault", [Stall(), Stall(10), StallRequest(1)])
def test_a_stall_ends_when_the_proxy_is_closed(server: ThreadingHTTPServer, fault: Fault) -> None:
    said: list[BaseException] = []

    def client() -> None:
        try:
            ask(proxy, "PUT" if isinstance(fault, StallRequest) else "GET", body=b"data" * 9)
        except (OSError, http.client.HTTPException) as exc:
            said.append(exc)

    with FaultProxy(server.server_port) as proxy:
        proxy.rules.add(fault)
        thread = threading.Thread(target=client)
        thread.start()
        while not proxy.requests:
            thread.join(0.01)
        assert thread.is_alive()
    thread.join(10)
    assert len(said) == 1


def test_a_host_that_only_records(server: ThreadingHTTPServer) -> None:
    with FaultProxy(None) as elsewhere:
        assert ask(elsewhere)[:2] == (200, b"")
        assert [one.sent_authorization for one in elsewhere.requests] == [True]


def test_refusing_is_refusing(proxy: FaultProxy) -> None:
    with proxy.refusing(), pytest.raises(ConnectionRefusedError):
        ask(proxy)
    assert ask(proxy)[0] == 200


@pytest.mark.parametrize("fault", [Cut(down=0), Cut(down=100), Cut(up=0), Cut(up=10)])
def test_a_tcp_connection_is_cut_once(server: ThreadingHTTPServer, fault: Cut) -> None:
    with TcpFaults(server.server_port) as proxy:
        proxy.faults = [fault]
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(proxy)  # type: ignore[arg-type]
        assert ask(proxy)[1] == BODY  # type: ignore[arg-type]
        assert proxy.connections == 2


def test_a_tcp_connection_drips_or_stalls(server: ThreadingHTTPServer) -> None:
    with TcpFaults(server.server_port) as proxy:
        proxy.faults = [Dripping(5000, 0.001), Cut(down=100, stall=True)]
        assert ask(proxy)[1] == BODY  # type: ignore[arg-type]
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while True:
                try:
                    assert client.recv(4096)
                except TimeoutError:
                    break

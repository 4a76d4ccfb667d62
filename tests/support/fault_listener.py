"""What the fault proxies share: a listener on loopback, a thread for each connection, an orderly end."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Self

_LINGER_NOT = struct.pack("ii", 1, 0)
_BACKLOG = 128


def reset(connection: socket.socket) -> None:
    """End a connection so that the other side sees a reset and not an orderly end."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)  # wakes up who reads from it: else it stays open
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        # Not `close`: that waits for files made of the socket.
        os.close(connection.detach())


class Listener:
    """Listens on 127.0.0.1:`port` until it is closed; `serve` of a subclass handles one connection."""

    def __init__(self) -> None:
        self.connections = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listening = self._listen(0)
        self.port: int = self._listening.getsockname()[1]

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError

    def connect(self, port: int) -> socket.socket:
        """Connect to the server behind; the connection ends with this listener at the latest."""
        server = socket.create_connection(("127.0.0.1", port))
        with self._lock:
            self._open.add(server)
        return server

    def hold(self, client: socket.socket) -> None:
        """Say nothing until the listener is closed or the client has gone."""
        client.settimeout(None)
        with contextlib.suppress(OSError):
            while client.recv(1 << 16):
                pass

    def pause(self, seconds: float) -> None:
        self._closing.wait(seconds)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Meanwhile nobody listens on the port: connections are refused, those that were open have ended."""
        self._stop_listening()
        self._end_connections()
        try:
            yield
        finally:
            self._listening = self._listen(self.port)

    def close(self) -> None:
        self._closing.set()
        self._stop_listening()
        self._end_connections()

    def _end_connections(self) -> None:
        with self._lock:
            still_open, threads = list(self._open), list(self._threads)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    # -- listening

    def _listen(self, port: int) -> socket.socket:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
        self._start(self._accept, listening)
        return listening

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes up who waits in accept
        self._listening.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(client)
            if self._closing.is_set():
                client.close()
                return
            self._start(self._handle, client)

    def _handle(self, client: socket.socket) -> None:
        # A client may leave at any moment, and so may the server.
        with contextlib.suppress(OSError), client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve(client)
        with self._lock:
            self._open.discard(client)

    def _start(self, target: Callable[[socket.socket], None], connection: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(connection,), daemon=True)
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive() or one.ident is None]
            self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""The same bad days for any protocol over TCP: what is counted is bytes, not requests."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from support.fault_listener import Listener, reset

_BLOCK = 1 << 14


@dataclass(frozen=True)
class Cut:
    """What becomes of one connection. `down`, `up`: after so many bytes to the client, from it.

    `stall`: instead of a reset both sides hear nothing more until the proxy is closed.
    """

    down: int | None = None
    up: int | None = None
    stall: bool = False


@dataclass(frozen=True)
class Dripping:
    """Bytes to the client come in blocks of at most `block`, with a pause before each."""

    block: int = 4096
    pause_s: float = 0.01


class TcpFaults(Listener):
    """Stands before the server on 127.0.0.1:`upstream`; `faults` are used up, one a connection (None: no fault)."""

    def __init__(self, upstream: int) -> None:
        super().__init__()
        self.upstream = upstream
        self.faults: list[Cut | Dripping | None] = []

    def serve(self, client: socket.socket) -> None:
        with self._lock:
            fault = self.faults.pop(0) if self.faults else None
        cut = fault if isinstance(fault, Cut) else Cut()
        drip = fault if isinstance(fault, Dripping) else None

        def end() -> None:
            if cut.stall:
                self._closing.wait()
            reset(client)
            reset(server)

        server = self.connect(self.upstream)
        with server:
            up = threading.Thread(target=_pass, args=(client, server, cut.up, None, end))
            up.start()
            pause = (lambda: self.pause(drip.pause_s)) if drip else None
            _pass(server, client, cut.down, pause, end, drip.block if drip else _BLOCK)
            up.join()


def _pass(
    source: socket.socket,
    target: socket.socket,
    limit: int | None,
    pause: Callable[[], None] | None,
    end: Callable[[], None],
    block: int = _BLOCK,
) -> None:
    """Carry bytes one way until either side ends; at `limit` bytes call `end`."""
    passed = 0
    try:
        while limit is None or passed < limit:
            data = source.recv(block if limit is None else min(block, limit - passed))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            if pause:
                pause()
            target.sendall(data)
            passed += len(data)
    except OSError:
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        return
    end()

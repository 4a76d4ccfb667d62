#!/usr/bin/env python3
"""A server that is far away: passes TCP connections on to a port of this machine, later.

    python3 bench/far_away.py --to 9000 --latency-ms 50

Prints the port it listens on, and for each line it is sent a line of JSON: connections, requests (HTTP heads that went by), bytes
each way, so far. Ends with its standard input. Half of the latency is added in each direction; so much as a fast line would hold may be on
its way at a time.
"""

import argparse
import collections
import contextlib
import json
import re
import socket
import sys
import threading
import time

BLOCK_BYTES = 256 << 10
LINE_BYTES = 64 << 20
HEAD = re.compile(
    rb"(?:GET|PUT|HEAD|POST|DELETE|OPTIONS|PROPFIND|MOVE|MKCOL|COPY) [^\r\n]* HTTP/1\.[01]\r\n"
)


class Totals:
    """What passed, over all connections."""

    def __init__(self):
        self.lock = threading.Lock()
        self.connections = self.requests = self.up_bytes = self.down_bytes = 0


class Lane:
    """One direction of one connection: what comes in at one end goes out at the other, `delay_s` later."""

    def __init__(self, source, target, delay_s, note):
        self.source, self.target, self.delay_s, self.note = source, target, delay_s, note
        self.waiting, self.size_bytes = collections.deque(), 0
        self.changed = threading.Condition()
        for work in (self.take, self.give):
            threading.Thread(target=work, daemon=True).start()

    def take(self):
        block = b" "
        while block:
            try:
                block = self.source.recv(BLOCK_BYTES)
            except OSError:
                block = b""
            self.note(block)
            with self.changed:
                while self.size_bytes > LINE_BYTES:
                    self.changed.wait()
                self.waiting.append((time.monotonic() + self.delay_s, block))
                self.size_bytes += len(block)
                self.changed.notify_all()

    def give(self):
        while True:
            with self.changed:
                while not self.waiting:
                    self.changed.wait()
                due, block = self.waiting.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not block:
                    self.target.shutdown(socket.SHUT_WR)
                    return
                self.target.sendall(block)
            except OSError:
                with contextlib.suppress(OSError):
                    self.source.shutdown(socket.SHUT_RD)
                return
            with self.changed:
                self.size_bytes -= len(block)
                self.changed.notify_all()


def serve(listener, port, delay_s, totals):
    def up(block):
        with totals.lock:
            totals.up_bytes += len(block)
            # A head stands at the beginning of what is sent: bodies follow theirs or come alone.
            totals.requests += len(HEAD.findall(block[:4096]))

    def down(block):
        with totals.lock:
            totals.down_bytes += len(block)

    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", port))
        totals.connections += 1
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Lane(near, far, delay_s, up)
        Lane(far, near, delay_s, down)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=int, required=True, metavar="PORT")
    parser.add_argument("--latency-ms", type=float, default=50)
    args = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    totals = Totals()
    threading.Thread(
        target=serve, args=(listener, args.to, args.latency_ms / 2000, totals), daemon=True
    ).start()
    print(listener.getsockname()[1], flush=True)
    for _ in sys.stdin:
        counts = {name: value for name, value in vars(totals).items() if name != "lock"}
        print(json.dumps(counts), flush=True)


if __name__ == "__main__":
    main()

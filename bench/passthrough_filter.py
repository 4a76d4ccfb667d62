#!/usr/bin/env python3
"""A do-nothing Git long-running filter (`filter.<name>.process`), for measuring the pipe itself.

clean   reads and drops the content, and answers a small pointer that holds its length.
smudge  reads such a pointer, and sends that many bytes back from one block of memory.

It neither hashes nor stores anything, so its time is the floor for any filter written in Python:
what Git, the pkt-line protocol and the pipe cost.  Each option adds one thing:

  --delay      offer the `delay` capability: put every smudge off, then hand all of them out when
               Git asks for the available blobs
  --unique     put a checksum of the path into the pointer, so that Git has a blob per file to write
  --pipe SIZE  ask for larger kernel pipes (Linux; 1048576 is the usual unprivileged maximum)
"""

import argparse
import fcntl
import sys
import zlib

CONTENT = 65516  # largest content of one pkt-line
FULL = b"%04x" % (CONTENT + 4) + bytes(CONTENT)
FLUSH = b"0000"


class Pipe:
    """pkt-line reading and writing over stdin and stdout."""

    def __init__(self, size):
        self.src, self.dst = sys.stdin.buffer, sys.stdout.buffer
        for stream in (self.src, self.dst) if size else ():
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, size)

    def packet(self):
        """One packet's content, or None for a flush; EOFError once Git has gone."""
        head = self.src.read(4)
        if len(head) < 4:
            raise EOFError
        size = int(head, 16)
        return self.src.read(size - 4) if size else None

    def packets(self):
        while (packet := self.packet()) is not None:
            yield packet

    def lines(self):
        return [packet.rstrip(b"\n") for packet in self.packets()]

    def send(self, *lines):
        self.dst.write(b"".join(b"%04x%s\n" % (len(line) + 5, line) for line in lines) + FLUSH)

    def zeros(self, size):
        for _ in range(size // CONTENT):
            self.dst.write(FULL)
        if rest := size % CONTENT:
            self.dst.write(b"%04x" % (rest + 4) + FULL[4 : rest + 4])
        self.dst.write(FLUSH)


def serve(pipe, args):
    """Answer requests until Git closes the pipe."""
    held = {}  # path -> size, for the smudges put off
    while True:
        request = dict(line.split(b"=", 1) for line in pipe.lines())
        command, path = request[b"command"], request.get(b"pathname", b"")
        if command == b"list_available_blobs":
            pipe.send(*(b"pathname=" + name for name in held))
            pipe.send(b"status=success")
        elif command == b"clean":
            size = sum(map(len, pipe.packets()))
            tag = zlib.crc32(path) if args.unique else 0
            pointer = b"passthrough %d %08x\n" % (size, tag)
            pipe.send(b"status=success")
            pipe.dst.write(b"%04x%s" % (len(pointer) + 4, pointer) + FLUSH + FLUSH)
        else:
            pointer = b"".join(pipe.packets())
            if path not in held and request.get(b"can-delay") == b"1" and args.delay:
                held[path] = int(pointer.split()[1])
                pipe.send(b"status=delayed")
            else:
                size = held.pop(path) if path in held else int(pointer.split()[1])
                pipe.send(b"status=success")
                pipe.zeros(size)
                pipe.dst.write(FLUSH)
        pipe.dst.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--delay", action="store_true")
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--pipe", type=int, default=0)
    args = parser.parse_args()
    pipe = Pipe(args.pipe)
    try:
        pipe.lines()
        pipe.send(b"git-filter-server", b"version=2")
        pipe.dst.flush()
        pipe.lines()
        caps = ["clean", "smudge"] + ["delay"] * args.delay
        pipe.send(*(b"capability=" + cap.encode() for cap in caps))
        pipe.dst.flush()
        serve(pipe, args)
    except EOFError:
        pass


if __name__ == "__main__":
    main()

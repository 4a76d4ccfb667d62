"""Stands between git and the filter and kills it with SIGKILL after a number of bytes.

    python killer.py TO FROM program args…

Passes TO bytes of what git says and FROM bytes of what the filter answers (-1: all), then kills the
filter and itself: the harshest end a filter can have, at an exact place.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def pass_on(source: int, sink: int, limit: int, filter_pid: int) -> None:
    while limit != 0:
        data = os.read(source, min(65536, limit) if limit > 0 else 65536)
        if not data:
            os.close(sink)
            return
        while data:
            written = os.write(sink, data)
            data = data[written:]
            limit -= written if limit > 0 else 0
    os.kill(filter_pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    to_filter, from_filter = int(sys.argv[1]), int(sys.argv[2])
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    threading.Thread(
        target=pass_on, args=(0, child.stdin.fileno(), to_filter, child.pid), daemon=True
    ).start()
    pass_on(child.stdout.fileno(), 1, from_filter, child.pid)
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())

"""OpenStack Swift with its S3 dialect: a real store that verifies signatures, in one process.

Conditional puts are not atomic there: of several at once, more than one may be told that it won.
"""

from __future__ import annotations

from pathlib import Path

from support.servers import programs
from support.servers.process import ServerProcess, free_port
from support.servers.s3_server import S3Server

NODE = Path(__file__).with_name("swift_node.py")
USER, SECRET = "test:tester", "testing"


def start(directory: Path) -> S3Server:
    """Start it with its data in `directory`. Skips the test where it is not installed."""
    port = free_port()
    process = ServerProcess(
        [
            programs.python("swift") / "python",
            "-P",
            "-W",
            "ignore",
            NODE,
            directory,
            str(port),
            USER,
            SECRET,
        ],
        port,
        directory / "swift.log",
    )
    process.wait()
    return S3Server(process, USER, SECRET)

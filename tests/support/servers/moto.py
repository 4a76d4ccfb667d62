"""moto: an S3 in memory that checks no signature; quick to start, and what fault tests stand on."""

from __future__ import annotations

from pathlib import Path

from support.servers import programs
from support.servers.process import ServerProcess, free_port
from support.servers.s3_server import S3Server


def start(directory: Path) -> S3Server:
    """Start it. Skips the test where it is not installed."""
    port = free_port()
    process = ServerProcess(
        [programs.python("moto") / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
        port,
        directory / "moto.log",
    )
    process.wait()
    return S3Server(process, "moto-key", "moto-secret")

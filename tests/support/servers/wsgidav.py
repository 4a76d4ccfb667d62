"""WsgiDAV on loopback: a WebDAV server that shows half of an upload under its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from support.servers import programs
from support.servers.place import RemotePlace
from support.servers.process import ServerProcess, free_port


@dataclass
class Wsgidav:
    process: ServerProcess
    data: Path
    _numbers: count[int] = field(default_factory=count)

    def place(self) -> RemotePlace:
        url = f"http://127.0.0.1:{self.process.port}/place-{next(self._numbers)}"
        return RemotePlace(url)

    def stop(self) -> None:
        self.process.stop()


def start(directory: Path) -> Wsgidav:
    """Start it with its data in `directory`. Skips the test where it is not installed."""
    data = directory / "data"
    data.mkdir()
    port = free_port()
    process = ServerProcess(
        [
            programs.python("wsgidav") / "wsgidav",
            "--host=127.0.0.1",
            f"--port={port}",
            f"--root={data}",
            "--auth=anonymous",
            "--server=cheroot",
            "--quiet",
        ],
        port,
        directory / "wsgidav.log",
    )
    process.wait()
    return Wsgidav(process, data)

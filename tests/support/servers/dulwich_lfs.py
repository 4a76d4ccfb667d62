"""A small forge in this process: git over HTTP (git's own http-backend), and dulwich's git-lfs server beside it.

So an address is all that a client needs, as on GitHub: the server is found at URL/info/lfs.
"""

from __future__ import annotations

import base64
import itertools
import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dulwich.lfs import LFSStore
from dulwich.lfs_server import LFSRequestHandler, LFSServer
from support.servers import programs
from support.servers.git_place import bare_repository, lfs_place
from support.servers.place import RemotePlace

_LFS = "/info/lfs"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)


class _Handler(LFSRequestHandler):
    """`NAME.git/info/lfs/objects/…` is the git-lfs server's, everything else git's."""

    def do_GET(self) -> None:
        self._serve(super().do_GET)

    def do_POST(self) -> None:
        self._serve(super().do_POST)

    def do_PUT(self) -> None:
        self._serve(super().do_PUT)

    def _serve(self, lfs: Any) -> None:
        forge: Forge = self.server.forge  # type: ignore[attr-defined]
        headers = {name.lower(): value for name, value in self.headers.items()}
        forge.asked.append(Asked(self.command, self.path, headers))
        if forge.login is not None and headers.get("authorization") != _basic(*forge.login):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if _LFS in self.path:
            self.path = self.path.partition(_LFS)[2]
            lfs()
        elif self.path.startswith("/objects/"):  # where dulwich says that objects are
            lfs()
        else:
            self._git(forge)

    def _git(self, forge: Forge) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(forge.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "REMOTE_USER": "somebody",
                "REMOTE_ADDR": "127.0.0.1",
            },
        )
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        fields = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line]
        status = next((int(v.split()[0]) for k, v in fields if k == "Status"), 200)
        self.send_response(status)
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data


class Forge:
    """Running; `login` may be set to what everybody has to say, `asked` is what was asked."""

    def __init__(self, directory: Path) -> None:
        programs.program("git")
        self.root = directory / "repositories"
        self.root.mkdir()
        self._people = directory / "people"
        self._numbers = itertools.count()
        self.login: tuple[str, str] | None = None
        self.asked: list[Asked] = []
        objects = directory / "objects"
        objects.mkdir()
        self.store = LFSStore.create(str(objects))
        self._server = LFSServer(("127.0.0.1", 0), self.store)
        self._server.RequestHandlerClass = _Handler
        self._server.daemon_threads = True
        self._server.forge = self  # type: ignore[attr-defined]
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def repository(self) -> str:
        """Make an empty one and return its address."""
        name = f"data{next(self._numbers)}.git"
        bare_repository(self.root / name)
        return f"http://127.0.0.1:{self.port}/{name}"

    def place(self) -> RemotePlace:
        url = self.repository()
        return lfs_place(self._people / url.rpartition("/")[2], {}, url)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def start(directory: Path) -> Forge:
    return Forge(directory)

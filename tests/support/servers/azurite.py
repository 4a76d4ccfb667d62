"""Azurite: Microsoft's own double of Azure Blob Storage; it checks signatures."""

from __future__ import annotations

import hmac
import http.client
import secrets
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlencode

from support.servers import programs
from support.servers.place import RemotePlace
from support.servers.process import ServerProcess, free_port

ACCOUNT = "devstoreaccount1"
# The well-known key of the emulator, from its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuriteServer:
    def __init__(self, process: ServerProcess) -> None:
        self.process = process

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.process.port}/{ACCOUNT}"

    def container(self) -> str:
        """Make a new container and return its name."""
        name = f"container-{secrets.token_hex(6)}"
        date = formatdate(usegmt=True)
        resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:2021-12-02\n{resource}"
        signature = b64encode(hmac.digest(b64decode(KEY), text.encode(), "sha256")).decode()
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2021-12-02",
            "Authorization": f"SharedKey {ACCOUNT}:{signature}",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=30)
        try:
            path = f"/{ACCOUNT}/{name}?restype=container"
            connection.request("PUT", path, headers=headers)
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
        finally:
            connection.close()
        return name

    def shared_access(self, container: str) -> str:
        """Return a signature that lets one do everything in the container for an hour."""
        expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"sp": "racwdl", "se": expires, "sv": "2020-04-08", "sr": "c"}
        parts = [said["sp"], "", said["se"], f"/blob/{ACCOUNT}/{container}", "", "", "", said["sv"]]
        text = "\n".join([*parts, said["sr"], "", "", "", "", "", ""])
        said["sig"] = b64encode(hmac.digest(b64decode(KEY), text.encode(), "sha256")).decode()
        return urlencode(said)

    def place(self, prefix: str = "data/mlvc") -> RemotePlace:
        return RemotePlace(
            f"az://{self.container()}/{prefix}",
            options={"endpoint": self.endpoint, "account": ACCOUNT},
            environment={"AZURE_STORAGE_KEY": KEY},
        )

    def stop(self) -> None:
        self.process.stop()


def start(directory: Path) -> AzuriteServer:
    """Start it with its data in `directory`. Skips the test where it is not installed."""
    port = free_port()
    blob = programs.npm("azurite") / "azurite-blob"
    silent = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", directory / "data"]
    process = ServerProcess([blob, *where, *silent], port, directory / "azurite.log")
    process.wait()
    return AzuriteServer(process)

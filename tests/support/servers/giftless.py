"""giftless: a git-lfs server by itself; the git part is a bare repository on this machine."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from pathlib import Path

import requests
from support.servers import programs
from support.servers.git_place import lfs_place
from support.servers.place import RemotePlace
from support.servers.process import ServerProcess, free_port

_CONFIG = """\
LEGACY_ENDPOINTS: false
AUTH_PROVIDERS: [giftless.auth.allow_anon:read_write]
TRANSFER_ADAPTERS:
  basic:
    factory: giftless.transfer.basic_streaming:factory
    options:
      storage_class: giftless.storage.local_storage:LocalStorage
      storage_options: {{path: {path}}}
PRE_AUTHORIZED_ACTION_PROVIDER:
  factory: giftless.auth.jwt:factory
  options: {{algorithm: HS256, private_key: only-for-tests-only-for-tests-only}}
"""


class Giftless:
    """Running; `url` has a repository for whatever name comes behind it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        config = directory / "giftless.yaml"
        config.write_text(_CONFIG.format(path=directory / "objects"))
        self.process = ServerProcess(
            [
                programs.python("giftless") / "waitress-serve",
                f"--listen=127.0.0.1:{port}",
                "--threads=8",
                "--max-request-body-size=10737418240",
                "giftless.wsgi_entrypoint:app",
            ],
            port,
            directory / "giftless.log",
            env={**os.environ, "GIFTLESS_CONFIG_FILE": str(config)},
        )
        self.process.wait()
        self._warm_up()

    def _warm_up(self) -> None:
        """Send one object: its first requests, if several come at once, it refuses (it is still finding its keys)."""
        body = b"warm"
        one = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body)}
        asked = {"operation": "upload", "transfers": ["basic"], "objects": [one]}
        url = f"{self.url}/lab/warm.git/info/lfs/objects/batch"
        media = {"Content-Type": "application/vnd.git-lfs+json"}
        answer = requests.post(url, data=json.dumps(asked), headers=media, timeout=30).json()
        upload = answer["objects"][0]["actions"]["upload"]
        requests.put(upload["href"], data=body, headers=upload["header"], timeout=30)

    def place(self) -> RemotePlace:
        """Return a new bare repository whose git-lfs server this is."""
        number = next(self._numbers)
        lfs_url = f"{self.url}/lab/data{number}.git/info/lfs"
        return lfs_place(self._directory / f"git{number}", {"lfs.url": lfs_url})

    def stop(self) -> None:
        self.process.stop()


def start(directory: Path) -> Giftless:
    """Start it. Skips the test where it is not installed."""
    return Giftless(directory)

"""rclone: no server to start, the driver does that; a configuration with remotes that stay on this machine."""

from __future__ import annotations

import itertools
from pathlib import Path

from support.servers import programs
from support.servers.place import RemotePlace


class Rclone:
    """`kind`: "alias" is a directory, where rclone can rename; "memory" lives in one rclone and cannot."""

    def __init__(self, directory: Path) -> None:
        programs.program("rclone")
        self._directory = directory
        self._numbers = itertools.count()
        self.config = directory / "rclone.conf"
        self.config.write_text(
            f"[lab]\ntype = alias\nremote = {directory}\n\n[forgetful]\ntype = memory\n"
        )

    def place(self, kind: str = "alias") -> RemotePlace:
        name = "lab" if kind == "alias" else "forgetful"
        path = f"a place{next(self._numbers)}"
        return RemotePlace(f"rclone:{name}:{path}", environment={"RCLONE_CONFIG": str(self.config)})

    def directory(self, place: RemotePlace) -> Path:
        return self._directory / place.url.rpartition(":")[2]

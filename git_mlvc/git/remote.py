"""One remote of git, for what lives beside it: small tables on its refs, its git-lfs server."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from git_mlvc.git import lfs_server, remote_address
from git_mlvc.git.process import Git
from git_mlvc.git.remote_address import RemoteAddress
from git_mlvc.git.remote_ref import RemoteRef
from git_mlvc.git.repository import Repository


class GitRemote:
    """The git remote at `url`, of one repository. `home`: where copies of its refs are kept, may be lost at any time."""

    def __init__(
        self,
        repository: Repository,
        config: Mapping[str, Sequence[str]],
        url: str,
        home: Path,
        *,
        idle_timeout_s: float = 60.0,
    ) -> None:
        self._repository = repository
        self._config = config
        self._url = url
        self._home = home
        self._idle_timeout_s = idle_timeout_s

    def ref(self, name: str) -> RemoteRef:
        """Return the table on one ref; contacts nothing."""
        repository = self._repository
        place = f"{self._address.fetch_url}\n{self._address.push_url}\n{name}"
        folder = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        configs = dict.fromkeys(
            [repository.common_dir / "config", repository.git_dir / "config.worktree"]
        )
        return RemoteRef(
            self._git,
            self._address,
            name,
            self._home / folder / "ref.git",
            configs=tuple(configs),
            object_format=repository.object_format,
            idle_timeout_s=self._idle_timeout_s,
        )

    def lfs_server(self, operation: str) -> tuple[str, Mapping[str, str]]:
        """As `lfs_server.find`: asked anew each time, since what ssh hands out grows old."""
        return lfs_server.find(self._git, self._config, self._address, operation)

    @property
    def _git(self) -> Git:
        return self._repository.git

    @cached_property
    def _address(self) -> RemoteAddress:
        return remote_address.find(self._git, self._config, self._url)

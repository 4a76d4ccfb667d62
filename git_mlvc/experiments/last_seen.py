"""Which experiments a remote had when it was last asked: who is gone since was deleted there.

A plain file of JSON below the git common dir, for each remote; it may be lost at any time. It keeps no commit
alive, as tracking refs would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from git_mlvc.fs import atomic
from git_mlvc.fs.atomic import UMASK, Permissions

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository


class LastSeen:
    """What one remote had, as its address names it."""

    def __init__(self, repo: Repository, url: str) -> None:
        name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self._path = repo.common_dir / "mlvc" / "exp" / "seen" / f"{name}.json"

    def deleted(self, here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
        """Return the experiments that are here as the remote had them, and that it has no more."""
        before = self._read()
        return sorted(
            name
            for name, commit in before.items()
            if here.get(name) == commit and name not in there
        )

    def note(
        self,
        here: Mapping[str, str],
        there: Mapping[str, str],
        permissions: Permissions = UMASK,
    ) -> None:
        """Remember what the remote has now, and what it deleted and is still here. Where nothing can be written,
        nothing is remembered.
        """
        gone = {name: here[name] for name in self.deleted(here, there)}
        text = json.dumps({**gone, **there}, sort_keys=True, indent=0)
        try:
            atomic.make_dirs(self._path.parent, permissions, durable=False)
            atomic.write_file(self._path, text.encode(), permissions=permissions, durable=False)
        except OSError:
            return

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {str(name): str(commit) for name, commit in found.items()}

"""Git remotes for tests of drivers: a table in memory, and a git-lfs server wherever it is said to be."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


class MemoryRef:
    """What a ref holds, for all who look at it through `view`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.revision = 0
        self.fetches = 0
        self.publishes = 0
        self.lock = threading.Lock()

    def view(self) -> RefView:
        return RefView(self)


class RefView:
    """One clone's; a RefStore."""

    def __init__(self, ref: MemoryRef) -> None:
        self._ref = ref
        self._seen = 0

    def fetch(self) -> Mapping[str, bytes]:
        with self._ref.lock:
            self._ref.fetches += 1
            self._seen = self._ref.revision
            return dict(self._ref.files)

    def publish(self, changes: Mapping[str, bytes | None], message: str) -> bool:
        with self._ref.lock:
            self._ref.publishes += 1
            if self._seen != self._ref.revision:
                return False
            for path, data in changes.items():
                if data is None:
                    self._ref.files.pop(path)
                else:
                    self._ref.files[path] = data
            self._ref.revision += 1
            self._seen = self._ref.revision
            return True


@dataclass
class FakeGitRemote:
    """A GitRemote whose git-lfs server is at `lfs_url`; `headers` as ssh would hand them out."""

    lfs_url: str
    headers: list[Mapping[str, str]] = field(default_factory=list)
    memory: MemoryRef = field(default_factory=MemoryRef)
    asked: list[str] = field(default_factory=list)

    def ref(self, name: str) -> RefView:
        return self.memory.view()

    def lfs_server(self, operation: str) -> tuple[str, Mapping[str, str]]:
        self.asked.append(operation)
        return self.lfs_url, self.headers.pop(0) if self.headers else {}

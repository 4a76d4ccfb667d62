"""A server that tells the truth late: listings, deletions and what it has just taken show after a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.backend.base import Capability, Listed, NotFound, Stat, check_prefix, not_found
from git_mlvc.backend.memory import MemoryBackend


class LaggingBackend(MemoryBackend):
    """After a change, `listing_lag` more changes pass before listings show it.

    `late`: so many times what was just put is not found. With `all_win`, every `put_if_absent` overwrites and says
    that it was the first.
    """

    def __init__(
        self,
        name: str = "lagging",
        capabilities: frozenset[Capability] = frozenset(Capability),
        *,
        listing_lag: int = 0,
        late: int = 0,
        all_win: bool = False,
    ) -> None:
        super().__init__(name, capabilities)
        self._lag = listing_lag
        self._late = late
        self._all_win = all_win
        self._misses: Counter[str] = Counter()
        self._seen: list[dict[str, int]] = [{}]
        self.shown_late = 0

    def catch_up(self) -> None:
        """Let all that was done be seen."""
        with self._lock:
            self._seen = [self._sizes()]
            self._misses.clear()

    def put(self, key: str, source: bytes | Path) -> None:
        super().put(key, source)
        self._changed(key)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        if self._all_win:
            self.put(key, source)
            return True
        is_new = super().put_if_absent(key, source)
        if is_new:
            self._changed(key)
        return is_new

    def get(self, key: str) -> bytes:
        self._hide(key)
        return super().get(key)

    def stat(self, key: str) -> Stat | None:
        try:
            self._hide(key)
        except NotFound:
            return None
        return super().stat(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        with self._lock:
            shown = self._seen[0]
        yield from [Listed(key, size) for key, size in shown.items() if key.startswith(prefix)]

    def delete(self, key: str) -> None:
        super().delete(key)
        self._changed("")

    def _sizes(self) -> dict[str, int]:
        return {key: len(data) for key, data in self.objects.items()}

    def _changed(self, key: str) -> None:
        with self._lock:
            if key and key not in ("index", "format"):
                self._misses[key] = self._late
            self._seen = [*self._seen, self._sizes()][-1 - self._lag :]

    def _hide(self, key: str) -> None:
        with self._lock:
            if self._misses[key] > 0:
                self._misses[key] -= 1
                self.shown_late += 1
                raise not_found(self.url, key)

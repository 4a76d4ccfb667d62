"""`ssh://[user@]host[:port]/path` and `[user@]host:path`: a directory on another host, through the system's ssh.

With its configuration, agent, jump hosts, shared connections and Kerberos, as git itself goes there. One connection for all
threads, and a few more for large bodies (`over_ssh/lines.py`), made when something is first asked, and again by whoever asks
after one was lost. Over each either a git-mlvc on the other side answers (`over_ssh/served.py`), or its SFTP server does
(`over_ssh/sftp.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from git_mlvc.backend.address import scheme_of
from git_mlvc.backend.base import Capability, Listed, Stat, check_key, check_prefix
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.over_ssh import place as places
from git_mlvc.backend.over_ssh.connect import Serve
from git_mlvc.backend.over_ssh.line import Files, Line
from git_mlvc.backend.over_ssh.lines import LARGE_BYTES, Lines
from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.errors import ConfigError

OPTIONS = frozenset({"connections", "server", "server-program"})
MOST_LINES = 4
_T = TypeVar("_T")


def open_url(url: str, opening: Opening) -> SshBackend:
    """Return the driver for an address of either form. Raises ConfigError."""
    if scheme_of(url) == "sftp":
        opening = replace(opening, options={"server": Serve.NEVER.value, **opening.options})
    return SshBackend(places.parse(url), url, opening)


class SshBackend:
    """Connects when it is first asked something, and again when the connection was lost."""

    capabilities = frozenset(Capability)

    def __init__(self, place: Place, url: str, opening: Opening) -> None:
        self.url = url
        self._lines = Lines(
            lambda may_ask: Line(place, url, opening, may_ask=may_ask), _most_lines(url, opening)
        )

    def put(self, key: str, source: bytes | Path) -> None:
        self._put(check_key(key), source, if_absent=False)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        return self._put(check_key(key), source, if_absent=True)

    def get(self, key: str) -> bytes:
        checked = check_key(key)
        return self._lines.first.ask(lambda files: files.get(checked))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        checked = check_key(key)
        return self._ask(length, lambda files: files.get_range(checked, start, length))

    def get_file(self, key: str, target: int) -> None:
        checked = check_key(key)
        self._ask(LARGE_BYTES, lambda files: files.get_file(checked, target))

    def stat(self, key: str) -> Stat | None:
        return self.stat_many([key])[0]

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """As `stat` for each of them, in few round trips."""
        checked = [check_key(key) for key in keys]
        return self._lines.first.ask(lambda files: files.stat_many(checked))

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        yield from self._lines.first.list(prefix)

    def delete(self, key: str) -> None:
        checked = check_key(key)
        self._lines.first.ask(lambda files: files.delete(checked))

    def close(self) -> None:
        self._lines.close()

    def _put(self, key: str, source: bytes | Path, *, if_absent: bool) -> bool:
        size_bytes = source.stat().st_size if isinstance(source, Path) else len(source)
        return self._ask(size_bytes, lambda files: files.put(key, source, if_absent=if_absent))

    def _ask(self, size_bytes: int, verb: Callable[[Files], _T]) -> _T:
        if size_bytes < LARGE_BYTES:
            return self._lines.first.ask(verb)
        with self._lines.for_large() as line:
            return line.ask(verb)


def _most_lines(url: str, opening: Opening) -> int:
    said = opening.options.get("connections", str(MOST_LINES))
    if not said.isdecimal() or not 1 <= int(said) <= 64:
        raise ConfigError(
            f"the option 'connections' of {url} is a number from 1 to 64, not {said!r}"
        )
    return int(said)

"""`ssh://[user@]host[:port]/path` and `[user@]host:path`: a directory on another host, through the system's ssh.

With its configuration, agent, jump hosts, shared connections and Kerberos, as git itself goes there. One connection for all
threads, made when something is first asked, and again by whoever asks after it was lost. Over it either a git-mlvc on the other
side answers (`over_ssh/served.py`), or its SFTP server does (`over_ssh/sftp.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from git_mlvc.backend.address import scheme_of
from git_mlvc.backend.base import Capability, Listed, Stat, check_key, check_prefix
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.over_ssh import place as places
from git_mlvc.backend.over_ssh.connect import Connection, Connector, Serve
from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.backend.over_ssh.served import ServedFiles
from git_mlvc.backend.over_ssh.sftp import SftpFiles
from git_mlvc.backend.over_ssh.sftp_writing import SftpWriter
from git_mlvc.errors import FormatError, MlvcError, RemoteError, RemoteUnavailable

OPTIONS = frozenset({"server", "server-program"})
_T = TypeVar("_T")


class Files(Protocol):
    """What can be asked over one connection."""

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]: ...

    def get(self, key: str) -> bytes: ...

    def get_range(self, key: str, start: int, length: int) -> bytes: ...

    def get_file(self, key: str, target: int) -> None: ...

    def list(self, prefix: str) -> Iterator[Listed]: ...

    def put(self, key: str, source: bytes | Path, *, if_absent: bool) -> bool: ...

    def delete(self, key: str) -> None: ...


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
        self._place = place
        self._opening = opening
        self._connector = Connector(place, url, opening)
        self._line = threading.Lock()
        self._connection: Connection | None = None
        self._files: Files | None = None
        self._failure: RemoteError | None = None
        self._tries = 0
        self._left: set[bytes] = set()

    def put(self, key: str, source: bytes | Path) -> None:
        self._ask(check_key(key), lambda files: files.put(key, source, if_absent=False))

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        return self._ask(check_key(key), lambda files: files.put(key, source, if_absent=True))

    def get(self, key: str) -> bytes:
        return self._ask(check_key(key), lambda files: files.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._ask(check_key(key), lambda files: files.get_range(key, start, length))

    def get_file(self, key: str, target: int) -> None:
        self._ask(check_key(key), lambda files: files.get_file(key, target))

    def stat(self, key: str) -> Stat | None:
        return self.stat_many([key])[0]

    def stat_many(self, keys: Sequence[str]) -> list[Stat | None]:
        """As `stat` for each of them, in few round trips."""
        checked = [check_key(key) for key in keys]
        return self._ask("", lambda files: files.stat_many(checked))

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        files = self._connected()
        with self._meaning(prefix):
            yield from files.list(prefix)

    def delete(self, key: str) -> None:
        self._ask(check_key(key), lambda files: files.delete(key))

    def close(self) -> None:
        with self._line:
            self._hang_up()

    # -- the connection

    def _ask(self, key: str, verb: Callable[[Files], _T]) -> _T:
        files = self._connected()
        with self._meaning(key):
            return verb(files)

    @contextmanager
    def _meaning(self, key: str) -> Iterator[None]:
        try:
            yield
        except FormatError as exc:
            raise RemoteUnavailable(
                f"{self.url} answers what cannot be understood", why=str(exc), hint="try again"
            ) from exc

    def _connected(self) -> Files:
        """Return who answers; of several threads that come at once, one connects, and all hear how that went."""
        tries = self._tries
        with self._line:
            if self._connection is not None and self._connection.exchange.is_alive:
                assert self._files is not None
                return self._files
            if self._tries != tries and self._failure is not None:
                raise type(self._failure)(
                    self._failure.what, why=self._failure.why, hint=self._failure.hint
                )
            self._tries += 1
            self._hang_up()
            try:
                self._failure = None
                connection = self._connector.connect()
                self._connection = connection
                self._files = self._spoken(connection)
            except MlvcError as exc:
                self._failure = exc if isinstance(exc, RemoteError) else None
                self._hang_up()
                raise
            except BaseException:
                self._hang_up()
                raise
            return self._files

    def _spoken(self, connection: Connection) -> Files:
        root, exchange, meter = self._place.path, connection.exchange, self._opening.meter
        if connection.extensions is None:
            idle_s = self._opening.idle_timeout_s
            return ServedFiles(exchange, root, url=self.url, meter=meter, idle_timeout_s=idle_s)
        files = SftpFiles(exchange, connection.extensions, root, url=self.url, meter=meter)
        writer = SftpWriter(files, self._left)
        writer.remove_left()
        return _Sftp(files, writer)

    def _hang_up(self) -> None:
        connection, self._connection, self._files = self._connection, None, None
        if connection is not None:
            connection.close()


class _Sftp:
    """Reading and writing, as one."""

    def __init__(self, files: SftpFiles, writer: SftpWriter) -> None:
        self.stat_many = files.stat_many
        self.get = files.get
        self.get_range = files.get_range
        self.get_file = files.get_file
        self.list = files.list
        self.put = writer.put
        self.delete = writer.delete

"""One line to the other side: connects when it is first asked something, and again when the connection was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from git_mlvc.backend.base import Listed, Stat
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.over_ssh.connect import Connection, Connector
from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.backend.over_ssh.served import ServedFiles
from git_mlvc.backend.over_ssh.sftp import SftpFiles
from git_mlvc.backend.over_ssh.sftp_writing import SftpWriter
from git_mlvc.errors import FormatError, MlvcError, RemoteError, RemoteUnavailable

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


class Line:
    """Used by any number of threads. `bodies`: how many large ones are on it, for whoever chooses among lines."""

    def __init__(self, place: Place, url: str, opening: Opening, *, may_ask: bool) -> None:
        self.bodies = 0
        self._url = url
        self._place = place
        self._opening = opening
        self._connector = Connector(place, url, opening, may_ask=may_ask)
        self._line = threading.Lock()
        self.connection: Connection | None = None
        self._files: Files | None = None
        self._failure: RemoteError | None = None
        self._tries = 0
        self._left: set[bytes] = set()

    def ask(self, verb: Callable[[Files], _T]) -> _T:
        files = self._connected()
        with self._meaning():
            return verb(files)

    def list(self, prefix: str) -> Iterator[Listed]:
        files = self._connected()
        with self._meaning():
            yield from files.list(prefix)

    def connect(self) -> None:
        """Raises RemoteRefused, RemoteUnavailable, ConfigError."""
        self._connected()

    def close(self) -> None:
        with self._line:
            self._hang_up()

    @contextmanager
    def _meaning(self) -> Iterator[None]:
        try:
            yield
        except FormatError as exc:
            raise RemoteUnavailable(
                f"{self._url} answers what cannot be understood", why=str(exc), hint="try again"
            ) from exc

    def _connected(self) -> Files:
        """Return who answers; of several threads that come at once, one connects, and all hear how that went."""
        tries = self._tries
        with self._line:
            if self.connection is not None and self.connection.exchange.is_alive:
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
                self.connection = connection
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
            return ServedFiles(exchange, root, url=self._url, meter=meter, idle_timeout_s=idle_s)
        files = SftpFiles(exchange, connection.extensions, root, url=self._url, meter=meter)
        writer = SftpWriter(files, self._left)
        writer.remove_left()
        return _Sftp(files, writer)

    def _hang_up(self) -> None:
        connection, self.connection, self._files = self.connection, None, None
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

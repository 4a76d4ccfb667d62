"""What can be done to a folder on a WebDAV server: RFC 4918, as servers really keep it.

Nothing is written under its own name: some servers show half of an upload as a whole object. So bytes go to a
temporary name beside it, and a MOVE publishes them. Temporary names begin with an underscore: a leading dot is
forbidden on many servers.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from git_mlvc.backend.base import MAX_KEY_LENGTH, Capability, is_key
from git_mlvc.backend.opening import unmetered
from git_mlvc.backend.web import multistatus
from git_mlvc.backend.web.body import Body
from git_mlvc.backend.web.multistatus import Entry
from git_mlvc.backend.web.reply import Reply
from git_mlvc.backend.web.session import Session
from git_mlvc.errors import FormatError, MlvcError, RemoteRefused, RemoteUnavailable

# Not PUT_IF_ABSENT: servers look, and then move.
ALL = frozenset({Capability.WRITE, Capability.LIST, Capability.DELETE})
NOTHING: frozenset[Capability] = frozenset()
_LARGE_BYTES = 1 << 20  # not sent to a folder that may be missing
_NO_FOLDER = {403, 404, 409, 500}  # what a PUT into a folder that is missing may be answered
_GONE = {404, 409}
_DONE = {200, 201, 204}
_MAX_DEPTH = 8


class Dav:
    """The folder at `base`; `query` goes along with each request."""

    def __init__(self, session: Session, base: str, query: str) -> None:
        self._session = session
        self._base = base
        self._query = query
        self._made: set[str] = set()
        self._lock = threading.Lock()
        self._names_by_path = False

    def offered(self) -> frozenset[Capability]:
        """Return what the server says can be done here besides reading. Raises RemoteUnavailable.

        One that does not answer strangers may be written, for all we know: the first write will tell why not.
        """
        with self._send("OPTIONS", "", "ask what can be done on") as reply:
            if reply.status == 401:
                return frozenset({Capability.WRITE})
            if reply.status == 429 or (reply.status >= 500 and reply.status != 501):
                raise reply.refusal()
            is_here = urlsplit(reply.url).path.rstrip("/") == urlsplit(self._base).path.rstrip("/")
            classes = reply.headers.get("dav", "").replace(" ", "").split(",")
            is_dav = reply.status < 300 and is_here and not {"1", "2", "3"}.isdisjoint(classes)
            return ALL if is_dav else NOTHING

    def put(self, key: str, source: bytes | Path, *, overwrite: bool) -> bool:
        """Return False if there is something already, and `overwrite` is not set."""
        folder = key.rpartition("/")[0]
        temp = f"{folder}/" * bool(folder) + f"_{secrets.token_hex(16)}"
        if Body(source, unmetered).size_bytes > _LARGE_BYTES:
            with contextlib.suppress(RemoteRefused):  # it may be there all the same
                self._make_folder(folder)
        try:
            self._upload(temp, folder, source, f"write {key} on")
            is_published = self._publish(temp, key, overwrite=overwrite)
        except MlvcError:
            self._discard(temp)
            raise
        if not is_published:
            self._discard(temp)
        return is_published

    def walk(self, prefix: str) -> Iterator[tuple[str, int | None]]:
        """Yield keys below a folder with their sizes, None where the server does not say."""
        folders = [prefix]
        while folders:
            here = folders.pop()
            for name, entry in self._listed(here):
                key = here + name
                if "/" in name or not is_key(key):
                    continue
                if not entry.is_folder:
                    yield key, entry.size_bytes
                elif key.count("/") < _MAX_DEPTH and len(key) < MAX_KEY_LENGTH:
                    folders.append(key + "/")

    def delete(self, key: str) -> None:
        with self._send("DELETE", key, f"delete {key} on") as reply:
            if reply.status not in (200, 202, 204, 404, 410):
                raise self._refusal(reply, f"delete {key}")

    # -- inside

    def _send(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        headers: dict[str, str] | None = None,
        source: bytes | Path | None = None,
    ) -> Reply:
        return self._session.send(
            method,
            f"{self._base}/{path}{self._query}",
            doing=f"{doing} {self._base}",
            headers=headers,
            source=source,
        )

    def _upload(self, temp: str, folder: str, source: bytes | Path, doing: str) -> None:
        """Send it; if its folder seems to be missing, make that and send it again."""
        was_known = folder in self._made
        with self._send("PUT", temp, doing, source=source) as reply:
            is_lost = reply.status in (_GONE if was_known else _NO_FOLDER)
            if not is_lost and reply.status not in _DONE:
                raise reply.refusal()
        if is_lost:
            if was_known:
                self._made.discard(folder)
            self._make_folder(folder)
            with self._send("PUT", temp, doing, source=source) as reply:
                if reply.status not in _DONE:
                    raise reply.refusal()

    def _publish(self, temp: str, key: str, *, overwrite: bool) -> bool:
        """Give what was sent its name; False if that is taken."""
        with self._move(temp, key, overwrite, by_path=self._names_by_path) as reply:
            status = reply.status
            if status in _DONE:
                return True
            if status == 412 and not overwrite:
                return False
            error = self._refusal(reply, f"write {key}")
        if status not in (400, 502) or self._names_by_path:
            raise error
        # A server behind another that ends TLS may not know its own address: then only the path is right.
        with self._move(temp, key, overwrite, by_path=True) as reply:
            if reply.status in _DONE:
                self._names_by_path = True
                return True
            if reply.status == 412 and not overwrite:
                return False
        raise error

    def _move(self, temp: str, key: str, overwrite: bool, *, by_path: bool) -> Reply:
        base = urlsplit(self._base).path if by_path else self._base
        headers = {"Destination": f"{base}/{key}", "Overwrite": "T" if overwrite else "F"}
        return self._send("MOVE", temp, f"write {key} on", headers=headers)

    def _discard(self, temp: str) -> None:
        with contextlib.suppress(MlvcError):
            self._send("DELETE", temp, "clean up").close()

    def _make_folder(self, folder: str) -> None:
        """Make a folder of the remote, and those it is in; nothing above the remote. Raises RemoteError."""
        with self._lock:
            if folder not in self._made:
                self._make(folder)
                self._made.add(folder)

    def _make(self, folder: str) -> None:
        status, error = self._mkcol(folder)
        if status in _GONE:
            if not folder:
                raise RemoteRefused(
                    f"cannot write to {self._base}",
                    why="the folder that it should stand in is not there",
                    hint="create that folder, or mend the address",
                )
            self._make(folder.rpartition("/")[0])
            status, error = self._mkcol(folder)
        if status not in (200, 201, 405):  # 405: it is there
            raise error

    def _mkcol(self, folder: str) -> tuple[int, MlvcError]:
        path = f"{folder}/" * bool(folder)
        with self._send("MKCOL", path, f"make the folder {folder or '.'} on") as reply:
            return reply.status, self._refusal(reply, f"make the folder {folder or '.'}")

    def _listed(self, folder: str) -> list[tuple[str, Entry]]:
        """Return what stands in one folder, by name; nothing if there is no such folder."""
        doing = f"list {folder or '.'} on"
        headers = {"Depth": "1", "Content-Type": 'application/xml; charset="utf-8"'}
        question = multistatus.QUESTION
        with self._send("PROPFIND", folder, doing, headers=headers, source=question) as reply:
            if reply.status in (404, 410):
                return []
            if reply.status != 207:
                raise self._refusal(reply, f"list {folder or '.'}")
            try:
                found = list(multistatus.entries(reply.blocks()))
            except FormatError as exc:
                raise RemoteUnavailable(f"cannot {doing} {self._base}", why=str(exc)) from exc
        return self._names(folder, found)

    def _names(self, folder: str, found: list[Entry]) -> list[tuple[str, Entry]]:
        """Return the names in `folder` of what was told of it.

        A server behind another may know itself by another path: what counts is where it says the folder stands.
        """
        asked = multistatus.path_of(f"{self._base}/{folder}")
        folders = {entry.path for entry in found if entry.is_folder}
        top = asked if asked in folders else min(folders, key=len, default=())
        rest = [entry for entry in found if entry.path != top]
        is_it = top in folders and (not folder or top[-1:] == asked[-1:])
        if not is_it or any(entry.path[:-1] != top for entry in rest):
            raise RemoteRefused(
                f"cannot list {folder or '.'} on {self._base}",
                why="the server tells of another folder than it was asked for",
            )
        return [(entry.path[-1], entry) for entry in rest if entry.is_there]

    def _refusal(self, reply: Reply, doing: str) -> MlvcError:
        if reply.status in (207, 412) or reply.status < 300:
            return RemoteRefused(
                f"cannot {doing} on {self._base}", why=f"the server answered {reply.status}"
            )
        return reply.refusal()

"""What can be done to a folder on a WebDAV server: RFC 4918, as servers really keep it.

Nothing is written under its own name: some servers show half of an upload as a whole object. So bytes go to a
temporary name, and a MOVE publishes them. Temporary names stand at the top of the remote, which is certainly there,
so that nothing large is sent for nothing; and begin with an underscore: many servers forbid a leading dot.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from git_mlvc.backend.base import Capability
from git_mlvc.backend.web import multistatus
from git_mlvc.backend.web.dav_listing import Listings
from git_mlvc.backend.web.reply import Reply
from git_mlvc.backend.web.session import Session
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

# Not PUT_IF_ABSENT: servers look, and then move.
ALL = frozenset({Capability.WRITE, Capability.LIST, Capability.DELETE})
NOTHING: frozenset[Capability] = frozenset()
_DONE = {200, 201, 204}
_NO_FOLDER = {403, 404, 409, 500}  # what servers answer where a folder is missing
_NO_FOLDER_FOR_CERTAIN = {404, 409}
_NOT_ITS_NAME = {400, 502}


class Dav:
    """The folder at `base`; `query` goes along with each request."""

    def __init__(self, session: Session, base: str, query: str) -> None:
        self._session = session
        self._base = base
        self._query = query
        self._made: set[str] = set()  # folders that are there
        self._new: set[str] = set()  # of these, the ones that were empty a moment ago
        self._lock = threading.Lock()
        self._names_by_path = False
        self._listings = Listings(self._propfind, base, self._is_shallow)

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

    @property
    def lists_all_at_once(self) -> bool:
        return self._listings.is_deep

    def put(self, key: str, source: bytes | Path, *, overwrite: bool) -> bool:
        """Return False if there is something already, and `overwrite` is not set."""
        temp = f"_{secrets.token_hex(16)}"
        try:
            self._upload(temp, key, source)
            is_published = self._publish(temp, key, overwrite=overwrite)
        except MlvcError:
            self._discard(temp)
            raise
        if not is_published:
            self._discard(temp)
        return is_published

    def walk(self, prefix: str) -> Iterator[tuple[str, int | None]]:
        """Yield keys below a folder with their sizes, None where the server does not say."""
        return self._listings.walk(prefix)

    def folders(self, prefix: str) -> frozenset[str]:
        """Return the folders right in a folder, each ending in "/"."""
        return self._listings.folders(prefix)

    def delete(self, key: str) -> None:
        with self._send("DELETE", key, f"delete {key} on") as reply:
            if reply.status not in (*_DONE, 202, 404, 410):
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

    def _upload(self, temp: str, key: str, source: bytes | Path) -> None:
        """Send the bytes; if the remote's own folder is missing, make that and send them again."""
        for is_first in (True, False):
            with self._send("PUT", temp, f"write {key} on", source=source) as reply:
                if reply.status in _DONE:
                    return
                error = self._refusal(reply, f"write {key}")
            if not is_first or reply.status not in _NO_FOLDER or not self._make_folder("", reply):
                raise error

    def _publish(self, temp: str, key: str, *, overwrite: bool) -> bool:
        """Give what was sent its name; False if that is taken."""
        folder = key.rpartition("/")[0]
        with self._lock:
            self._make_below_new(folder)
        by_path = self._names_by_path
        has_tried_folder = False
        while True:
            with self._move(temp, key, overwrite, by_path=by_path) as reply:
                if reply.status in _DONE:
                    self._made.add(folder)
                    self._names_by_path = by_path
                    return True
                if reply.status == 412 and not overwrite:
                    return False
                error = self._refusal(reply, f"write {key}")
            if reply.status in _NOT_ITS_NAME and not by_path:
                # A server behind another that ends TLS may not know its own address: then only the path is right.
                by_path = True
            elif folder and reply.status in _NO_FOLDER and not has_tried_folder:
                has_tried_folder = True
                if not self._make_folder(folder, reply):
                    raise error
            else:
                raise error

    def _move(self, temp: str, key: str, overwrite: bool, *, by_path: bool) -> Reply:
        base = urlsplit(self._base).path if by_path else self._base
        headers = {"Destination": f"{base}/{key}", "Overwrite": "T" if overwrite else "F"}
        return self._send("MOVE", temp, f"write {key} on", headers=headers)

    def _discard(self, temp: str) -> None:
        with contextlib.suppress(MlvcError):
            self._send("DELETE", temp, "clean up").close()

    def _make_folder(self, folder: str, reply: Reply) -> bool:
        """Make a folder of the remote, and those it is in, after an answer that may mean that it is missing.

        False if it is known to be there, so that the answer meant something else. Raises RemoteError.
        """
        with self._lock:
            if folder in self._made and reply.status not in _NO_FOLDER_FOR_CERTAIN:
                return False
            self._make(folder)
            return True

    def _make_below_new(self, folder: str) -> None:
        """Make a folder that is certainly missing, for we have just made the one it is in; else do nothing.

        So no MOVE has to fail first. What goes wrong the MOVE will tell.
        """
        if folder and folder not in self._made:
            parent = folder.rpartition("/")[0]
            self._make_below_new(parent)
            if parent in self._new:
                with contextlib.suppress(RemoteRefused):
                    self._make(folder)

    def _make(self, folder: str) -> None:
        """Nothing above the remote itself is made."""
        status, error = self._mkcol(folder)
        if status in _NO_FOLDER_FOR_CERTAIN:
            if not folder:
                raise RemoteRefused(
                    f"cannot write to {self._base}",
                    why="the folder that it should stand in is not there",
                    hint="create that folder, or mend the address",
                )
            self._make(folder.rpartition("/")[0])
            status, error = self._mkcol(folder)
        if status in _DONE:
            self._new.add(folder)
        elif status != 405:  # 405: it is there
            raise error
        self._made.add(folder)

    def _mkcol(self, folder: str) -> tuple[int, MlvcError]:
        path = f"{folder}/" * bool(folder)
        with self._send("MKCOL", path, f"make the folder {folder or '.'} on") as reply:
            return reply.status, self._refusal(reply, f"make the folder {folder or '.'}")

    def _propfind(self, folder: str, depth: str) -> Reply:
        headers = {"Depth": depth, "Content-Type": 'application/xml; charset="utf-8"'}
        doing = f"list {folder or '.'} on"
        question = multistatus.QUESTION
        return self._send("PROPFIND", folder, doing, headers=headers, source=question)

    def _is_shallow(self) -> bool:
        return self._session.software.startswith("nginx")  # its module never gives infinite depth

    def _refusal(self, reply: Reply, doing: str) -> MlvcError:
        what = f"cannot {doing} on {self._base}"
        if reply.status in (404, 410):
            return RemoteUnavailable(what, why="what was sent, or its place, has gone meanwhile")
        if reply.status in (207, 412) or reply.status < 300:
            return RemoteRefused(what, why=f"the server answered {reply.status}")
        return reply.refusal()

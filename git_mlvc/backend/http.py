"""`http://` and `https://`: a web server, read by anybody's means and written by WebDAV where it lets us.

Reading needs nothing of the server but GET and HEAD; any server that shows a remote's files will do. Whether it can be
written is asked (OPTIONS) when somebody first wants to know, unless the option `webdav` says it:
docs/adr/0016-capabilities-of-web-servers.md.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from requests.utils import requote_uri

from git_mlvc.backend.base import (
    Capability,
    Listed,
    Stat,
    Version,
    check_key,
    check_prefix,
    no_version,
    not_found,
    require,
    unwritable,
)
from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.backend.web import dav, urls
from git_mlvc.backend.web.reply import Reply
from git_mlvc.backend.web.session import Session
from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, RemoteUnavailable

MAX_GET_BYTES = 256 << 20  # of what is held in memory
WRITTEN_BYTES = 1 << 20  # at once, into the file that takes a body
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,19})-([0-9]{1,19})|\*)/([0-9]{1,19}|\*)\Z", re.I)
_GONE = (404, 410)
_PAGE_NAME = re.compile(
    r"(?:/|/[^./]*|\.(?:x?html?|php|aspx?|jsp))\Z", re.I
)  # that a page may have
_SAYS = {"true": dav.ALL, "false": dav.NOTHING}
_T = TypeVar("_T")


def open_url(url: str, opening: Opening) -> HttpBackend:
    """Return the driver for the folder at `url`. Raises ConfigError."""
    return HttpBackend(url, opening)


class HttpBackend:
    """`url` is the folder that holds the remote; a query (a signature, say) goes along with every request."""

    def __init__(self, url: str, opening: Opening) -> None:
        session = Session(opening, home=url)
        bare, question, query = requote_uri(urls.without_login(url)).partition("?")
        self.url = bare.rstrip("/")
        self._query = question + query
        self._session = session
        self._dav = dav.Dav(session, self.url, self._query)
        self._able = _declared(opening.options.get("webdav"))
        self._asking = threading.Lock()
        self._has_ranges = True

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Raises RemoteUnavailable while that cannot be told."""
        return self._beside_reading() | self._learned

    @property
    def known_capabilities(self) -> frozenset[Capability] | None:
        return None if self._able is None else self._able | self._learned

    def can(self, capability: Capability) -> bool:
        if capability in (Capability.RANGES, Capability.FLAT_LIST):
            return capability in self._learned
        return capability in self._beside_reading()

    # -- reading

    def get(self, key: str) -> bytes:
        with self._ask("GET", check_key(key), "read") as reply:
            self._check_found(reply, key)
            found = bytearray()
            for block in _data(reply):
                found += block
                if len(found) > MAX_GET_BYTES:
                    raise self._too_much(key)
            return bytes(found)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if length == 0:
            if self.stat(key) is None:
                raise not_found(self.url, key)
            return b""
        asked = f"bytes={start}-{start + length - 1}"
        with self._ask("GET", check_key(key), "read", {"Range": asked}) as reply:
            if reply.status == 416:
                self._check_end(reply, key, start)
                return b""
            self._check_found(reply, key)
            if reply.status == 206:
                return self._part(reply, key, start, length)
            if start or reply.headers.get("accept-ranges", "").lower() != "bytes":
                self._has_ranges = False
            return _cut_out(_data(reply), start, length)

    def get_file(self, key: str, target: int) -> None:
        with self._ask("GET", check_key(key), "read") as reply:
            self._check_found(reply, key)
            at = 0
            _keep(key, partial(os.ftruncate, target, 0))
            for block in _data(reply, WRITTEN_BYTES):
                rest = block
                while rest:
                    written = _keep(key, partial(os.pwrite, target, rest, at))
                    rest, at = rest[written:], at + written

    def stat(self, key: str) -> Stat | None:
        with self._ask("HEAD", check_key(key), "look for") as reply:
            if reply.status in _GONE or _is_folder(reply):
                return None
            size_bytes = reply.size_bytes
            is_doubtful = reply.is_page or size_bytes is None or reply.is_compressed
            if reply.status == 200 and not is_doubtful and size_bytes is not None:
                return Stat(size_bytes)
            if reply.status not in (200, 405, 501):
                raise reply.refusal()
        return self._stat_by_reading(key)

    def version(self, name: str) -> Version | None:
        """By ETag, else by date and size. Raises RemoteRefused where the server tells neither."""
        with self._ask("HEAD", name, "look for") as reply:
            if reply.status in _GONE:
                return None
            if reply.status == 200:
                found = version_told(reply, reply.size_bytes)
                if found is not None:
                    return found
        with self._ask("GET", name, "look for", {"Range": "bytes=0-0"}) as reply:
            if reply.status in _GONE:
                return None
            if reply.status not in (200, 206, 416):
                raise reply.refusal()
            whole = reply.size_bytes if reply.status == 200 else _told_range(reply)[2]
            found = version_told(reply, whole)
        if found is None:
            raise no_version(self.url, name, "its server tells neither an ETag nor date and size")
        return found

    # -- what WebDAV adds

    def put(self, key: str, source: bytes | Path) -> None:
        check_key(key)
        require(self, Capability.WRITE, f"write {key}")
        self._dav.put(key, source, overwrite=True)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        check_key(key)
        require(self, Capability.WRITE, f"write {key}")
        # What stands at the top is mostly there already: looking costs less than an upload that is cleared away.
        if "/" not in key and self.stat(key) is not None:
            return False
        return self._dav.put(key, source, overwrite=False)

    def list(self, prefix: str) -> Iterator[Listed]:
        check_prefix(prefix)
        require(self, Capability.LIST, "list what there is")
        for key, size_bytes in self._dav.walk(prefix):
            if size_bytes is None:
                found = self.stat(key)
                if found is None:
                    continue  # deleted while we looked
                size_bytes = found.size_bytes
            yield Listed(key, size_bytes)

    def folders(self, prefix: str) -> frozenset[str] | None:
        check_prefix(prefix)
        return self._dav.folders(prefix) if self.can(Capability.LIST) else None

    def delete(self, key: str) -> None:
        check_key(key)
        require(self, Capability.DELETE, f"delete {key}")
        self._dav.delete(key)

    def close(self) -> None:
        self._session.close()

    # -- inside

    def _beside_reading(self) -> frozenset[Capability]:
        with self._asking:
            if self._able is None:
                self._able = self._dav.offered()
            return self._able

    @property
    def _learned(self) -> frozenset[Capability]:
        """What answers have shown: ranges until one says otherwise, flat listings once there was one."""
        has = {
            Capability.RANGES: self._has_ranges,
            Capability.FLAT_LIST: self._dav.lists_all_at_once,
        }
        return frozenset(one for one, is_so in has.items() if is_so)

    def _ask(
        self, method: str, key: str, verb: str, headers: dict[str, str] | None = None
    ) -> Reply:
        fresh = {}
        if method == "HEAD" or "/" not in key:  # what may change; caches must not answer for it
            fresh = {"Cache-Control": "no-cache"}
        return self._session.send(
            method,
            f"{self.url}/{key}{self._query}",
            doing=f"{verb} {key} on {self.url}",
            headers=fresh | (headers or {}),
        )

    def _check_found(self, reply: Reply, key: str) -> None:
        if reply.status in _GONE or _is_folder(reply):
            raise not_found(self.url, key)
        if reply.status not in (200, 206):
            raise reply.refusal()

    def _part(self, reply: Reply, key: str, start: int, length: int) -> bytes:
        """Return the body of an answer to a ranged read, if it is what was asked for."""
        first, last, size_bytes = _told_range(reply)
        wanted = start + length - 1
        if size_bytes is not None:
            wanted = min(wanted, size_bytes - 1)
        if (first, last) != (start, wanted):
            raise RemoteUnavailable(
                f"cannot read {key} on {self.url}",
                why=f"of bytes {start} to {wanted} it sent {reply.headers.get('content-range')!s:.80}",
            )
        return reply.read(length, expected=last - start + 1)

    def _check_end(self, reply: Reply, key: str, start: int) -> None:
        """Raise unless the object certainly ends before `start`."""
        size_bytes = _told_range(reply)[2]
        if size_bytes is None:
            found = self.stat(key)
            if found is None:
                raise not_found(self.url, key)
            size_bytes = found.size_bytes
        if size_bytes > start:
            raise RemoteUnavailable(
                f"cannot read {key} on {self.url}",
                why=f"it says that {size_bytes} bytes end before {start}",
            )

    def _stat_by_reading(self, key: str) -> Stat | None:
        """Where HEAD does not tell: by the answer to a read of the first byte."""
        with self._ask("GET", key, "look for", {"Range": "bytes=0-0"}) as reply:
            if reply.status in _GONE or _is_folder(reply):
                return None
            size_bytes = _told_range(reply)[2] if reply.status in (206, 416) else None
            if size_bytes is not None:
                return Stat(size_bytes)
            if reply.status != 200:
                raise reply.refusal()
            return Stat(sum(map(len, _data(reply))))

    def _too_much(self, key: str) -> MlvcError:
        return RemoteRefused(
            f"cannot read {key} on {self.url}",
            why=f"it is larger than {MAX_GET_BYTES >> 20} MiB",
        )


def _declared(text: str | None) -> frozenset[Capability] | None:
    if text is None:
        return None
    if text.lower() not in _SAYS:
        raise ConfigError(
            f"the option webdav is true or false, not {text!r}",
            hint="leave it out to have the server asked",
        )
    return _SAYS[text.lower()]


def version_told(reply: Reply, size_bytes: int | None) -> Version | None:
    """Return what an answer says of the version; a compressed one speaks of other bytes.

    A weak ETag may stay when the bytes change, so the date counts beside it. Raises RemoteRefused for a web
    page in the place of what is no page: somebody between us and the server asks for a login.
    """
    if reply.is_page and not _PAGE_NAME.search(urlsplit(reply.url).path):
        raise reply.page_error()
    if reply.is_compressed:
        size_bytes = None
    etag = reply.headers.get("etag", "").strip()
    date = reply.headers.get("last-modified", "").strip()
    if len(etag) > 2 and etag.startswith('"'):
        return Version(f"etag {etag}", size_bytes)
    if len(etag) > 4 and etag.startswith('W/"'):
        return Version(f"etag {etag}" + (f", modified {date}" if date else ""), size_bytes)
    if date and size_bytes is not None:
        return Version(f"modified {date}, {size_bytes} bytes", size_bytes)
    return None


def _is_folder(reply: Reply) -> bool:
    """True if we were sent on to what ends in a slash: no object of ours does."""
    return urlsplit(reply.url).path.endswith("/")


def _told_range(reply: Reply) -> tuple[int, int, int | None]:
    """Return first and last byte and the size of the whole as a server tells; -1 and None for what it does not."""
    found = _CONTENT_RANGE.match(reply.headers.get("content-range", "").strip())
    if found is None:
        return -1, -1, None
    size_bytes = None if found[3] == "*" else int(found[3])
    return (-1, -1, size_bytes) if found[1] is None else (int(found[1]), int(found[2]), size_bytes)


def _data(reply: Reply, most: int = METERED_BYTES) -> Iterator[memoryview]:
    """Yield the body unless it is a web page: a login form, or a "not found" that says 200.

    Each block is good until the next is asked for.
    """
    is_suspect = reply.is_page
    for block in reply.windows(most=most):
        if is_suspect and bytes(block).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise reply.page_error()
        is_suspect = False
        yield block


def _cut_out(blocks: Iterator[memoryview], start: int, length: int) -> bytes:
    """Return `length` bytes from `start` of a whole body, reading no further."""
    found = bytearray()
    at = 0
    for block in blocks:
        if at + len(block) > start:
            found += block[max(0, start - at) :]
        at += len(block)
        if len(found) >= length:
            break
    return bytes(found[:length])


def _keep(key: str, write: Callable[[], _T]) -> _T:
    """Have our own disk take something; what it refuses is not the remote's fault."""
    try:
        return write()
    except OSError as exc:
        raise unwritable(key, exc) from exc

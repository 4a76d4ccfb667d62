"""Requests to web servers, from any thread: one pool of connections, logins, redirections, time-outs.

    session = Session(opening, home=url)
    with session.send("GET", url, doing="read index", headers={"Range": "bytes=0-99"}) as reply:
        if reply.status != 206: raise reply.refusal()
        for block in reply.blocks(): ...

Nothing is tried twice here but what a login or a redirection makes necessary; `wrap/retry.py` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from git_mlvc import __version__
from git_mlvc.backend.opening import Opening
from git_mlvc.backend.web import meaning, network, urls
from git_mlvc.backend.web.body import Body, FilePart
from git_mlvc.backend.web.logins import Logins
from git_mlvc.backend.web.reply import Reply
from git_mlvc.errors import ConfigError, RemoteRefused

MOST_REDIRECTIONS = 10
_SERVERS, _CONNECTIONS = 8, 64  # kept open; to each server
_LOGINS_TRIED = 4
_READING = {"GET", "HEAD", "OPTIONS", "PROPFIND"}
_HARMLESS = {"range", "accept", "depth", "content-type"}  # headers that go along to another server
_REDIRECTIONS = {301, 302, 303, 307, 308}
_ACCEPTED = {404, 405, 409, 410, 412, 416}  # beside what is below 400: the login was taken


class Session:
    """Of one remote, whose address is `home` (with a user and password, if it was given these)."""

    def __init__(self, opening: Opening, *, home: str) -> None:
        self.opening = opening
        self.logins = Logins(opening, home)
        self._timeouts = (opening.connect_timeout_s, opening.idle_timeout_s)
        self._adapter = _Adapter(opening.idle_timeout_s)
        self.software = ""  # what the remote's own server last said that it is

    def send(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        headers: Mapping[str, str] | None = None,
        source: bytes | Path | None = None,
        is_ours: bool = True,
    ) -> Reply:
        """Return the answer, whatever its status; close it.

        `doing` is for messages: what we cannot do if this fails. `source`: what is sent, as often as it takes; its
        bytes pass the opening's meter. `is_ours`: False for an address that a server handed out, which gets
        the given headers only and no login. A 401 is returned when there is no (other) login to be had. A redirection
        of what reads is followed, without a login if it leads to somebody else; of what writes it is returned.
        Raises RemoteUnavailable, RemoteRefused, ConfigError; InputError, StoreError for `source`.
        """
        url = urls.without_login(url)
        sent = CaseInsensitiveDict(headers or {})
        body = None if source is None else Body(source, self.opening.meter)
        for _ in range(MOST_REDIRECTIONS + 1):
            reply = self._with_login(method, url, sent, body, doing, is_ours)
            there = reply.headers.get("location")
            if reply.status not in _REDIRECTIONS or method not in _READING or not there:
                return reply
            reply.close()
            url, before = _target(url, there, doing), url
            if not _is_same(before, url):
                is_ours = False
                sent = CaseInsensitiveDict(
                    {n: v for n, v in sent.items() if n.lower() in _HARMLESS}
                )
        raise RemoteRefused(
            f"cannot {doing}", why=f"{urls.origin_of(url).url} sends us round in circles"
        )

    def close(self) -> None:
        self._adapter.close()

    # -- inside

    def _with_login(
        self,
        method: str,
        url: str,
        headers: CaseInsensitiveDict[str],
        body: Body | None,
        doing: str,
        is_ours: bool,
    ) -> Reply:
        """Send it, and again with another login as long as there is one and the answer is 401."""
        once = partial(self._once, method, url, body=body, doing=doing)
        if not is_ours:
            return once(headers)
        headers = CaseInsensitiveDict({**self.logins.headers(url), **headers})
        if "authorization" in headers:
            return self._noted(once(headers))
        given = self.logins.current(url)
        for _ in range(_LOGINS_TRIED):
            if given is not None:
                headers["Authorization"] = given.authorization
            reply = once(headers)
            if reply.status != 401:
                break
            try:
                another = self.logins.another(url, given, reply.headers)
            except BaseException:
                reply.close()
                raise
            if another is None:
                return reply
            reply.close()
            given = another
        if given is not None and (reply.status < 400 or reply.status in _ACCEPTED):
            self.logins.accept(url, given)
        return self._noted(reply)

    def _noted(self, reply: Reply) -> Reply:
        self.software = reply.headers.get("server", "")
        return reply

    def _once(
        self,
        method: str,
        url: str,
        headers: CaseInsensitiveDict[str],
        *,
        body: Body | None,
        doing: str,
    ) -> Reply:
        usual = CaseInsensitiveDict(
            {
                "User-Agent": f"git-mlvc/{__version__}",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
            }
        )
        if body is not None:
            usual["Content-Type"] = "application/octet-stream"
        usual.update(headers)
        proxy = network.proxy_for(url, self.opening)
        try:
            request = requests.Request(method, url, headers=usual).prepare()
            if body is not None:
                # Not as the library's `data`: that sends an empty iterable in chunks.
                request.headers["Content-Length"] = str(len(body))
                request.body = body if len(body) else None  # type: ignore[assignment]
            response = self._adapter.send(
                request,
                stream=True,
                timeout=self._timeouts,
                proxies={"http": proxy, "https": proxy} if proxy else {},
                verify=network.authorities_for(url, self.opening),
                cert=network.certificate_for(url, self.opening),
            )
        except (*meaning.LOST, ValueError) as exc:
            raise meaning.failure(exc, doing=doing, url=url) from exc
        return Reply(response, doing=doing, url=url, meter=self.opening.meter)


def _target(url: str, there: str, doing: str) -> str:
    """Return where a redirection leads. Raises RemoteRefused for what must not be followed."""
    here = urls.origin_of(url)
    try:
        target = urls.without_login(urljoin(url, there).partition("#")[0])
    except (ConfigError, ValueError) as exc:
        raise RemoteRefused(
            f"cannot {doing}",
            why=f"{here.url} sends us to {urls.shown(there)[:200]}, which is no web server",
        ) from exc
    if here.scheme == "https" and urls.origin_of(target).scheme == "http":
        raise RemoteRefused(
            f"cannot {doing}",
            why=f"{here.url} sends us to {urls.shown(target)}, which is not encrypted",
        )
    return target


def _is_same(url: str, target: str) -> bool:
    here, there = urls.origin_of(url), urls.origin_of(target)
    return here == there or urls.is_upgrade(here, there)


class _Adapter(HTTPAdapter):
    """The library's transport, with the idle time-out in force while a body is sent as well."""

    def __init__(self, idle_timeout_s: float) -> None:
        self._classes = _pool_classes(idle_timeout_s)
        super().__init__(pool_connections=_SERVERS, pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.startswith("socks"):
            manager.pool_classes_by_scheme = self._classes
        return manager

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        server, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if verify is True and server["scheme"] == "https":
            tls["ssl_context"] = network.usual_authorities()
        elif verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        return server, tls


def _send_blocks(send: Callable[[Any], None], data: Any) -> None:
    for block in data.blocks() if isinstance(data, FilePart) else (data,):
        send(block)


def _pool_classes(idle_timeout_s: float) -> dict[str, Any]:
    class Plain(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(idle_timeout_s)

        def send(self, data: Any) -> None:
            if isinstance(data, FilePart):
                data.send_to(self.sock)
            else:
                _send_blocks(super().send, data)

    class Secure(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(idle_timeout_s)

        def send(self, data: Any) -> None:
            _send_blocks(super().send, data)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}

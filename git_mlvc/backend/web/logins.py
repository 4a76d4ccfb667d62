"""Who we are to web servers: what an address, an option, git's settings, ~/.netrc and git's helpers say.

What is given for an origin (scheme, host, port) is sent to that origin and to no other.
"""

from __future__ import annotations

import netrc
import os
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from git_mlvc.backend.opening import Opening
from git_mlvc.backend.web import meaning, urls
from git_mlvc.backend.web.urls import Origin
from git_mlvc.errors import ConfigError
from git_mlvc.login import Login


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """One way to be let in: the header that says it, and the login it came from if that may be kept."""

    authorization: str = field(repr=False)
    login: Login | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Account:
    """What is known of our login at one origin."""

    user: str | None = None
    current: Given | None = None
    has_asked_netrc: bool = False
    has_asked_helpers: bool = False
    accepted: Given | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Logins:
    """Of one remote, whose address is `home`; for all threads.

    The address's own password and the option `token` are sent from the start, everything else only to a server
    that has asked for it, and a person is asked at most once.
    """

    def __init__(self, opening: Opening, home: str) -> None:
        self._opening = opening
        self._accounts: dict[Origin, _Account] = {}
        self._lock = threading.Lock()
        self._home = (urls.origin_of(home), urls.shown(home))
        user, password = urls.login_in(home)
        account = self._account(urls.origin_of(home))
        account.user = opening.options.get("user", user)
        token = opening.options.get("token")
        if token is not None:
            account.current = Given(f"Bearer {token}")
        elif password is not None:
            account.current = Given(_basic(account.user or "", password))

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers that git's settings (`http.<url>.extraHeader`) give requests to `url`."""
        line = self._opening.web_settings(url).get("extraheader", "")
        if not line:
            return {}
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ConfigError(
                f"git config http.extraHeader for {urls.shown(url)} is not a header",
                hint="it is written 'NAME: VALUE'",
            )
        return {name.strip(): value.strip()}

    def current(self, url: str) -> Given | None:
        return self._account(urls.origin_of(url)).current

    def another(self, url: str, refused: Given | None, headers: Mapping[str, str]) -> Given | None:
        """Return what to try after a 401 (with these headers) to `refused`; None if there is nothing more."""
        account = self._account(urls.origin_of(url))
        with account.lock:
            if account.current is not refused:
                return account.current  # another thread has found it meanwhile
            if refused is not None and refused.login is not None:
                self._opening.credentials.reject(self._asked(url, account), refused.login)
            if refused is not None and account.accepted is refused:
                account.has_asked_helpers = False  # it has expired: there may be a new one
            account.current = self._next(url, account, meaning.schemes(headers))
            return account.current

    def accept(self, url: str, given: Given) -> None:
        """Have a login remembered that the server has taken."""
        account = self._account(urls.origin_of(url))
        with account.lock:
            if account.accepted is given:
                return
            account.accepted = given
            if given.login is not None:
                self._opening.credentials.approve(self._asked(url, account), given.login)

    def _next(self, url: str, account: _Account, offered: set[str]) -> Given | None:
        if offered and not offered & {"basic", "bearer"}:
            return None  # a password would be sent for nothing
        if not account.has_asked_netrc:
            account.has_asked_netrc = True
            found = self._in_netrc(url, account.user)
            if found is not None:
                return _given(found, offered, keep=False)
        if not account.has_asked_helpers:
            account.has_asked_helpers = True
            found = self._opening.credentials.fill(self._asked(url, account))
            if found is not None:
                return _given(found, offered, keep=True)
        return None

    def _in_netrc(self, url: str, user: str | None) -> Login | None:
        env = self._opening.environment
        home = env.get("HOME", "")
        path = env.get("NETRC") or (os.path.join(home, ".netrc") if home else "")
        if not path or not os.path.isfile(path):
            return None
        try:
            found = netrc.netrc(path).authenticators(urls.origin_of(url).host)
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"cannot read {path}", why=type(exc).__name__) from exc
        if found is None or (user is not None and found[0] != user):
            return None
        return Login(found[0] or "", found[2] or "")

    def _asked(self, url: str, account: _Account) -> str:
        """Return the address to ask helpers about: the remote's, with the user that is set, and no secret."""
        origin, home = self._home
        bare = home if urls.origin_of(url) == origin else urls.shown(url)
        if not account.user:
            return bare
        scheme, _, rest = bare.partition("://")
        return f"{scheme}://{quote(account.user, safe='')}@{rest}"

    def _account(self, origin: Origin) -> _Account:
        with self._lock:
            return self._accounts.setdefault(origin, _Account())


def _given(login: Login, offered: set[str], *, keep: bool) -> Given:
    if login.scheme:
        header = f"{login.scheme} {login.password}"
    elif offered and "basic" not in offered:
        header = f"Bearer {login.password}"  # tokens are kept where passwords are
    else:
        header = _basic(login.user, login.password)
    return Given(header, login if keep else None)


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")

"""Addresses of web servers: whom they lead to, what may be shown of them."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from git_mlvc.errors import ConfigError

_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Who answers. A login for one origin is never sent to another."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def split(url: str) -> SplitResult:
    """Return the parts of an address. Raises ConfigError for what is no address of a web server."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - looks whether it is a number
        is_one = parts.scheme in _PORTS and bool(parts.hostname)
    except ValueError:
        is_one = False
    if not is_one or parts.fragment or any(ord(char) <= 32 for char in url):
        raise ConfigError(
            f"not the address of a web server: {shown(url)}",
            why="a '#' has no meaning here" if is_one and parts.fragment else "",
            hint="it is written like https://data.example.org/models",
        )
    return parts


def origin_of(url: str) -> Origin:
    parts = split(url)
    host = (parts.hostname or "").lower().rstrip(".")
    return Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme])


def without_login(url: str) -> str:
    """Return the address without a user and password."""
    parts = split(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def login_in(url: str) -> tuple[str | None, str | None]:
    """Return the user and the password that stand in an address."""
    parts = split(url)
    user, password = parts.username, parts.password
    return (
        unquote(user) if user else None,
        unquote(password) if password is not None else None,
    )


def shown(url: str) -> str:
    """Return what may stand in a message: no user, no password, no query."""
    scheme, slashes, rest = url.partition("://")
    place, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    return f"{scheme}{slashes}{place.rpartition('@')[2]}{slash}{path}"


def is_upgrade(here: Origin, there: Origin) -> bool:
    """True if `there` is the same server as `here`, over TLS."""
    return (here.scheme, there.scheme) == ("http", "https") and (
        here.host == there.host and (here.port, there.port) == (80, 443)
    )

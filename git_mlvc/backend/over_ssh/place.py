"""Where an ssh remote is: what its address says. Touches nothing.

Two forms, as git has them: `ssh://[user@]host[:port]/path`, and `[user@]host:path` relative to the home there. In both `~`
is the home, and `~name` somebody's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from git_mlvc.backend.address import is_scp
from git_mlvc.errors import ConfigError

# The first colon ends the host, as git reads it: evil:x@lab:y is a path on evil.
_SHORT = re.compile(r"(?:([^@/:]*)@)?(\[[^\]/]+\]|[^:/@\[]+):(.*)\Z", re.S)
_NAME_AND_PORT = re.compile(r"\[([^:\]]+):([0-9]{1,5})\]\Z")
_SHELLS = re.compile(r"""[\s'"\\$`;&|<>(){}!*?#]""")
_EXAMPLES = "write ssh://user@host:port/path, or user@host:path relative to the home there"


@dataclass(frozen=True, slots=True)
class Place:
    """A directory on a host. `path`: absolute, relative to the home there, or beginning with `~`."""

    host: str
    path: bytes
    user: str = ""
    port: int | None = None

    @property
    def login(self) -> str:
        """What ssh is given to go there."""
        return f"{self.user}@{self.host}" if self.user else self.host


def parse(url: str) -> Place:
    """Raises ConfigError, naming no password."""
    place = _short(url) if is_scp(url) else _long(url)
    # A name like -oProxyCommand=… would be an option to ssh, and its value a command (CVE-2017-1000117).
    for what, text in (("host", place.host), ("user", place.user), ("path", _shown(place.path))):
        if text.startswith("-"):
            raise ConfigError(
                f"not the address of a remote: its {what} begins with a dash",
                why=f"'{text}' would be read as an option",
                hint=_EXAMPLES if what != "path" else f"write ./{text}",
            )
    # A ProxyCommand of the user's own may hand host and user to a shell (CVE-2023-51385).
    if not place.host or _SHELLS.search(place.host) or _SHELLS.search(place.user):
        raise ConfigError("not the address of a remote: it has no host", hint=_EXAMPLES)
    return place


def _short(url: str) -> Place:
    found = _SHORT.match(url)
    if found is None:
        raise ConfigError(f"not an address for ssh: {url.rpartition('@')[2]}", hint=_EXAMPLES)
    user, host, path = found.groups()
    named = _NAME_AND_PORT.match(host)  # git takes [host:port]:path too
    name, port = (named[1], int(named[2])) if named else (host.strip("[]"), None)
    return Place(name, path.encode("utf-8", "surrogateescape") or b".", user or "", port)


def _long(url: str) -> Place:
    if any(char in url.partition("://")[2].partition("/")[0] for char in "?#"):
        raise ConfigError("not an address for ssh: its host has strange characters", hint=_EXAMPLES)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise ConfigError("not an address for ssh", why=str(exc), hint=_EXAMPLES) from exc
    user = unquote_to_bytes(parts.username or "").decode("utf-8", "surrogateescape")
    if parts.password is not None:
        raise ConfigError(
            f"the address of {host} holds a password",
            why="ssh takes none from its command line",
            hint="use a key: ssh-keygen, then ssh-copy-id",
        )
    # urlsplit gives the name in lower case; a name of ~/.ssh/config is told apart by it.
    named = re.search(re.escape(host), parts.netloc.rpartition("@")[2], re.I)
    _, has_path, written = url.partition("://")[2].partition("/")
    if host and not has_path:  # else a push would write into the top of that host's disk
        raise ConfigError(
            f"the address of {host} has no path",
            hint=f"write ssh://{host}/PATH, or ssh://{host}/ where a key starts in one directory",
        )
    path = unquote_to_bytes(written)
    if b"\0" in path or b"\n" in path:
        raise ConfigError("not an address for ssh: its path has control characters")
    path = path if path.startswith(b"~") else b"/" + path
    return Place(named[0] if named else host, path, user, port)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")

"""What the text of an address says: its scheme, which server or directory it leads to. Touches nothing."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from git_mlvc.errors import ConfigError

# A colon before any slash makes it a URL, or ssh's host:path; but c:\data is a path.
_SCHEME = re.compile(r"([^/:]{2,}):")
_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SAME_AS = {
    "sftp": "ssh",
    "ssh+git": "ssh",
    "git+ssh": "ssh",
    "lfs+https": "https",
    "lfs+http": "http",
}
LFS = "lfs"  # alone: the git-lfs server of the git remote


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers: how it is spoken to (http, https, ssh, git), its name in lower case, its port."""

    transport: str
    host: str
    port: int

    @property
    def is_link_local(self) -> bool:
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_link_local
        except ValueError:
            return False


def scheme_of(url: str) -> str | None:
    """Return the scheme in lower case; None for a path. ssh's `host:path` has the scheme "ssh"."""
    if url == LFS:
        return LFS
    found = _SCHEME.match(url)
    if found is None:
        return None
    rest = url[found.end() :]
    name = found[1].lower()
    if "@" in name or not (rest.startswith(("//", ":")) or name in WORDS):
        return "ssh"
    return name


# Schemes that are written without slashes; everything else before a single colon is a host.
WORDS = frozenset({"file", "memory", "rclone", "exec", LFS})


def is_scp(url: str) -> bool:
    """True for ssh's short form `[user@]host:path`."""
    return scheme_of(url) == "ssh" and not url.lower().startswith("ssh:")


def server_of(url: str) -> Server | None:
    """Return which server an address names, ours or git's; None if it names none (a path, s3://bucket)."""
    scheme = scheme_of(url)
    if scheme is None:
        return None
    if is_scp(url):
        host = url.partition(":")[0].rpartition("@")[2]
        return Server("ssh", host.lower(), _PORTS["ssh"]) if host else None
    transport = _SAME_AS.get(scheme, scheme)
    if transport not in _PORTS:
        return None
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    return Server(transport, name.lower(), port or _PORTS[transport]) if name else None


def is_on_server(url: str, git_url: str) -> bool:
    """True if data under `url` would be asked of the very server that the git remote `git_url` is on.

    Not over a weaker transport than git's own, and not another service on a port of its own.
    """
    data, code = server_of(url), server_of(git_url)
    if data is None or code is None or data.host != code.host or data.is_link_local:
        return False
    if data.transport == code.transport:
        return data.port == code.port
    if data.transport == "http":
        return False
    return data.port == _PORTS[data.transport]


def local_path(url: str) -> Path | None:
    """Return the directory that `url` names, None if it is no directory.

    Raises ConfigError.
    """
    scheme = scheme_of(url)
    if scheme is None:
        return Path(url).absolute()
    if scheme != "file":
        return None
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ConfigError(
            f"not the address of a directory: {url}", hint="it has three slashes: file:///srv/data"
        )
    return Path(unquote(parts.path, errors="surrogateescape"))

"""What the text of an address says: its scheme, which server or directory it leads to. Touches nothing."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from git_mlvc.errors import ConfigError

# Only what every reader of URLs takes apart in the same way: no backslash, no percent sign, no letters beyond
# ASCII in the host, nothing that could be an option of ssh.
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*"
_USER = r"[A-Za-z0-9._~!$&'()*+,;=%-]"
_PLAIN_URL = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*://(?:(?!-)(?:{_USER}|:)*@)?({_HOST})(?::([0-9]{{0,5}}))?(?:[/?#].*)?\Z",
    re.DOTALL,
)
_SCP = re.compile(
    rf"(?:(?!-){_USER}+@)?(?:\[({_HOST})(?::([0-9]{{1,5}}))?\]|(\[[0-9A-Fa-f:.]+\])|([A-Za-z0-9_][A-Za-z0-9._-]*)):"
)
# A colon before any slash makes it a URL, or ssh's host:path; but c:\data is a path.
_SCHEME = re.compile(r"([^/:]{2,}):")
_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_GUARDED = frozenset({"https", "ssh"})  # nobody in between can pass for the server
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
        """True for addresses such as 169.254.169.254, where clouds hand out credentials."""
        found = _ip_address(self.host)
        return found is not None and found.is_link_local


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
WORDS = frozenset({"file", "rclone", "exec", LFS})


def is_scp(url: str) -> bool:
    """True for ssh's short form `[user@]host:path`."""
    return scheme_of(url) == "ssh" and not url.lower().startswith("ssh:")


def server_of(url: str) -> Server | None:
    """Return which server an address names, ours or git's.

    None if it names none (a path, s3://bucket), or not in a way that everybody reads alike.
    """
    scheme = scheme_of(url)
    if scheme is None:
        return None
    if is_scp(url):
        found = _SCP.match(url)
        if found is None:
            return None
        host = found[1] or found[3] or found[4]
        return _server("ssh", host, found[2])
    transport = _SAME_AS.get(scheme, scheme)
    found = _PLAIN_URL.match(url)
    if transport not in _PORTS or found is None:
        return None
    return _server(transport, found[1], found[2])


def _server(transport: str, host: str, port: str | None) -> Server | None:
    number = int(port) if port else _PORTS[transport]
    if not 0 < number < 1 << 16:
        return None
    name = host.strip("[]").lower()
    ip = _ip_address(name)
    if ip is None and host.startswith("["):
        return None
    return Server(transport, name if ip is None else str(ip), number)


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host's name is, however it is written: 127.1, 0x7f000001, ::ffff:127.0.0.1."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        try:
            import socket

            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return None
    return getattr(found, "ipv4_mapped", None) or found


def is_on_server(url: str, git_url: str) -> bool:
    """True if data under `url` would be asked of the very server that the git remote `git_url` is on.

    Not over a weaker transport than git's own, and not another service on a port of its own. `host` and `host.`
    are two: which of them a network looks for among its own names, the address does not say.
    """
    data, code = server_of(url.removeprefix(f"{LFS}:")), server_of(git_url)
    if data is None or code is None or data.host != code.host or data.is_link_local:
        return False
    if data.transport == code.transport:
        return data.port == code.port
    if data.transport not in _GUARDED:
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
            f"not the address of a directory: {url}",
            why="it names another computer, or no whole path",
            hint="it has three slashes: file:///srv/data",
        )
    return Path(unquote(parts.path, errors="surrogateescape"))

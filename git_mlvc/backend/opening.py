"""What a driver is handed when it is opened: all that it may know of who asks.

Law 6: drivers look at no environment, run no git and read no home; whoever opens them hands in values and the
few verbs below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from git_mlvc.errors import ConfigError
from git_mlvc.fs.atomic import UMASK, Permissions
from git_mlvc.login import Login

CONNECT_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 60.0
METERED_BYTES = 256 << 10  # at most, between two words to the meter


class Credentials(Protocol):
    """Where logins come from and what is to be remembered of them; `url` names the server."""

    def fill(self, url: str) -> Login | None:
        """Return a login for the server, None if there is none. May ask a person."""
        ...

    def approve(self, url: str, login: Login) -> None:
        """It was accepted: whoever keeps logins may keep this one."""
        ...

    def reject(self, url: str, login: Login) -> None:
        """It was refused: whoever keeps logins should forget this one."""
        ...


class NoCredentials:
    """For drivers that are opened where nobody can be asked."""

    def fill(self, url: str) -> Login | None:
        return None

    def approve(self, url: str, login: Login) -> None:
        pass

    def reject(self, url: str, login: Login) -> None:
        pass


NO_CREDENTIALS = NoCredentials()


class RefStore(Protocol):
    """Small files in the tree of one ref of a git remote: a table that clients change one after the other."""

    def fetch(self) -> Mapping[str, bytes]:
        """Return the files as they stand there now, path -> bytes; none if there is no such ref.

        Raises RemoteUnavailable, RemoteRefused.
        """
        ...

    def publish(self, changes: Mapping[str, bytes | None], message: str) -> bool:
        """Change files on top of what this object has fetched or published last; None takes a file away.

        False: somebody else was faster and nothing was changed: fetch, and decide again. Raises
        RemoteUnavailable when the outcome is unknown, RemoteRefused when the remote does not allow it.
        """
        ...


class GitRemote(Protocol):
    """A git remote, for drivers that live beside one. Contacts nothing before it is asked."""

    def ref(self, name: str) -> RefStore: ...

    def lfs_server(self, operation: str) -> tuple[str, Mapping[str, str]]:
        """Return the address of its git-lfs server and the headers to send there, for one of "upload", "download".

        What an ssh server hands out grows old: ask again when it is refused. Raises RemoteUnavailable,
        RemoteRefused where there is no such server, ConfigError.
        """
        ...


def no_git(url: str) -> GitRemote:
    """For drivers that are opened outside any repository."""
    raise ConfigError(
        f"{url} cannot be used here", why="its driver needs a git repository around it"
    )


Meter = Callable[[int], None]
WebSettings = Callable[[str], Mapping[str, str]]


def no_web_settings(url: str) -> Mapping[str, str]:
    """What git's settings say where there is no git."""
    return {}


def unmetered(size_bytes: int) -> None:
    """The meter of those who neither count nor limit."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Everything a driver may use of its surroundings.

    `permissions`: for what a local driver makes, where the place itself does not say. `options`: those of the
    remote, by name in lower case with dashes; only names that its kind declares. `environment`: that of the
    process, for variables of the service itself (AWS_…, HTTPS_PROXY, SSL_CERT_FILE, HOME). `meter`: called with the
    number of bytes of a body that have just passed, either way, at least every METERED_BYTES where the driver
    sees them pass; it may wait (that is the rate limit). `idle_timeout_s`: so long may a connection be
    silent; there is no limit to a whole transfer. `scratch`: a directory for temporary files, made by whoever needs it.
    `git_remote`: gives the git remote of an address.
    `web_settings`: what git's `http.*` settings say for an address: names in lower case, without "http.".
    """

    permissions: Permissions = UMASK
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Credentials = NO_CREDENTIALS
    meter: Meter = unmetered
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    idle_timeout_s: float = IDLE_TIMEOUT_S
    scratch: Path | None = None
    git_remote: Callable[[str], GitRemote] = no_git
    web_settings: WebSettings = no_web_settings


ALONE = Opening()

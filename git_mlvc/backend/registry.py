"""From a URL to its driver; a driver is imported only when a URL of its kind is opened."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from git_mlvc.backend.address import is_scp, scheme_of
from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import ALONE, Opening
from git_mlvc.errors import ConfigError
from git_mlvc.nearest import nearest
from git_mlvc.settings import without_secrets


@dataclass(frozen=True, slots=True)
class Kind:
    """One driver: `module` has `open_url(url, opening) -> Backend`, which contacts nothing yet.

    `is_private`: it starts a program, so that what a clone brings may not name it (law 12). `private_options`: those of
    which this is true.
    """

    module: str
    form: str
    options: frozenset[str] = frozenset()
    is_private: bool = False
    private_options: frozenset[str] = frozenset()


_FILE = Kind("file", "/path")
_HTTP = Kind(
    "http",
    "https://HOST/PATH",
    frozenset({"ca-file", "proxy", "token", "user", "webdav"}),
)
_SSH = frozenset({"connections", "server", "server-program"})
_PROGRAM = frozenset({"server-program"})
_KINDS: dict[str, Kind] = {
    "file": _FILE,
    "http": _HTTP,
    "https": _HTTP,
    "ssh": Kind("ssh", "ssh://HOST/PATH or HOST:PATH", _SSH, private_options=_PROGRAM),
    "sftp": Kind("ssh", "sftp://HOST/PATH", _SSH, private_options=_PROGRAM),
    "rclone": Kind("rclone", "rclone:NAME:path", is_private=True),
    "exec": Kind("exec_bridge", "exec:COMMAND", is_private=True),
    "gs": Kind(
        "gcs",
        "gs://BUCKET/PREFIX",
        frozenset({"anonymous", "ca-file", "endpoint", "proxy", "service-account-file"}),
    ),
    "az": Kind(
        "azure",
        "az://CONTAINER/PREFIX",
        frozenset({"account", "account-key", "anonymous", "ca-file", "endpoint", "proxy", "sas"}),
    ),
    "lfs": Kind("lfs", "lfs", frozenset({"ca-file", "proxy", "ref", "token", "user"})),
    "s3": Kind(
        "s3",
        "s3://BUCKET/PREFIX",
        frozenset(
            {
                "access-key-id",
                "anonymous",
                "ca-file",
                "endpoint",
                "path-style",
                "profile",
                "proxy",
                "region",
                "secret-access-key",
                "session-token",
            }
        ),
    ),
}


def open(url: str, opening: Opening = ALONE) -> Backend:
    """Return the driver for `url`, without contacting anything yet.

    Raises ConfigError, naming the kinds of addresses there are, or the options of this kind.
    """
    kind = kind_of(url)
    check_options(url, opening.options)
    driver = importlib.import_module(f"git_mlvc.backend.{kind.module}")
    return cast(Backend, driver.open_url(url, opening))


def kinds() -> list[Kind]:
    """Return all there are, each once."""
    return list(dict.fromkeys(_KINDS.values()))


def kind_of(url: str) -> Kind:
    """Return which driver an address needs. Raises ConfigError for what is no address of a remote."""
    if not url.strip() or url.startswith("-"):
        raise ConfigError(
            f"not the address of a remote: {without_secrets(url)!r}",
            why="it begins like an option" if url.strip() else "it is empty",
            hint=f"write a directory whose name begins with a dash as ./{url}"
            if url.strip()
            else "",
        )
    if any(ord(char) < 32 for char in url):
        raise ConfigError(
            f"not the address of a remote: {without_secrets(url)!r}",
            why="it has control characters",
        )
    scheme = scheme_of(url)
    if scheme is None:
        return _FILE
    if is_scp(url):
        _check_host(url)
    kind = _KINDS.get(scheme)
    if kind is None:
        near = nearest(scheme, _KINDS)
        raise ConfigError(
            f"no driver for remotes like {without_secrets(url)}",
            why=f"known are {', '.join(dict.fromkeys(kind.form for kind in _KINDS.values()))}",
            hint=f"did you mean {near}?" if near else _path_hint(url),
        )
    return kind


def check_options(url: str, options: Mapping[str, str]) -> None:
    """Raise ConfigError for an option that remotes of this kind do not have."""
    known = kind_of(url).options
    for name in options:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(
                f"a remote like {without_secrets(url)} has no option '{name}'",
                why=f"its options: {', '.join(sorted(known)) or 'none'}",
                hint=f"did you mean '{near}'?" if near else "",
            )


def _check_host(url: str) -> None:
    """Raise ConfigError for `s3:/bucket`: to ssh that is a host named s3, to whoever wrote it a bucket."""
    name = url.partition(":")[0].lower()
    meant = _KINDS.get(name)
    if meant is not None:
        raise ConfigError(
            f"not the address of a remote: {without_secrets(url)}",
            why=f"two slashes are missing after '{name}:'",
            hint=f"write {meant.form}; a host of that name is ssh://{name}/PATH",
        )


def _path_hint(url: str) -> str:
    return "write a directory whose name has a colon as ./NAME" if "//" not in url else ""

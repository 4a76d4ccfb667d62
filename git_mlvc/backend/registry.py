"""From a URL to its driver; a driver is imported only when a URL of its kind is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from git_mlvc.backend.base import Backend
from git_mlvc.errors import ConfigError
from git_mlvc.fs.atomic import Permissions

# A colon before any slash makes it a URL, or ssh's host:path; but c:\data is a path.
_SCHEME = re.compile(r"([^/:]{2,}):")


def open(
    url: str,
    *,
    permissions: Permissions = Permissions(),
    options: Mapping[str, str] | None = None,
) -> Backend:
    """Return the driver for `url`, without contacting anything yet.

    `permissions` are for what a local driver makes where the place itself does not say.
    Raises ConfigError, naming the schemes there are.
    """
    if not url or url.startswith("-"):
        raise ConfigError(
            f"not the address of a remote: {url!r}",
            why="it begins like an option" if url else "it is empty",
            hint=f"write a directory whose name begins with a dash as ./{url}" if url else "",
        )
    if any(ord(char) < 32 for char in url):
        raise ConfigError(f"not the address of a remote: {url!r}", why="it has control characters")
    found = _SCHEME.match(url)
    if found is None:
        return _open_path(Path(url), permissions)
    opener = _OPENERS.get(found[1].lower())
    if opener is None:
        raise ConfigError(
            f"no driver for remotes like {_without_secrets(url)}",
            why=f"known are {', '.join(sorted(_OPENERS))} and plain paths",
            hint="write a directory whose name has a colon as ./NAME" if "//" not in url else "",
        )
    return opener(url, permissions, options or {})


def local_path(url: str) -> Path | None:
    """Return the directory that `open` would take `url` for, None if it is no directory.

    Raises ConfigError.
    """
    found = _SCHEME.match(url)
    if found is None:
        return Path(url).absolute()
    return _file_path(url) if found[1].lower() == "file" else None


def _open_path(path: Path, permissions: Permissions) -> Backend:
    from git_mlvc.backend.file import FileBackend

    return FileBackend(path.absolute(), permissions)


def _open_file(url: str, permissions: Permissions, options: Mapping[str, str]) -> Backend:
    return _open_path(_file_path(url), permissions)


def _file_path(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ConfigError(
            f"not the address of a directory: {url}", hint="it has three slashes: file:///srv/data"
        )
    return Path(unquote(parts.path, errors="surrogateescape"))


def _open_memory(url: str, permissions: Permissions, options: Mapping[str, str]) -> Backend:
    from git_mlvc.backend.memory import MemoryBackend

    return MemoryBackend.shared(url.partition(":")[2])


def _without_secrets(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url).partition("?")[0]


_Opener = Callable[[str, Permissions, Mapping[str, str]], Backend]
_OPENERS: dict[str, _Opener] = {"file": _open_file, "memory": _open_memory}

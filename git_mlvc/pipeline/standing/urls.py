"""URLs that stages need: which version is there, as the server tells it. Nothing is fetched.

A server that does not answer is an error and never a change (law 9). Only what was asked for by name is
contacted: a stage that somebody wants to be planned or run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from urllib.parse import unquote, urlsplit, urlunsplit

from git_mlvc.backend.base import Backend, version_of
from git_mlvc.errors import ConfigError, InputError, RemoteUnavailable
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import UrlState
from git_mlvc.pipeline.standing import content_hash
from git_mlvc.pipeline.standing.contents import Contents, Seen
from git_mlvc.pipeline.standing.memory import Memory
from git_mlvc.secret_text import holds_secret, without_secrets

_SERVERS = (
    "http",
    "https",
    "s3",
    "gs",
    "az",
)  # a clone may name no other: some start programs (law 12)
_KINDS = "http://, https://, s3://, gs://, az:// and file://"


class UrlStates:
    """Each URL is asked about once. `open_folder` opens what is below an address, and contacts nothing.

    `contents`: of files on this machine.
    """

    def __init__(self, open_folder: Callable[[str], Backend], contents: Contents) -> None:
        self._open_folder = open_folder
        self._contents = contents
        self._known: Memory[UrlState | None] = Memory()
        self._told: dict[str, UrlState | None] = {}

    def state(self, url: str) -> UrlState | None:
        """Return what is there; None if certainly nothing is.

        Raises ConfigError for an address that cannot be used, InputError for a file that cannot be read,
        RemoteUnavailable if the server does not answer, RemoteRefused if it does not say.
        """
        return self._known.get(os.fsencode(url), lambda: self._ask(url))

    def forget(self) -> None:
        """Ask again, and stay with what a server has said if it has fallen silent meanwhile."""
        self._known.forget(None)

    def _ask(self, url: str) -> UrlState | None:
        try:
            self._told[url] = self._look(url)
        except RemoteUnavailable:
            if url not in self._told:
                raise
        return self._told[url]

    def _look(self, url: str) -> UrlState | None:
        shown = without_secrets(url)
        if holds_secret(url):
            raise ConfigError(
                f"cannot use {shown} in `deps`",
                why="it holds a secret, and everybody who can read the repository could read it",
                hint="keep logins in git's credential helper, or in private options of a remote",
            )
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if scheme == "file" and parts.netloc in ("", "localhost"):
            return self._file(unquote(parts.path, errors="surrogateescape"))
        if scheme not in _SERVERS or not parts.netloc:
            raise ConfigError(
                f"cannot use {shown} in `deps`",
                why=f"only addresses that begin with {_KINDS} say which version is there",
                hint="fetch it in a stage of its own that has `always = true`, and let the others need its out",
            )
        folder, name = _split(url)
        backend = self._open_folder(folder)
        try:
            found = version_of(backend, name)
        finally:
            backend.close()
        return None if found is None else UrlState(found.text, found.size_bytes)

    def _file(self, place: str) -> UrlState | None:
        """A file on this machine is its content."""
        raw = os.fsencode(place)
        try:
            info = os.stat(raw)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise content_hash.unreadable(raw, exc) from exc
        if stat.S_ISDIR(info.st_mode):
            raise InputError(
                f"cannot tell what is in {place}",
                why="it is a directory, outside the repository",
                hint="name the files in `deps`, or put the directory into the repository",
            )
        found = self._contents.of([Seen(raw, info)])
        if not found:
            return None
        return UrlState(str(Oid(found[0].digest)), found[0].size_bytes)


def _split(url: str) -> tuple[str, str]:
    """Return an address as that of a folder, and a name in it.

    Names in buckets are what is written, to the end. On web servers what follows `#` is not asked for, and
    a query goes along with the folder.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() in ("http", "https"):
        folder, _, name = parts.path.rpartition("/")
        return urlunsplit((parts.scheme, parts.netloc, folder, parts.query, "")), name
    start = url.index("//") + 2
    folder, _, name = url[start:].rpartition("/")
    return url[:start] + folder, name

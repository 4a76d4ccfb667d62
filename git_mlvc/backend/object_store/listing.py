"""Listing a prefix: all pages of it, whatever names other people have put there."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import InvalidPathError

from git_mlvc.backend.base import Listed, is_key
from git_mlvc.backend.object_store.meaning import Answer
from git_mlvc.backend.object_store.reading import FAILURES
from git_mlvc.backend.object_store.service import Requests
from git_mlvc.errors import RemoteRefused, RemoteUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BATCH = 1000
_BAD_PATH = re.compile(r'Path "(.*?)"(?: contained|: Encountered)', re.S)


class Listing:
    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._has_said_no = False

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield all keys below `prefix`. Raises before the first of them where the listing is not complete."""
        found = self._all(prefix)
        if not found:
            # The library takes any page for an empty listing; and one that is empty is rare enough to ask again.
            self._check_that_it_can_say_no()
            found = self._all(prefix)
        self._requests.has_seen_bucket = True
        own = len(self._requests.service.prefix)
        folders = _folders(found) if 0 in found.values() else set()
        for path, size_bytes in found.items():
            if is_key(path[own:]) and (size_bytes or path not in folders):
                yield Listed(path[own:], size_bytes)

    def _all(self, prefix: str) -> dict[str, int]:
        below = self._requests.path(prefix)
        found: dict[str, int] = {}
        offset: str | None = None
        while True:
            try:
                offset = self._list_from(below, offset, found)
            except InvalidPathError as exc:
                raise RemoteRefused(
                    f"cannot list {self._requests.url}",
                    why=f"there is an object with a name that cannot be asked for: {_bad_path(exc)!r}",
                    hint="remove that object with the service's own tools",
                ) from exc
            except FileNotFoundError as exc:
                answer = Answer.of(exc)
                if answer.says_no_such_bucket:
                    raise self._requests.meaning.no_bucket(answer) from exc
                raise self._requests.meaning.of(exc, "list", prefix) from exc
            except FAILURES as exc:
                raise self._requests.meaning.of(exc, "list", prefix) from exc
            if offset is None:
                return found

    def _list_from(self, below: str, offset: str | None, found: dict[str, int]) -> str | None:
        """Add what is listed after `offset`; return where to go on when a name stands in the way."""

        def collect(store: ObjectStore) -> None:
            folder = below.rstrip("/") or None
            for batch in obstore.list(store, folder, offset=offset, chunk_size=BATCH):
                for meta in batch:
                    if meta["path"].startswith(below):
                        found[meta["path"]] = meta["size"]

        try:
            self._requests.ask(collect)
        except InvalidPathError as exc:
            following = _beyond(_bad_path(exc))
            if following is None or (offset is not None and following <= offset):
                raise
            return following
        return None

    def _check_that_it_can_say_no(self) -> None:
        """Raise if whoever answers says yes to everything: a page to log in to the network, for example."""
        if self._has_said_no:
            return
        nobody = self._requests.path(f"nobody-{secrets.token_hex(16)}")
        try:
            self._requests.ask(lambda store: obstore.head(store, nobody))
        except FileNotFoundError:
            self._has_said_no = True
            return
        except FAILURES as exc:
            raise self._requests.meaning.of(exc, "list", "") from exc
        raise RemoteUnavailable(
            f"cannot list {self._requests.url}",
            why="what answers there gives the same answer to everything",
            hint="is it a page to log in to the network? Look with a browser, then try again",
        )


def _folders(paths: Iterable[str]) -> set[str]:
    """Return what stands above them: consoles make empty objects "folder/", which the library calls "folder"."""
    above: set[str] = set()
    for path in paths:
        while (path := path.rpartition("/")[0]) and path not in above:
            above.add(path)
    return above


def _bad_path(exc: InvalidPathError) -> str:
    found = _BAD_PATH.search(str(exc))
    return found[1] if found else ""


def _beyond(path: str) -> str | None:
    """Return a name to list after, for one that the library cannot hold ("a//b", "..").

    What is skipped with it are no keys of ours: no part of those begins like that.
    """
    passed: list[str] = []
    for part in path.split("/"):
        bad = next((n for n, char in enumerate(part) if ord(char) < 32 or ord(char) == 127), None)
        if bad is not None:
            return "/".join([*passed, part[:bad] + (" " if ord(part[bad]) < 32 else "\x80")])
        if part in ("", ".", ".."):
            return "/".join([*passed, part + "0"])
        passed.append(part)
    return None

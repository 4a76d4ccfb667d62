"""Listings by WebDAV: all below a folder in one answer where the server gives that, else folder by folder.

An answer counts only if it tells of the folder that was asked for: no list of nothing must come of a
misunderstanding.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from git_mlvc.backend.base import is_key
from git_mlvc.backend.web import multistatus
from git_mlvc.backend.web.multistatus import Entry
from git_mlvc.backend.web.reply import Reply
from git_mlvc.errors import FormatError, RemoteRefused, RemoteUnavailable

AT_ONCE = 8
_MAX_DEPTH = 8
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Listings:
    """`ask(folder, depth)` sends a PROPFIND for a folder ("" or ending in "/") of the remote at `base`.

    `is_shallow()`: True if the server is known to refuse infinite depth.
    """

    def __init__(
        self, ask: Callable[[str, str], Reply], base: str, is_shallow: Callable[[], bool]
    ) -> None:
        self._ask = ask
        self._base = base
        self._is_shallow = is_shallow
        self._is_refused = False
        self.is_deep = False  # true once the server has given all below a folder in one answer

    def walk(self, prefix: str) -> Iterator[tuple[str, int | None]]:
        """Yield keys below a folder with their sizes, None where the server does not say.

        Nothing if there is no such folder. Raises RemoteError.
        """
        folders = [prefix]
        if not self._is_refused and not self._is_shallow():
            found = self._listed(prefix, "infinity")
            if found is not None:
                self.is_deep = True
                yield from _files(found)
                folders = _without_members(found)
        while folders:
            found = [one for part in _at_once(self._one_folder, folders) for one in part]
            yield from _files(found)
            folders = [
                f"{key}/" for key, entry in found if entry.is_folder and key.count("/") < _MAX_DEPTH
            ]

    def folders(self, prefix: str) -> frozenset[str]:
        """Return the folders right in a folder, each ending in "/". One request. Raises RemoteError."""
        return frozenset(f"{key}/" for key, entry in self._one_folder(prefix) if entry.is_folder)

    def _one_folder(self, folder: str) -> list[tuple[str, Entry]]:
        return self._listed(folder, "1") or []

    def _listed(self, folder: str, depth: str) -> list[tuple[str, Entry]] | None:
        """Return what stands in a folder, by key; None where this depth is not to be had."""
        with self._ask(folder, depth) as reply:
            if reply.status in (404, 410):
                return []
            if reply.status != 207:
                if depth != "1" and reply.status != 401 and _is_no(reply.status):
                    self._is_refused = True
                    return None
                if reply.status < 300:
                    raise self._misunderstood(folder, f"it answered {reply.status}")
                raise reply.refusal()
            try:
                found = list(multistatus.entries(reply.blocks()))
            except FormatError as exc:
                raise RemoteUnavailable(
                    f"cannot list {folder or '.'} on {self._base}", why=str(exc)
                ) from exc
        return list(self._keys(folder, found, 1 if depth == "1" else _MAX_DEPTH))

    def _keys(
        self, folder: str, found: Sequence[Entry], most_parts: int
    ) -> Iterator[tuple[str, Entry]]:
        """Yield what is told of in `folder`, by key.

        A server behind another may know itself by another path: what counts is where it says the folder stands.
        """
        asked = multistatus.path_of(f"{self._base}/{folder}")
        folders = {entry.path for entry in found if entry.is_folder}
        top = asked if asked in folders else min(folders, key=len, default=())
        if top not in folders or (folder and top[-1:] != asked[-1:]):
            raise self._misunderstood(folder, "it tells of another folder")
        for entry in found:
            parts = entry.path[len(top) :]
            if entry.path[: len(top)] != top or len(parts) > most_parts:
                raise self._misunderstood(folder, "it tells of other folders too")
            key = folder + "/".join(parts)
            if parts and entry.is_there and not any("/" in part for part in parts) and is_key(key):
                yield key, entry

    def _misunderstood(self, folder: str, why: str) -> RemoteRefused:
        return RemoteRefused(
            f"cannot list {folder or '.'} on {self._base}", why=f"asked what stands there, {why}"
        )


def _is_no(status: int) -> bool:
    """True for an answer that will be the same next time."""
    return (400 <= status < 500 and status not in (408, 423, 425, 429)) or status in (501, 507)


def _files(found: Iterable[tuple[str, Entry]]) -> Iterator[tuple[str, int | None]]:
    return ((key, entry.size_bytes) for key, entry in found if not entry.is_folder)


def _without_members(found: Sequence[tuple[str, Entry]]) -> list[str]:
    """Return the folders of which nothing was told: not all servers that take "infinity" mean it."""
    parents = {key.rpartition("/")[0] for key, _ in found}
    return [f"{key}/" for key, entry in found if entry.is_folder and key not in parents]


def _at_once(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """Yield what comes of each item, as it comes; raises what the first that fails raises.

    Threads are daemons: nobody waits for what a server is still thinking about.
    """
    if len(items) == 1:
        yield work(items[0])
        return
    waiting: SimpleQueue[_Item] = SimpleQueue()
    done: SimpleQueue[tuple[_Result | None, BaseException | None]] = SimpleQueue()
    for item in items:
        waiting.put(item)

    def serve() -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((work(item), None))
            except BaseException as exc:  # noqa: BLE001 - carried to the thread that asked, raised there
                done.put((None, exc))

    for _ in range(min(AT_ONCE, len(items))):
        threading.Thread(target=serve, name="listing", daemon=True).start()
    try:
        for _ in items:
            result, failure = done.get()
            if failure is not None:
                raise failure
            yield result  # type: ignore[misc]
    finally:
        while not waiting.empty():  # what nobody wants any more
            try:
                waiting.get_nowait()
            except Empty:
                break

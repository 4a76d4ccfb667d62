"""Contents put together while some of their chunks are still on their way into the store.

One thread brings them and says when something new stands in the store; another one, with a `Store` of its
own, reads as far as there is something and waits for more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice

from git_mlvc.errors import MissingChunk, StoreError
from git_mlvc.store.chunk_index import ChunkIndex

GROUP_CHUNKS = 256  # looked up together

Entry = tuple[bytes, int]  # chunk id, raw length


class Arrivals:
    """News from whoever brings chunks, for one thread that waits for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._noted = 0
        self._seen = 0
        self._is_over = False
        self.is_unwanted = False

    def note(self) -> None:
        """Something new stands in the store."""
        with self._changed:
            self._noted += 1
            self._changed.notify_all()

    def end(self) -> None:
        """All that comes has come."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def give_up(self) -> None:
        """Nobody wants the contents any more: whoever waits or reads stops."""
        self.is_unwanted = True
        self.end()

    def wait(self) -> bool:
        """Wait until something new has come since the last call; False: nothing will any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._noted != self._seen)
            is_new = self._noted != self._seen
            self._seen = self._noted
            return is_new


def entries_as_they_come(
    entries: Callable[[], Iterator[Entry]], index: ChunkIndex, arrivals: Arrivals
) -> Iterator[Entry]:
    """Yield a content's chunks, each when it is in the store, or when it is clear that it will not come.

    Raises as `entries`: MissingChunk too only when nothing comes any more. StoreError when it is given up.
    """
    done = 0
    while True:
        try:
            rest = islice(entries(), done, None)
            while group := list(islice(rest, GROUP_CHUNKS)):
                _wait_for(dict.fromkeys(digest for digest, _ in group), index, arrivals)
                yield from group
                done += len(group)
            return
        except MissingChunk:  # the recipe, or a piece of it
            if not arrivals.wait():
                raise


def _wait_for(digests: dict[bytes, None], index: ChunkIndex, arrivals: Arrivals) -> None:
    while True:
        if arrivals.is_unwanted:
            raise StoreError("interrupted", why="nobody waits for this content any more")
        if not index.missing(digests) or not arrivals.wait():
            return

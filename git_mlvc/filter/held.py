"""What git's index holds for a path, so that unedited content is answered in the form it has there.

Without this a changed threshold, or a pattern that begins to cover files committed before, would make
files modified that nobody has touched. The index is opened when the first content asks, and again when git
has written another meanwhile; a new repository has none, and then nothing is computed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from git_mlvc.errors import FormatError

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer

Blob = tuple["Pointer | None", int | None]  # the pointer it is, and its own size in bytes


class Index(Protocol):
    """What is needed of the index."""

    def blob(self, path: bytes) -> str | None:
        """Return the name of the blob of the path's merged entry. Raises FormatError."""
        ...

    def is_current(self) -> bool:
        """False if git has written another index since this one was read."""
        ...


class Held:
    """The blobs of git's index, and git's names for contents."""

    def __init__(
        self,
        open_index: Callable[[], Index | None],
        blob: Callable[[str], Blob],
        object_format: str = "sha1",
    ) -> None:
        self._open = open_index
        self._read_blob = blob
        self._last: tuple[str, Blob] = ("", (None, None))
        self._object_format = object_format
        self._index: Index | None = None

    def sha(self, path: bytes) -> str | None:
        """Return the name of the blob that the index holds for `path`, or None."""
        if not path:
            return None
        index = self._index  # of its own: several threads may ask
        if index is None or not index.is_current():
            index = self._index = self._open()
        if index is None:
            return None
        try:
            return index.blob(path)
        except FormatError:  # git itself will say what is wrong with it
            self._index = None
            return None

    def size(self, sha: str) -> int | None:
        """Return a blob's size in bytes; None if it is not here."""
        return self._blob(sha)[1]

    def pointer(self, sha: str) -> Pointer | None:
        """Return the pointer that a blob is; None if it is something else, or not here."""
        return self._blob(sha)[0]

    def name(self, size_bytes: int, pieces: Iterable[bytes | memoryview]) -> str:
        """Return git's name for the blob that `pieces` are."""
        hasher = self.hasher(size_bytes)
        for piece in pieces:
            hasher.update(piece)
        return hasher.hexdigest()

    def hasher(self, size_bytes: int) -> Hasher:
        """Return what computes git's name of a blob of `size_bytes`; feed it the content."""
        import hashlib

        start = b"blob %d\0" % size_bytes
        made: Hasher = hashlib.new(self._object_format, start, usedforsecurity=False)
        return made

    def _blob(self, sha: str) -> Blob:
        last = self._last
        if last[0] != sha:
            last = self._last = sha, self._read_blob(sha)
        return last[1]


class Hasher(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...

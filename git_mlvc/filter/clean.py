"""Clean: content in, pointer out; or the content itself, where it should stay in git.

Answered as it came (law 4): empty content; a pointer; a damaged stub, with a
warning; a git-lfs pointer, so that repositories that mix the two tools keep working (`git mlvc migrate`
is how those are converted, never clean); git's own files and our settings; and what is smaller than the
size set for its path. Nothing follows from `pathname` but the choice of a threshold: the bytes decide.

Clean is stable: content that is what the index holds for the path, raw or as a pointer, is answered in
that form. `git mlvc track --renormalize` converts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from git_mlvc.filter.held import Held
from git_mlvc.filter.spool import Ending, ReadInto, Spool, Write, reader_of
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import MAX_POINTER_BYTES, Pointer
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath, shown
from git_mlvc.settings import Settings

HEAD_BYTES = 1 << 20  # what is read before it is known how to go on
_SUSPICIOUS = frozenset(b"gv<")  # how a pointer, a git-lfs pointer and a conflict marker begin
_LFS_MAX_BYTES = 1024
_LFS_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\r?\n(?:ext-[0-9]-[^\n]+\n)*"
    rb"oid sha256:[0-9a-f]{64}\r?\nsize [0-9]+\r?\n?\Z"
)

Answer = bytes | Callable[[Write], None]


class Ingest(Protocol):
    """What clean needs of a store's session."""

    def ingest_bytes(self, data: bytes) -> Pointer | None: ...
    def ingest_from(
        self, read_into: ReadInto, like: Callable[[], Pointer | None] | None = None
    ) -> Pointer | None: ...
    def close(self) -> None: ...


class Cleaner:
    """Cleans one content after another; what it needs is opened when first needed."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        open_session: Callable[[], Ingest],
        restore: Callable[[Pointer, Write], None],
        held: Held,
        messages: Callable[[str], None],
        is_here: Callable[[Pointer], bool] = lambda pointer: False,
        note_damaged: Callable[[bytes], None] = lambda path: None,
        advise: Callable[[bytes, bytes, bytes], None] = lambda path, head, tail: None,
        spool_dir: Path | None = None,
    ) -> None:
        self._settings = settings
        self._open_session = open_session
        self._restore = restore
        self._held = held
        self._messages = messages
        self._is_here = is_here
        self._note_damaged = note_damaged
        self._advise = advise
        self._spool_dir = spool_dir
        self._session: Ingest | None = None
        self._has_thresholds: bool | None = None
        self._warned: set[bytes] = set()

    def clean(self, path: bytes, read_into: ReadInto) -> Answer:
        """Return the answer for the content that `read_into` gives. Raises MlvcError."""
        head = memoryview(bytearray(HEAD_BYTES))
        count = read_into(head)
        if count < HEAD_BYTES:
            return self.clean_bytes(path, bytes(head[:count]))
        first = bytes(head[:MAX_POINTER_BYTES])
        if self._is_kept(path, first, count + 1):
            return self._passed(head, read_into)
        return self._clean_large(path, head, read_into)

    def clean_bytes(self, path: bytes, data: bytes) -> Answer:
        """Return the answer for a content that is in memory. Raises MlvcError."""
        if not data:
            return data
        if data[0] in _SUSPICIOUS:
            pointer = pointer_format.sniff(data)
            if pointer is not None:
                return pointer_format.encode(pointer)
        size_bytes = len(data)
        if self._is_kept(path, data, size_bytes):
            return data
        held = self._held.sha(path)
        if held is not None:
            unedited = self._as_held(held, data)
            if unedited is not None:
                return unedited
        if self._has_thresholds is not False and size_bytes < self._min_size_bytes(path):
            if held is None:
                return data
            encoded = pointer_format.encode(Pointer(Oid.of(data), size_bytes))
            if self._held.name(len(encoded), (encoded,)) != held:
                return data
        ingested = self._ingest.ingest_bytes(data)
        assert ingested is not None
        return pointer_format.encode(ingested)

    def close(self) -> None:
        """Seal what was taken in: git waits for us at the end of its input. Raises MlvcError."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _as_held(self, held: str, data: bytes) -> bytes | None:
        """Return the answer if `data` is what the index holds, and nothing has to be stored for that."""
        pointer = Pointer(Oid.of(data), len(data))
        encoded = pointer_format.encode(pointer)
        if self._held.name(len(encoded), (encoded,)) == held:
            return encoded if self._is_here(pointer) else None
        return data if self._held.name(len(data), (data,)) == held else None

    # -- kinds of content

    def _is_kept(self, path: bytes, head: bytes, size_bytes: int) -> bool:
        """True if the content stays what it is, whatever the settings say."""
        if head[0] in _SUSPICIOUS:
            if size_bytes <= _LFS_MAX_BYTES and _LFS_POINTER.match(head):
                return True
            if pointer_format.is_damaged(head, size_bytes):
                self._warn_damaged(path)
                return True
        return pointer_format.is_never_data(path)

    def _warn_damaged(self, path: bytes) -> None:
        if path in self._warned:
            return
        self._warned.add(path)
        self._note_damaged(path)
        name = shown(path)
        self._messages(
            f"warning: {name} is a damaged stub and goes to git as it is; recover it with"
            f" `git mlvc fill --keep-appended {name}` or `git checkout -- {name}`"
        )

    # -- large content

    def _clean_large(self, path: bytes, head: memoryview, read_into: ReadInto) -> Answer:
        """Answer for content of at least HEAD_BYTES, of which `head` was read."""
        from git_mlvc.formats import compressed

        min_size_bytes = self._min_size_bytes(path)
        held = self._held.sha(path)
        source = reader_of(iter((head,)), read_into)
        if min_size_bytes > HEAD_BYTES:
            spool = Spool(self._spool_dir)
            spool.add(head)
            if spool.take(read_into, until_bytes=min_size_bytes):
                if not self._is_held_as_pointer(held, spool):
                    return spool.write_to
                read_into = reader_of(iter(()))
            source = spool.reader(read_into)
        beginning = bytes(head[: compressed.HEAD_BYTES])
        ending = (
            Ending(source, compressed.TAIL_BYTES)
            if beginning.startswith(compressed.BEGINNINGS)
            else None
        )
        like = None if held is None else partial(self._held.pointer, held)
        pointer = self._ingest.ingest_from(ending.read_into if ending else source, like)
        assert pointer is not None
        encoded = pointer_format.encode(pointer)
        if held is not None:
            if self._held.name(len(encoded), (encoded,)) == held:
                return encoded
            if self._is_held_raw(held, pointer):
                return partial(self._restore, pointer)
        if ending is not None:
            self._advise(path, beginning, bytes(ending.bytes))
        return encoded

    def _is_held_raw(self, held: str, pointer: Pointer) -> bool:
        """True if the index holds this very content, and not an older pointer, which is small."""
        if self._held.size(held) != pointer.size_bytes:
            return False
        hasher = self._held.hasher(pointer.size_bytes)
        self._restore(pointer, hasher.update)
        return hasher.hexdigest() == held

    def _is_held_as_pointer(self, held: str | None, spool: Spool) -> bool:
        if held is None:
            return False
        from blake3 import blake3

        hasher = blake3()
        spool.write_to(hasher.update)
        encoded = pointer_format.encode(Pointer(Oid(hasher.digest()), spool.size_bytes))
        return self._held.name(len(encoded), (encoded,)) == held

    def _passed(self, head: memoryview, read_into: ReadInto) -> Answer:
        spool = Spool(self._spool_dir)
        spool.add(head)
        spool.take(read_into)
        return spool.write_to

    # -- what is opened on demand

    @property
    def _ingest(self) -> Ingest:
        if self._session is None:
            self._session = self._open_session()
        return self._session

    def _min_size_bytes(self, path: bytes) -> int:
        settings = self._settings()
        self._has_thresholds = bool(settings.min_size_bytes or settings.thresholds)
        if not settings.thresholds:
            return settings.min_size_bytes
        from git_mlvc.git import attributes

        try:
            return attributes.min_size_bytes(settings, RepoPath(path))
        except ValueError:  # no path, or none that a worktree could hold
            return settings.min_size_bytes

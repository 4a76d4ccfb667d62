"""Smudge: pointer in, content out; or the pointer again, where a stub is what should stand there.

| the content | can wait (`can-delay`) | cannot (archive, am, apply, cat-file, checkout-index, stash -u) |
|---|---|---|
| small and here | inline | inline |
| not here | delayed, fetched with all others | fetched at once |
| above the inline limit | stub and a line in the pending list, which the hooks fill; inline while a rebase or sequence of picks runs, or if the hooks are not known to run | inline, in pieces |
| not here, and left out by `[fetch]` | stub, nothing pending | the same |
| not to be had, or damaged | stub, and one message at the end | the same |

So a command of git succeeds whatever is missing, also where it makes something other than a worktree: an
archive of data that cannot be had holds stubs, and the message says so. Wrong bytes are never answered: a
content is verified before its first byte goes to git as far as it fits into memory, and piece by piece
above that; damage found after the first piece makes git fail on the file instead of keeping it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from git_mlvc.errors import CorruptChunk, MissingChunk, MlvcError, RemoteUnavailable
from git_mlvc.filter.delay import Delayed
from git_mlvc.filter.spool import Write
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.filter_protocol import Request
from git_mlvc.repo_path import RepoPath, shown
from git_mlvc.settings import Settings
from git_mlvc.values import value_class

BUFFERED_BYTES = 32 << 20  # verified as a whole before git gets the first byte
_NAMED = 10  # files a message names


class Source(Protocol):
    """What smudge needs of a store."""

    def restore(self, pointer: Pointer, write: Write) -> None: ...
    def missing_of(self, pointer: Pointer) -> list[bytes]: ...


class Stubs(Protocol):
    """Where the worktree keeps what stands in it as a stub: to be filled, or not to be had."""

    def add(self, path: RepoPath, pointer: Pointer) -> None: ...


@value_class
class Streamed:
    """A content written in pieces; `instead` is the answer if it fails before the first of them."""

    write_to: Callable[[Write], None]
    instead: Callable[[MlvcError], bytes]


class Later:
    """The answer "delayed"."""


LATER = Later()
Answer = bytes | Streamed | Later
Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError]]


class Smudger:
    """Smudges one pointer after another; what it needs is opened when first needed."""

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        store: Callable[[], Source],
        fetch: Fetch,
        is_sequencing: Callable[[], bool],
        are_hooks_verified: Callable[[], bool],
        pending: Callable[[], Stubs],
        absent: Callable[[], Stubs],
        messages: Callable[[str], None],
        skip: bool = False,
    ) -> None:
        self._read_settings = settings
        self._open_store = store
        self._fetch = fetch
        self._is_sequencing = is_sequencing
        self._ask_hooks = are_hooks_verified
        self._pending = pending
        self._absent = absent
        self._messages = messages
        self._skip = skip
        self._delayed = Delayed()
        self._cached_settings: Settings | None = None
        self._cached_store: Source | None = None
        self._hooks: bool | None = None
        # Pointers whose content cannot be had, and why.
        self._failures: dict[Pointer, MlvcError] = {}
        self._unreachable: MlvcError | None = None
        self._missed: dict[bytes, MlvcError] = {}
        self._damaged: dict[bytes, MlvcError] = {}
        self._too_large: dict[bytes, None] = {}

    def smudge(self, request: Request, data: bytes) -> Answer:
        """Return the answer for a request with what git sent. Raises nothing but bugs."""
        path = request.pathname
        if not data:
            delayed = self._delayed.take(path)
            return data if delayed is None else self._filled(path, delayed)
        pointer = pointer_format.sniff(data)
        if pointer is None:
            return data
        settings = self._settings
        if self._skip or settings.skip_smudge:
            return data
        if request.can_delay:
            if pointer.size_bytes > settings.inline_limit_bytes and (
                self._is_left_out(path, pointer) or self._leave_to_hooks(path, pointer)
            ):
                return data
            try:
                return self._content(path, pointer)
            except MissingChunk:
                if not self._is_wanted(path, pointer):
                    return data
                self._delayed.add(path, pointer)
                return LATER
            except MlvcError as exc:
                return self._stub(path, pointer, exc)
        return self._filled(path, pointer, fetched=False)

    def available(self) -> list[bytes]:
        """Return paths whose delayed content is ready now; blocks while it is fetched."""
        return self._delayed.available(self._fetch_all)

    def finish(self) -> None:
        """Say, once for all files, what stayed a stub and what can be done about it."""
        named = list(self._damaged.items())[:_NAMED]
        for path, error in named:
            self._messages(f"warning: {shown(path)} stays a stub: {error}")
        if len(self._damaged) > len(named):
            more = len(self._damaged) - len(named)
            self._messages(f"warning: {more} more files are damaged in the local store")
        if named:
            self._messages("hint: git mlvc fsck --repair")
        if self._missed:
            from git_mlvc.worktree.stub_message import still_stubs

            first = next(iter(self._missed.values()))
            names = [shown(path) for path in self._missed]
            self._messages(still_stubs(names, why=str(first), hint=first.hint))
        if self._too_large:
            from git_mlvc.worktree import stub_message

            names = [shown(path) for path in self._too_large]
            self._messages(stub_message.too_large(names, self._settings.fetch_max_size_bytes))
        self._damaged.clear()
        self._missed.clear()
        self._too_large.clear()

    # -- content

    def _filled(self, path: bytes, pointer: Pointer, *, fetched: bool = True) -> Answer:
        """Return the content, or the stub where it is not to be had."""
        try:
            return self._content(path, pointer)
        except MissingChunk as exc:
            if not fetched and not self._is_wanted(path, pointer):
                return pointer_format.encode(pointer)
            if pointer not in self._failures:
                self._fetch_all([pointer])
            failure: MlvcError = self._failures.get(pointer, exc)
        except MlvcError as exc:
            return self._stub(path, pointer, exc)
        if pointer in self._failures:
            return self._stub(path, pointer, failure)
        try:
            return self._content(path, pointer)
        except MlvcError as exc:
            return self._stub(path, pointer, exc)

    def _content(self, path: bytes, pointer: Pointer) -> Answer:
        """Return the content. Raises MissingChunk, CorruptChunk, and why the store cannot be opened."""
        store = self._store
        if pointer.size_bytes > BUFFERED_BYTES:
            lost = store.missing_of(pointer)
            if lost:
                raise MissingChunk(
                    f"{len(lost)} pieces of {pointer.oid.short} are not in the local store"
                )
            return Streamed(
                partial(store.restore, pointer), lambda exc: self._stub(path, pointer, exc)
            )
        pieces: list[bytes | memoryview] = []
        store.restore(pointer, pieces.append)
        if len(pieces) == 1 and isinstance(pieces[0], bytes):
            return pieces[0]
        return b"".join(pieces)

    def _stub(self, path: bytes, pointer: Pointer, why: MlvcError) -> bytes:
        """Return the stub, and remember to tell. A stub that cannot be noted down is still a stub."""
        (self._damaged if isinstance(why, CorruptChunk) else self._missed)[path] = why
        try:
            self._absent().add(RepoPath(path), pointer)
        except (MlvcError, OSError, ValueError):
            pass
        return pointer_format.encode(pointer)

    def _leave_to_hooks(self, path: bytes, pointer: Pointer) -> bool:
        """True if a hook will fill the stub: noted down before git gets the answer."""
        if self._is_sequencing():
            return False
        if self._hooks is None:
            self._hooks = self._ask_hooks()
            if not self._hooks:
                self._messages(
                    "warning: git does not run git-mlvc's hooks here, so large files go through"
                    " git's memory; `git mlvc doctor` says why"
                )
        if not self._hooks:
            return False
        try:
            self._pending().add(RepoPath(path), pointer)
        except (MlvcError, OSError, ValueError):
            return False
        return True

    def _fetch_all(self, pointers: Sequence[Pointer]) -> None:
        """Bring contents into the store; what could not be had is in `_failures` afterwards."""
        wanted = [pointer for pointer in pointers if pointer not in self._failures]
        if not wanted:
            return
        if self._unreachable is not None:  # every further file would wait for the same silence
            self._failures.update(dict.fromkeys(wanted, self._unreachable))
            return
        try:
            failures = dict(self._fetch(wanted))
        except MlvcError as exc:
            failures = dict.fromkeys(wanted, exc)
        except OSError as exc:
            failure = MlvcError("the data could not be fetched", why=str(exc))
            failures = dict.fromkeys(wanted, failure)
        self._failures.update(failures)
        silent = (f for f in failures.values() if isinstance(f, RemoteUnavailable))
        self._unreachable = next(silent, None)

    def _is_left_out(self, path: bytes, pointer: Pointer) -> bool:
        """True if the data is not here, and is not to be fetched by itself."""
        settings = self._settings
        if not (settings.fetch_include or settings.fetch_exclude or settings.fetch_max_size_bytes):
            return False
        try:
            is_here = not self._store.missing_of(pointer)
        except MlvcError:
            return False
        return not is_here and not self._is_wanted(path, pointer)

    def _is_wanted(self, path: bytes, pointer: Pointer) -> bool:
        """False if the user has said that data at this path, or so much, is not to be fetched by itself."""
        settings = self._settings
        if settings.fetch_include or settings.fetch_exclude:
            from git_mlvc.git.attributes import is_included

            try:
                if not is_included(settings, RepoPath(path)):
                    return False
            except ValueError:
                pass
        if 0 < settings.fetch_max_size_bytes < pointer.size_bytes:
            self._too_large.setdefault(path)
            return False
        return True

    # -- what is opened on demand

    @property
    def _settings(self) -> Settings:
        """Settings that cannot be read must not stop a checkout: those it starts with are used."""
        if self._cached_settings is None:
            try:
                self._cached_settings = self._read_settings()
            except MlvcError as exc:
                self._messages(f"warning: {exc}; going on with the settings git-mlvc starts with")
                self._cached_settings = Settings()
        return self._cached_settings

    @property
    def _store(self) -> Source:
        if self._cached_store is None:
            self._cached_store = self._open_store()
        return self._cached_store

"""What a driver is: eight verbs on immutable bytes under relative keys.

A driver says what it can (`Capability`); who needs what it cannot refuses by that name. Nothing a
remote answers is trusted: names are content hashes, and whoever reads verifies. Drivers may be
called from several threads at once, and none of them retries: `wrap/retry.py` does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable

from git_mlvc.errors import RemoteRefused, RemoteUnavailable, StoreError

MAX_KEY_LENGTH = 200
GET_FILE_BYTES = 8 << 20
_PART = r"[0-9a-z][0-9a-z._-]*"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*\Z")
_PREFIX = re.compile(rf"(?:{_PART}/)*\Z")


class Capability(Enum):
    """What a driver can do beyond `get` and `stat`, which all can."""

    WRITE = "write"
    LIST = "list"
    DELETE = "delete"
    PUT_IF_ABSENT = "put if absent"  # in one step; without it two clients may both be told True
    RANGES = "ranged reads"  # without it, get_range costs as much as get
    FLAT_LIST = "listings of all folders at once"  # without it, list asks folder by folder


@dataclass(frozen=True, slots=True)
class Stat:
    """What a remote says about one key without sending it."""

    size_bytes: int


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """One line of a listing."""

    key: str
    size_bytes: int


class NotFound(RemoteRefused):
    """There is nothing under that key: a definite answer, not silence."""


class Denied(RemoteRefused):
    """The remote does not know us, or knows us and forbids this: 401, 403, a permission that is missing."""


class Offline(RemoteUnavailable):
    """The place is not there at all (a disk that is not mounted): unknown, and seconds will not help."""


class Throttled(RemoteUnavailable):
    """The remote asked to be left alone for `retry_after_s`."""

    def __init__(self, what: str, *, retry_after_s: float, why: str = "", hint: str = "") -> None:
        super().__init__(what, why=why, hint=hint)
        self.retry_after_s = retry_after_s


class Backend(Protocol):
    """A place for data. `url` is for messages: it holds no secrets.

    Every verb raises RemoteUnavailable when the outcome is unknown and RemoteRefused when the answer
    is a definite no.
    """

    @property
    def url(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    def put(self, key: str, source: bytes | Path) -> None:
        """Make `key` hold these bytes (those of the file, if a path), whole or not at all."""
        ...

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        """Like `put`, but leave alone what is there. False: something was (perhaps our own lost try)."""
        ...

    def get(self, key: str) -> bytes:
        """Return all of it: for what is known to be small. Raises NotFound."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`; fewer only where the object ends. Raises NotFound."""
        ...

    def get_file(self, key: str, target: int) -> None:
        """Write all of it into an open file, in the place of what is in it; for what may be large.

        When it raises, anything may be in the file. Raises NotFound, StoreError where the file's own
        disk refuses. A driver that can do no better does it in `get_in_ranges`.
        """
        ...

    def stat(self, key: str) -> Stat | None:
        """Return None when there is certainly nothing under that key."""
        ...

    def list(self, prefix: str) -> Iterator[Listed]:
        """Yield all keys below the folder `prefix` ("" or ending in "/"), in no particular order.

        What is not a well-formed key (a temporary file, somebody else's) is left out.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove it; that it is gone already is as good."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class AsksItsServer(Protocol):
    """A driver whose `capabilities` may contact the server, the first time."""

    @property
    def known_capabilities(self) -> frozenset[Capability] | None: ...

    def can(self, capability: Capability) -> bool:
        """Contacts the server only if it takes that to know."""
        ...


@runtime_checkable
class ShowsFolders(Protocol):
    """A driver that lists folder by folder and can tell in one request which there are."""

    def folders(self, prefix: str) -> frozenset[str] | None:
        """Return the folders right in a folder, each ending in "/"; None where that cannot be told.

        No proof of absence to whoever is about to delete: it is a listing.
        """
        ...


def folders_in(backend: Backend, prefix: str) -> frozenset[str] | None:
    """As `ShowsFolders.folders`; None for a driver that has no such thing. Raises RemoteError."""
    return backend.folders(prefix) if isinstance(backend, ShowsFolders) else None


@dataclass(frozen=True, slots=True)
class Version:
    """What tells the content under a name from any other it had or will have: `text` begins with its kind."""

    text: str
    size_bytes: int | None = None


@runtime_checkable
class TellsVersions(Protocol):
    """A driver whose server says which version of an object it has. For data that is not ours."""

    def version(self, name: str) -> Version | None:
        """Return that of any name below the address, not only of keys; None if there is certainly nothing.

        Raises RemoteRefused where the server has no word for it, and as all verbs do.
        """
        ...


def version_of(backend: Backend, name: str) -> Version | None:
    """As `TellsVersions.version`. Raises RemoteRefused too for a driver that has no such thing."""
    if isinstance(backend, TellsVersions):
        return backend.version(name)
    raise no_version(
        backend.url, name, "places of this kind do not say which version of a file they have"
    )


def no_version(url: str, name: str, why: str) -> RemoteRefused:
    """Return the error for what is there, but nobody says in which version."""
    return RemoteRefused(
        f"cannot tell whether {name or 'what is'} on {url} has changed",
        why=why,
        hint="fetch it in a stage of its own that has `always = true`, and let the others need its out",
    )


def get_in_ranges(backend: Backend, key: str, target: int) -> None:
    """Be `get_file` for a driver that has ranged reads and nothing better."""
    at = 0
    while True:
        block = backend.get_range(key, at, GET_FILE_BYTES)
        try:
            if at == 0:
                os.ftruncate(target, 0)
            _write_at(target, block, at)
        except OSError as exc:
            raise unwritable(key, exc) from exc
        at += len(block)
        if len(block) < GET_FILE_BYTES:
            return


def appending(key: str, target: int) -> Callable[[bytes], None]:
    """Empty an open file and return what writes blocks into it, one behind the other. Raises StoreError."""
    at = 0

    def write(block: bytes) -> None:
        nonlocal at
        try:
            _write_at(target, block, at)
        except OSError as exc:
            raise unwritable(key, exc) from exc
        at += len(block)

    try:
        os.ftruncate(target, 0)
    except OSError as exc:
        raise unwritable(key, exc) from exc
    return write


def _write_at(target: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(target, rest, offset)
        rest, offset = rest[written:], offset + written


def unwritable(key: str, exc: OSError) -> StoreError:
    """Return the error for the disk of whoever asked, not of the remote."""
    return StoreError(
        f"cannot keep {key} here",
        why=exc.strerror or str(exc),
        hint="free some space, then run the same command again",
    )


def check_key(key: str) -> str:
    """Return `key` if it can stand in any driver's path; ValueError for anything that could climb."""
    if len(key) > MAX_KEY_LENGTH or not _KEY.match(key):
        raise ValueError(f"not a backend key: {key[:80]!r}")
    return key


def check_prefix(prefix: str) -> str:
    if len(prefix) > MAX_KEY_LENGTH or not _PREFIX.match(prefix):
        raise ValueError(f"not a backend prefix: {prefix[:80]!r}")
    return prefix


def is_key(text: str) -> bool:
    return len(text) <= MAX_KEY_LENGTH and _KEY.match(text) is not None


def known_capabilities(backend: Backend) -> frozenset[Capability] | None:
    """Return what a driver can do as far as it knows without asking its server; None if it would have to."""
    if isinstance(backend, AsksItsServer):
        return backend.known_capabilities
    return backend.capabilities


def can(backend: Backend, capability: Capability) -> bool:
    """Like `capability in backend.capabilities`, asking the server no more than it takes."""
    if isinstance(backend, AsksItsServer):
        return backend.can(capability)
    return capability in backend.capabilities


def require(backend: Backend, capability: Capability, purpose: str) -> None:
    """Raise RemoteRefused naming what the driver lacks."""
    if capability not in backend.capabilities:
        raise RemoteRefused(
            f"cannot {purpose} on {backend.url}",
            why=f"this kind of remote has no {capability.value}",
        )


def not_found(url: str, key: str) -> NotFound:
    return NotFound(f"{url} has no {key}", hint="git mlvc fsck --remote shows whom that hurts")

"""The eight verbs on an object store: what S3, Google and Azure have in common, over the library obstore.

After any call the library has threads of its own: a forked child that calls it hangs, so nothing here forks;
other programs are started by `subprocess`. It resumes a body that breaks off (`Patience.BODY`), and tries nothing
else again: that is `wrap/retry.py`. Suffix ranges and bulk deletion are never used, not every server has them.
"""

from __future__ import annotations

import mmap
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError

from git_mlvc.backend.base import (
    Capability,
    Listed,
    NotFound,
    Stat,
    Throttled,
    check_key,
    check_prefix,
    is_key,
    not_found,
    unwritable,
)
from git_mlvc.backend.interruptible import interruptible
from git_mlvc.backend.object_store_errors import Answer, Meaning
from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.backend.signed_upload import SignedPut, Uploads
from git_mlvc.errors import InputError, RemoteRefused, RemoteUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SMALL_BYTES = 1 << 20  # what the library is given to send; larger files are sent block by block
LIST_BATCH = 1000
_NO_CONDITIONS = (405, 501)
_COMPRESSED = ("gzip", "deflate", "br", "zstd")
_EXISTS = ("PreconditionFailed", "BlobAlreadyExists")
_BAD_PATH = re.compile(r'Path "(.*?)"(?: contained|: Encountered)', re.S)
_T = TypeVar("_T")


class Patience(Enum):
    """How long a connection is waited for."""

    ANSWER = "silent for at most the idle time-out, before the answer and in it"
    BODY = "the same; and a body that breaks off is asked for again from there"
    UPLOAD = "until a large body has been sent and acknowledged"


@dataclass(frozen=True, slots=True)
class Service:
    """One bucket or container. `prefix` is "" or ends in "/".

    `connect`: opens the library's store; contacts nothing. `sign_in`: called before each request, in our
    own thread; raises when there are no credentials. `creates_atomically`: of several that create a key at once the
    service is known to let only one win. `sign_put`: a path and whether to create only -> where to send
    a large body; None where the library has to send it.
    """

    url: str
    prefix: str
    connect: Callable[[Patience], ObjectStore]
    meaning: Meaning
    creates_atomically: bool
    sign_in: Callable[[], None] = lambda: None
    sign_put: Callable[[ObjectStore, str, bool], SignedPut] | None = None


class ObjectStoreBackend:
    """A prefix of a bucket. Contacts nothing before the first verb."""

    def __init__(self, service: Service, opening: Opening) -> None:
        self.url = service.url
        self.capabilities = frozenset(Capability)
        if not service.creates_atomically:
            self.capabilities -= {Capability.PUT_IF_ABSENT}
        self._service = service
        self._meter = opening.meter
        self._uploads = Uploads(opening, service.meaning.endpoint)
        self._stores: dict[Patience, ObjectStore] = {}
        self._can_create = True  # until the server says that it knows no conditional put
        self._has_seen_bucket = False
        self._has_said_no = False

    # -- writing

    def put(self, key: str, source: bytes | Path) -> None:
        self._put(check_key(key), source, "overwrite")

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        check_key(key)
        if not self._can_create:
            return self._put_after_a_look(key, source)
        try:
            self._put(key, source, "create")
        except AlreadyExistsError:
            return False
        except _NoConditions:
            self._can_create = False
            return self._put_after_a_look(key, source)
        return True

    def _put_after_a_look(self, key: str, source: bytes | Path) -> bool:
        """For servers without conditional puts: two at once may both be told True, of the same bytes."""
        if self.stat(key) is not None:
            return False
        self._put(key, source, "overwrite")
        return True

    def _put(self, key: str, source: bytes | Path, mode: str) -> None:
        """Send all of it in one request. Raises AlreadyExistsError, _NoConditions if `mode` is "create"."""
        size_bytes = _size_of(source)
        if self._service.sign_put and isinstance(source, Path) and size_bytes > SMALL_BYTES:
            self._put_signed(key, source, mode, self._service.sign_put)
        else:
            self._put_by_library(key, source, mode, size_bytes)
        self._has_seen_bucket = True

    def _put_by_library(self, key: str, source: bytes | Path, mode: str, size_bytes: int) -> None:
        body = _body_of(source, size_bytes)
        for start in range(0, size_bytes, METERED_BYTES):
            self._meter(min(METERED_BYTES, size_bytes - start))
        patience = Patience.UPLOAD if size_bytes > SMALL_BYTES else Patience.ANSWER

        def send(store: ObjectStore) -> None:
            # One request also where the library would cut it in parts: a pack is what one request holds.
            obstore.put(store, self._path(key), body, mode=mode, use_multipart=False)  # type: ignore[arg-type]

        try:
            self._ask(send, patience)
        except AlreadyExistsError:
            if mode != "create":
                raise RemoteUnavailable(self._service.meaning.what("write", key)) from None
            raise
        except (BaseError, OSError, ValueError) as exc:
            if mode == "create" and Answer.of(exc).status in _NO_CONDITIONS:
                raise _NoConditions from exc
            raise self._service.meaning.of(exc, "write", key) from exc

    def _put_signed(
        self,
        key: str,
        source: Path,
        mode: str,
        sign_put: Callable[[ObjectStore, str, bool], SignedPut],
    ) -> None:
        meaning = self._service.meaning
        try:
            where = self._ask(lambda store: sign_put(store, self._path(key), mode == "create"))
        except (BaseError, OSError, ValueError) as exc:
            raise meaning.of(exc, "write", key) from exc
        said = self._uploads.put(where, source, meaning.what("write", key).removeprefix("cannot "))
        if said is None:
            return
        answer = Answer.said(said.status, said.body)
        if mode == "create" and (said.status == 412 or answer.code in _EXISTS):
            raise AlreadyExistsError(key)
        if mode == "create" and said.status in _NO_CONDITIONS:
            raise _NoConditions
        raise (
            said.error
            if isinstance(said.error, Throttled)
            else meaning.of_answer(answer, "write", key)
        )

    def delete(self, key: str) -> None:
        check_key(key)
        try:
            self._ask(lambda store: obstore.delete(store, self._path(key)))
        except FileNotFoundError as exc:
            self._check_bucket(exc, key)
        except (BaseError, OSError, ValueError) as exc:
            raise self._service.meaning.of(exc, "delete", key) from exc

    # -- reading

    def get(self, key: str) -> bytes:
        return b"".join(self._blocks(check_key(key)))

    def get_file(self, key: str, target: int) -> None:
        check_key(key)
        at = 0
        blocks = self._blocks(key)
        try:
            os.ftruncate(target, 0)
        except OSError as exc:
            raise unwritable(key, exc) from exc
        for block in blocks:
            rest = memoryview(block)
            try:
                while rest:
                    written = os.pwrite(target, rest, at)
                    rest, at = rest[written:], at + written
            except OSError as exc:
                raise unwritable(key, exc) from exc

    def get_range(self, key: str, start: int, length: int) -> bytes:
        check_key(key)
        if length <= 0:
            if self.stat(key) is None:
                raise not_found(self.url, key)
            return b""
        try:
            data = self._ask(
                lambda store: bytes(
                    obstore.get_range(store, self._path(key), start=start, length=length)
                )
            )
        except FileNotFoundError as exc:
            self._check_bucket(exc, key)
            raise not_found(self.url, key) from exc
        except (BaseError, OSError, ValueError) as exc:
            if Answer.of(exc).says_beyond_the_end:
                return b""
            raise self._service.meaning.of(exc, "read", key) from exc
        if len(data) > length:
            raise RemoteUnavailable(
                f"cannot read {key} on {self.url}", why="it sent more than was asked for"
            )
        if len(data) < length:
            self._check_end(key, start + len(data))
        for at in range(0, len(data), METERED_BYTES):
            self._meter(min(METERED_BYTES, len(data) - at))
        self._has_seen_bucket = True
        return data

    def _check_end(self, key: str, at: int) -> None:
        """Raise unless the object ends at `at`, where a ranged answer ended before what was asked for."""
        found = self.stat(key)
        if found is None or found.size_bytes > at:
            raise RemoteUnavailable(
                f"cannot read {key} on {self.url}", why="it sent less than was asked for"
            )

    def _blocks(self, key: str) -> Iterator[bytes]:
        """Yield the whole object, in blocks; complete, or it raises."""
        try:
            answer = self._ask(lambda store: obstore.get(store, self._path(key)), Patience.BODY)
            size_bytes = answer.meta["size"]
            coding = answer.attributes.get("Content-Encoding", "")
            if coding in _COMPRESSED:
                raise RemoteRefused(
                    f"cannot read {key} on {self.url}",
                    why=f"it arrives compressed ({coding}), unasked",
                    hint="is there a proxy in between that compresses? Turn that off for this address",
                )
            stream = iter(answer.stream(min_chunk_size=METERED_BYTES))
            passed = 0
            while (block := interruptible(lambda: next(stream, None))) is not None:
                data = bytes(block)
                passed += len(data)
                for start in range(0, len(data), METERED_BYTES):
                    self._meter(min(METERED_BYTES, len(data) - start))
                yield data
        except FileNotFoundError as exc:
            self._check_bucket(exc, key)
            raise not_found(self.url, key) from exc
        except (BaseError, OSError, ValueError) as exc:
            raise self._service.meaning.of(exc, "read", key) from exc
        self._has_seen_bucket = True
        if passed != size_bytes:
            raise RemoteUnavailable(
                f"cannot read {key} on {self.url}",
                why=f"{passed} of {size_bytes} bytes came",
                hint="try again",
            )

    def stat(self, key: str) -> Stat | None:
        check_key(key)
        try:
            meta = self._ask(lambda store: obstore.head(store, self._path(key)))
        except FileNotFoundError:
            self._has_said_no = True
            return self._certainly_absent(key)
        except (BaseError, OSError, ValueError) as exc:
            raise self._explained(exc, key) from exc
        self._has_seen_bucket = True
        return Stat(meta["size"])

    def list(self, prefix: str) -> Iterator[Listed]:
        yield from self._listed(check_prefix(prefix))

    def close(self) -> None:
        self._uploads.close()
        self._stores.clear()

    # -- listing

    def _listed(self, prefix: str) -> Iterator[Listed]:
        below = self._service.prefix + prefix
        found: dict[str, int] = {}
        offset: str | None = None
        while True:
            try:
                offset = self._list_from(below, offset, found)
            except InvalidPathError as exc:
                raise RemoteRefused(
                    f"cannot list {self.url}",
                    why=f"there is an object with a name it cannot have: {_bad_path(exc)!r}",
                    hint="remove that object with the service's own tools",
                ) from exc
            except FileNotFoundError as exc:
                self._check_bucket(exc, prefix)
                return
            except (BaseError, OSError, ValueError) as exc:
                raise self._service.meaning.of(exc, "list", prefix) from exc
            if offset is None:
                break
        if not found:
            self._check_listing()
        self._has_seen_bucket = True
        own = len(self._service.prefix)
        for path, size_bytes in found.items():
            if is_key(path[own:]):
                yield Listed(path[own:], size_bytes)

    def _check_listing(self) -> None:
        """Raise if whoever said that nothing is there says so to everything: a page to log in, for example.

        The library takes any page for an empty listing; an object that cannot be there must be missing.
        """
        if self._has_said_no:
            return
        nobody = self._path(f"nobody-{secrets.token_hex(16)}")
        try:
            self._ask(lambda store: obstore.head(store, nobody))
        except FileNotFoundError:
            self._has_said_no = True
            return
        except (BaseError, OSError, ValueError) as exc:
            raise self._service.meaning.of(exc, "list", "") from exc
        raise RemoteUnavailable(
            f"cannot list {self.url}",
            why="what answers there gives the same answer to everything",
            hint="is it a page to log in to the network? Look with a browser, then try again",
        )

    def _list_from(self, below: str, offset: str | None, found: dict[str, int]) -> str | None:
        """Add what is listed after `offset`; return where to go on when a name stands in the way."""

        def collect(store: ObjectStore) -> None:
            stream = obstore.list(
                store, below.rstrip("/") or None, offset=offset, chunk_size=LIST_BATCH
            )
            for batch in stream:
                for meta in batch:
                    if meta["path"].startswith(below):
                        found[meta["path"]] = meta["size"]

        try:
            self._ask(collect)
        except InvalidPathError as exc:
            following = _beyond(_bad_path(exc))
            if following is None or (offset is not None and following <= offset):
                raise
            return following
        return None

    # -- asking

    def _ask(
        self, request: Callable[[ObjectStore], _T], patience: Patience = Patience.ANSWER
    ) -> _T:
        def ask() -> _T:
            self._service.sign_in()
            store = self._stores.get(patience)
            if store is None:
                store = self._stores.setdefault(patience, self._service.connect(patience))
            return request(store)

        return interruptible(ask)

    def _path(self, key: str) -> str:
        return self._service.prefix + key

    def _certainly_absent(self, key: str) -> Stat | None:
        """Return None, once it is sure that the bucket itself is there: a 404 to HEAD does not say."""
        if not self._has_seen_bucket:
            self._has_seen_bucket = True
            try:
                self.get_range(key, 0, 1)
            except NotFound:
                return None
            except BaseException:
                self._has_seen_bucket = False
                raise
            return self.stat(key)  # it has come meanwhile
        return None

    def _explained(self, exc: Exception, key: str) -> Exception:
        """An answer to HEAD has no body; the same question as GET says why it is refused."""
        if Answer.of(exc).status in (400, 401, 403):
            self.get_range(key, 0, 1)
        return self._service.meaning.of(exc, "look for", key)

    def _check_bucket(self, exc: BaseException, key: str) -> None:
        """Raise if a 404 is about the bucket and not about what is in it."""
        answer = Answer.of(exc)
        if answer.says_no_such_bucket:
            raise self._service.meaning.no_bucket(answer) from exc


class _NoConditions(Exception):
    """The server knows no conditional put."""


def _size_of(source: bytes | Path) -> int:
    try:
        return len(source) if isinstance(source, bytes) else source.stat().st_size
    except OSError as exc:
        raise InputError(f"cannot read {source!s}", why=exc.strerror or str(exc)) from exc


def _body_of(source: bytes | Path, size_bytes: int) -> bytes | mmap.mmap:
    """Return the bytes to send. A large file is mapped: what is sent then are pages of the file, no copy of it."""
    if isinstance(source, bytes):
        return source
    try:
        with source.open("rb") as file:
            if size_bytes > SMALL_BYTES:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return file.read()
    except OSError as exc:
        raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc


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

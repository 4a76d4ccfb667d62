"""Writing objects, each in one request, and deleting them, one by one."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError

from git_mlvc.backend.base import Denied, Stat, Throttled
from git_mlvc.backend.object_store.meaning import Answer
from git_mlvc.backend.object_store.reading import FAILURES
from git_mlvc.backend.object_store.service import Patience, Requests
from git_mlvc.backend.object_store.upload import Uploads
from git_mlvc.backend.opening import METERED_BYTES, Opening
from git_mlvc.errors import InputError, RemoteUnavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SMALL_BYTES = 1 << 20  # what the library is given to send; larger files are sent block by block
LARGE_AT_ONCE = 2  # by the library, where nobody can sign: each is in memory whole while it is sent
_EXISTS = ("PreconditionFailed", "BlobAlreadyExists")


class Writer:
    """`stat`: how to look for a key on servers that know no conditional put."""

    def __init__(
        self, requests: Requests, opening: Opening, stat: Callable[[str], Stat | None]
    ) -> None:
        self._requests = requests
        self._meter = opening.meter
        self._stat = stat
        self._uploads = Uploads(opening, requests.meaning.endpoint)
        self._can_create = True  # until the server says that it cannot
        self._takes_signed: bool | None = None  # not known before the first
        self._large = threading.BoundedSemaphore(LARGE_AT_ONCE)

    def put(self, key: str, source: bytes | Path) -> None:
        self._put(key, source, is_new=False)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        if self._can_create:
            try:
                self._put(key, source, is_new=True)
            except AlreadyExistsError:
                return False
            except _NoConditions:
                self._can_create = False
            else:
                return True
        # Two at once may both be told True here, of the same bytes: names are hashes.
        if self._stat(key) is not None:
            return False
        self._put(key, source, is_new=False)
        return True

    def delete(self, key: str) -> None:
        path = self._requests.path(key)
        try:
            self._requests.ask(lambda store: obstore.delete(store, path))
        except FileNotFoundError as exc:
            answer = Answer.of(exc)
            if answer.says_no_such_bucket:
                raise self._requests.meaning.no_bucket(answer) from exc
        except FAILURES as exc:
            raise self._requests.meaning.of(exc, "delete", key) from exc

    def close(self) -> None:
        self._uploads.close()

    def _put(self, key: str, source: bytes | Path, *, is_new: bool) -> None:
        """Send all of it in one request. With `is_new` raises AlreadyExistsError, _NoConditions."""
        size_bytes = _size_of(source)
        sign_put = self._requests.service.sign_put
        can_sign = sign_put is not None and self._takes_signed is not False
        if can_sign and isinstance(source, Path) and size_bytes > SMALL_BYTES:
            self._send_large(key, source, is_new, size_bytes)
        else:
            self._send_by_library(key, source, is_new, size_bytes)
        self._requests.has_seen_bucket = True

    def _send_large(self, key: str, source: Path, is_new: bool, size_bytes: int) -> None:
        try:
            self._send_signed(key, source, is_new)
        except Denied:
            if self._takes_signed:
                raise
            # Some owners let nobody in by signed addresses, or want the hash of every body to be signed.
            self._send_by_library(key, source, is_new, size_bytes)
            self._takes_signed = False

    def _send_by_library(
        self, key: str, source: bytes | Path, is_new: bool, size_bytes: int
    ) -> None:
        for at in range(0, size_bytes, METERED_BYTES):
            self._meter(min(METERED_BYTES, size_bytes - at))
        with self._large if size_bytes > SMALL_BYTES else contextlib.nullcontext():
            self._send_body(key, _body_of(source, size_bytes), is_new, size_bytes)

    def _send_body(self, key: str, body: bytes | mmap.mmap, is_new: bool, size_bytes: int) -> None:
        patience = Patience.UPLOAD if size_bytes > SMALL_BYTES else Patience.ANSWER
        path = self._requests.path(key)

        def send(store: ObjectStore) -> None:
            # One request also where the library would cut it in parts: a pack is what one request holds.
            mode = "create" if is_new else "overwrite"
            obstore.put(store, path, body, mode=mode, use_multipart=False)  # type: ignore[arg-type]

        try:
            self._requests.ask(send, patience)
        except AlreadyExistsError as exc:  # so the library calls every 409 and 412
            answer = Answer.of(exc)
            if is_new and (answer.status == 412 or answer.code in _EXISTS):
                raise
            raise self._requests.meaning.of_answer(answer, "write", key) from exc
        except FAILURES as exc:
            if is_new and Answer.of(exc).knows_no_conditions:
                raise _NoConditions from exc
            raise self._requests.meaning.of(exc, "write", key) from exc

    def _send_signed(self, key: str, source: Path, is_new: bool) -> None:
        sign_put = self._requests.service.sign_put
        if sign_put is None:
            raise ValueError("nobody can sign for this service")
        meaning = self._requests.meaning
        path = self._requests.path(key)
        try:
            where = self._requests.ask(lambda store: sign_put(store, path, is_new))
        except FAILURES as exc:
            raise meaning.of(exc, "write", key) from exc
        said = self._uploads.put(where, source, meaning.what("write", key).removeprefix("cannot "))
        if said is None:
            self._takes_signed = True
            return
        answer = Answer.said(said.status, said.body)
        if is_new and (said.status == 412 or answer.code in _EXISTS):
            raise AlreadyExistsError(key)
        if is_new and answer.knows_no_conditions:
            raise _NoConditions
        failure = meaning.of_answer(answer, "write", key)
        if said.retry_after_s is not None and isinstance(failure, RemoteUnavailable):
            raise Throttled(
                failure.what, why=failure.why, hint=failure.hint, retry_after_s=said.retry_after_s
            )
        raise failure


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

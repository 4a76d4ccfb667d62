"""Reading objects: whole or a range, and looking at them. What is not complete is never returned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError

from git_mlvc.backend.base import NotFound, Stat, Version, not_found
from git_mlvc.backend.object_store.interruptible import interruptible
from git_mlvc.backend.object_store.meaning import Answer
from git_mlvc.backend.object_store.service import Patience, Requests
from git_mlvc.backend.opening import METERED_BYTES, Meter
from git_mlvc.errors import RemoteRefused, RemoteUnavailable

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult

FAILURES = (BaseError, OSError, ValueError)  # what the library raises, beside FileNotFoundError
_COMPRESSED = ("gzip", "deflate", "br", "zstd")


class Reader:
    def __init__(self, requests: Requests, meter: Meter) -> None:
        self._requests = requests
        self._meter = meter

    def blocks(self, key: str) -> Iterator[bytes]:
        """Yield the whole object, in blocks; complete, or it raises. Raises NotFound."""
        try:
            answer = self._get(key, {}, Patience.BODY)
            stream = iter(answer.stream(min_chunk_size=METERED_BYTES))
            passed = 0
            while (block := interruptible(lambda: next(stream, None))) is not None:
                data = bytes(block)
                passed += len(data)
                self._meter_all(len(data))
                yield data
        except FileNotFoundError as exc:
            raise self._absent(exc, key) from exc
        except FAILURES as exc:
            raise self._requests.meaning.of(exc, "read", key) from exc
        self._check_length(key, passed, answer.meta["size"])

    def range(self, key: str, start: int, length: int) -> bytes:
        """Return `length` bytes from `start`, fewer only where the object ends. Raises NotFound."""
        if length <= 0:
            if self.stat(key) is None:
                raise not_found(self._requests.url, key)
            return b""
        try:
            answer = self._get(key, {"range": (start, start + length)})
            data = interruptible(lambda: bytes(answer.bytes()))
        except FileNotFoundError as exc:
            raise self._absent(exc, key) from exc
        except FAILURES as exc:
            if Answer.of(exc).says_beyond_the_end:
                return b""
            raise self._requests.meaning.of(exc, "read", key) from exc
        self._check_length(key, len(data), min(length, answer.meta["size"] - start))
        self._meter_all(len(data))
        return data

    def stat(self, key: str) -> Stat | None:
        found = self._head(key)
        return None if found is None else Stat(found.meta["size"])

    def version(self, name: str) -> Version | None:
        """By ETag, which services of this kind all have; else by date and size."""
        found = self._head(name)
        if found is None:
            return None
        meta = found.meta
        text = f"etag {meta['e_tag']}" if meta.get("e_tag") else ""
        if not text:
            text = f"modified {meta['last_modified'].isoformat()}, {meta['size']} bytes"
        return Version(text, meta["size"])

    def _head(self, key: str) -> GetResult | None:
        """Return None if there is certainly nothing."""
        try:
            return self._get(key, {"head": True})
        except FileNotFoundError:
            return self._certainly_absent(key)
        except FAILURES as exc:
            if Answer.of(exc).status in (400, 401, 403):
                self.range(key, 0, 1)  # unlike that to HEAD, an answer to GET says why
            raise self._requests.meaning.of(exc, "look for", key) from exc

    def _get(
        self, key: str, options: GetOptions, patience: Patience = Patience.ANSWER
    ) -> GetResult:
        path = self._requests.path(key)
        answer = self._requests.ask(
            lambda store: obstore.get(store, path, options=options), patience
        )
        self._check_plain(key, answer)
        self._requests.has_seen_bucket = True
        return answer

    def _check_plain(self, key: str, answer: GetResult) -> None:
        """Raise RemoteRefused for what somebody in between has made of the object."""
        coding = str(answer.attributes.get("Content-Encoding", ""))
        kind = str(answer.attributes.get("Content-Type", "")).partition(";")[0].strip().lower()
        if kind == "text/html":
            raise RemoteRefused(
                f"cannot read {key} on {self._requests.url}",
                why="a web page comes in its place",
                hint="is it a page to log in to the network? Look with a browser, then try again",
            )
        if coding in _COMPRESSED:
            raise RemoteRefused(
                f"cannot read {key} on {self._requests.url}",
                why=f"it arrives compressed ({coding}), unasked",
                hint="is there a proxy in between that compresses? Turn that off for this address",
            )

    def _check_length(self, key: str, came: int, expected: int) -> None:
        if came != expected:
            raise RemoteUnavailable(
                f"cannot read {key} on {self._requests.url}",
                why=f"{came} of {expected} bytes came",
                hint="try again",
            )

    def _certainly_absent(self, key: str) -> GetResult | None:
        """Return None, once it is sure that the bucket itself is there: a 404 to HEAD does not say."""
        if self._requests.has_seen_bucket:
            return None
        try:
            self.range(key, 0, 1)
        except NotFound:
            self._requests.has_seen_bucket = True
            return None
        return self._head(key)  # it has come meanwhile

    def _absent(self, exc: FileNotFoundError, key: str) -> RemoteRefused:
        """Return the error for a 404: about the bucket, or about what is in it."""
        answer = Answer.of(exc)
        if answer.says_no_such_bucket:
            return self._requests.meaning.no_bucket(answer)
        if answer.is_a_strangers:
            return self._requests.meaning.no_object_store()
        return not_found(self._requests.url, key)

    def _meter_all(self, size_bytes: int) -> None:
        for at in range(0, size_bytes, METERED_BYTES):
            self._meter(min(METERED_BYTES, size_bytes - at))

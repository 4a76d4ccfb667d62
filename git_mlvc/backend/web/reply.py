"""One answer of a web server, whose body is read block by block and believed only if it is whole."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from types import TracebackType

import requests

from git_mlvc.backend.opening import METERED_BYTES, Meter
from git_mlvc.backend.web import meaning, urls
from git_mlvc.errors import MlvcError, RemoteRefused, RemoteUnavailable

_DRAINED_BYTES = 64 << 10  # of a body nobody wants, so that the connection can be used again


class Reply:
    """Close it: use it in a `with`. Its body can be read once."""

    def __init__(self, response: requests.Response, *, doing: str, url: str, meter: Meter) -> None:
        self._raw = response.raw
        self._response = response
        self._doing = doing
        self._meter = meter
        self._is_read = False
        self.url = url
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers  # in whatever case they are asked for

    def __enter__(self) -> Reply:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size_bytes(self) -> int | None:
        """How long the body is, by its header; None if that does not say."""
        text = self.headers.get("content-length", "").strip()
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def is_page(self) -> bool:
        """True if it says that it is a web page, for people to look at."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind in ("text/html", "application/xhtml+xml")

    @property
    def is_compressed(self) -> bool:
        """True if the body, and the length that is told, are not those of the object."""
        return self._coding not in ("", "identity")

    def refusal(self) -> MlvcError:
        """Return what this answer means if it is not the one hoped for."""
        return meaning.refusal(self.status, self.headers, doing=self._doing, url=self.url)

    def blocks(self, expected: int | None = None) -> Iterator[bytes]:
        """As `windows`, in bytes that last."""
        return map(bytes, self.windows(expected))

    def windows(
        self, expected: int | None = None, most: int = METERED_BYTES
    ) -> Iterator[memoryview]:
        """Yield the whole body, at most `most` bytes at a time; each is good until the next is asked for.

        Raises RemoteUnavailable at the end of one that is not as long as its header, or `expected`, says,
        or of which nobody can tell whether it is whole; RemoteRefused for a compressed one.
        """
        self._check_plain()
        told = self.size_bytes
        size = told if expected is None else expected
        is_chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        if told is not None and told != size:
            raise self._cut(f"{told} bytes were promised where {size} were asked for")
        if size is None and not is_chunked:
            raise self._cut("it does not say how long its answer is")
        came = 0
        space = memoryview(bytearray(most if size is None else min(most, size + 1)))
        while length := self._fill(space):
            came += length
            if size is not None and came > size:
                raise self._cut(f"more than {size} bytes came")
            yield space[:length]
        if size is not None and came != size:
            raise self._cut(f"{came} of {size} bytes came")
        self._is_read = True

    def read(self, most: int, expected: int | None = None) -> bytes:
        """Return the whole body. Raises RemoteRefused if there are more than `most` bytes."""
        found = bytearray()
        for block in self.blocks(expected):
            found += block
            if len(found) > most:
                raise RemoteRefused(f"cannot {self._doing}", why=f"more than {most} bytes came")
        return bytes(found)

    def close(self) -> None:
        """Give the connection back if little is left of the body, else end it."""
        try:
            if not self._is_read:
                told = 0 if self._response.request.method == "HEAD" else self.size_bytes
                if told is None or told > _DRAINED_BYTES:
                    self._raw.close()
                else:
                    with contextlib.suppress(*meaning.LOST):
                        self._raw.read(_DRAINED_BYTES + 1, decode_content=False)
        finally:
            self._is_read = True
            self._raw.release_conn()

    def page_error(self) -> RemoteRefused:
        """Return the error for a web page in the place of data."""
        return RemoteRefused(
            f"cannot {self._doing}",
            why=f"{urls.shown(self.url)} answers with a web page in the place of data",
            hint="is it a login page? Look at that address in a browser, and mend the remote's or log in",
        )

    def _fill(self, space: memoryview) -> int:
        """Fill `space` as far as the body goes; return how far. The meter learns of each part as it comes."""
        filled = 0
        while filled < len(space):
            try:
                # Of the standard library's answer: the one around it makes new bytes of each block.
                length: int = self._raw._fp.readinto(  # type: ignore[union-attr]
                    space[filled : filled + METERED_BYTES]
                )
            except (*meaning.LOST, http.client.HTTPException) as exc:
                self._raw.close()
                raise meaning.failure(exc, doing=self._doing, url=self.url) from exc
            if not length:
                break
            self._meter(length)
            filled += length
        return filled

    @property
    def _coding(self) -> str:
        return self.headers.get("content-encoding", "").strip().lower()

    def _check_plain(self) -> None:
        if self.is_compressed:
            raise RemoteRefused(
                f"cannot {self._doing}",
                why=f"{urls.origin_of(self.url).url} sends it compressed ({self._coding}), unasked",
                hint="turn that off for this address (nginx: gzip off; Apache: SetEnv no-gzip 1)",
            )

    def _cut(self, why: str) -> RemoteUnavailable:
        self._raw.close()
        return RemoteUnavailable(
            f"cannot {self._doing}", why=f"{urls.origin_of(self.url).url}: {why}"
        )

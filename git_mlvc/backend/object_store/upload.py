"""Large uploads to an object store: one PUT to an address that was signed for it, sent block by block.

The library would hold all of a body in memory, sees nothing of a server that stops reading, and can neither be slowed
down nor interrupted. A signed address needs no library: the drivers' own HTTP sends a file of any size.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.backend.base import Throttled
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import InputError

if TYPE_CHECKING:
    from git_mlvc.backend.web.session import Session

MOST_SAID_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class SignedPut:
    """Where to send a body, and with which headers. Whoever has the address may write there: it is not shown."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """What the server answered; `retry_after_s`: None where it does not say."""

    status: int
    body: str
    retry_after_s: float | None


class Uploads:
    """Sends large bodies to one server, from any thread."""

    def __init__(self, opening: Opening, endpoint: str) -> None:
        self._opening = opening
        self._endpoint = endpoint
        self._session: Session | None = None
        self._lock = threading.Lock()

    def put(self, where: SignedPut, source: Path, doing: str) -> Said | None:
        """Send the file; return None if it was taken, else what was said. Raises RemoteUnavailable, InputError."""
        headers = dict(where.headers)
        if where.url.startswith("http:"):
            # Unlike the library we sign no hash of the body, and here nothing else guards it on the way.
            headers["Content-MD5"] = _md5(source)
        session = self._opened()
        with session.send(
            "PUT", where.url, doing=doing, headers=headers, source=source, is_ours=False
        ) as reply:
            if reply.status in (200, 201, 204):
                return None
            body = reply.read(MOST_SAID_BYTES) if reply.size_bytes != 0 else b""
            busy = reply.refusal() if "retry-after" in reply.headers else None
            wait_s = busy.retry_after_s if isinstance(busy, Throttled) else None
            return Said(reply.status, body.decode("utf-8", "replace"), wait_s)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _opened(self) -> Session:
        with self._lock:
            if self._session is None:
                # Imported for the first large body: it takes longer than all else here.
                from git_mlvc.backend.web.session import Session

                options = self._opening.options
                ways = {name: options[name] for name in ("proxy", "ca-file") if name in options}
                self._session = Session(replace(self._opening, options=ways), home=self._endpoint)
            return self._session


def _md5(source: Path) -> str:
    try:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    except OSError as exc:
        raise InputError(f"cannot read {source}", why=exc.strerror or str(exc)) from exc
    return b64encode(digest.digest()).decode("ascii")

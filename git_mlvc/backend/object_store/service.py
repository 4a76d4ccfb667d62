"""One bucket or container of a service, and asking it: from whatever thread, interruptible, with a login."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from git_mlvc.backend.object_store.interruptible import interruptible
from git_mlvc.backend.object_store.meaning import Meaning
from git_mlvc.backend.object_store.upload import SignedPut

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_T = TypeVar("_T")


class Patience(Enum):
    """How long a connection is waited for."""

    ANSWER = "silent for at most the idle time-out, before the answer and in it"
    BODY = "the same; and a body that breaks off is asked for again from there"
    UPLOAD = "until a large body has been sent and acknowledged"


@dataclass(frozen=True, slots=True)
class Service:
    """`prefix` is "" or ends in "/".

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


class Requests:
    """Asks one service. `has_seen_bucket`: it has been heard from about something in the bucket."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.url = service.url
        self.meaning = service.meaning
        self.has_seen_bucket = False
        self._stores: dict[Patience, ObjectStore] = {}
        self._lock = threading.Lock()

    def path(self, key: str) -> str:
        return self.service.prefix + key

    def ask(self, request: Callable[[ObjectStore], _T], patience: Patience = Patience.ANSWER) -> _T:
        """Return what `request` returns, or raise what it raises; Ctrl-C is heard meanwhile."""
        return interruptible(lambda: request(self._store(patience)))

    def close(self) -> None:
        with self._lock:
            self._stores.clear()

    def _store(self, patience: Patience) -> ObjectStore:
        self.service.sign_in()
        with self._lock:
            store = self._stores.get(patience)
            if store is None:
                store = self._stores[patience] = self.service.connect(patience)
            return store

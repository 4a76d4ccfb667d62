"""A place of a real server, seen through a proxy that can be told to fail."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from support.fault_proxy import FaultProxy
from support.servers.place import RemotePlace

from git_mlvc.backend.base import Backend
from git_mlvc.backend.opening import NO_CREDENTIALS, Credentials
from git_mlvc.backend.wrap.retry import Retry

IDLE_TIMEOUT_S = 1.0
_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost):([0-9]+)")


@dataclass(frozen=True)
class Faulty:
    """`backend`: the driver through the proxy, with retries that do not wait. `truth`: straight to the server.

    `secrets`: what no message may show.
    """

    proxy: FaultProxy
    backend: Backend
    truth: Backend
    secrets: tuple[str, ...] = ()


def upstream_of(place: RemotePlace) -> int:
    """Return the port of the server that a place is on."""
    for text in (place.url, *place.options.values(), *place.environment.values()):
        found = _LOOPBACK.search(text)
        if found is not None:
            return int(found[1])
    raise ValueError(f"{place.url} names no server on loopback")


def through(place: RemotePlace, proxy: FaultProxy) -> RemotePlace:
    """Return the same place on the proxy's port."""

    def moved(text: str) -> str:
        return _LOOPBACK.sub(
            lambda m: f"127.0.0.1:{proxy.port}" if int(m[1]) == proxy.upstream else m[0], text
        )

    def all_moved(texts: Mapping[str, str]) -> dict[str, str]:
        return {name: moved(text) for name, text in texts.items()}

    return replace(
        place,
        url=moved(place.url),
        options=all_moved(place.options),
        environment=all_moved(place.environment),
        git_url=None if place.git_url is None else moved(place.git_url),
    )


@contextlib.contextmanager
def faulty_place(
    place: RemotePlace,
    *,
    truth: Backend | None = None,
    secrets: tuple[str, ...] = (),
    credentials: Credentials = NO_CREDENTIALS,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> Iterator[Faulty]:
    """`truth`: who may write, if the place itself cannot be written to (a static web server)."""
    with FaultProxy(upstream_of(place)) as proxy:
        driver = through(place, proxy).backend(
            credentials=credentials, idle_timeout_s=idle_timeout_s
        )
        straight = truth or place.backend(credentials=credentials)
        with contextlib.closing(driver), contextlib.closing(straight):
            yield Faulty(proxy, Retry(driver, sleep=lambda seconds: None), straight, secrets)

"""Addresses that a git-lfs server hands out for one object: where to, with which headers, until when."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from git_mlvc.errors import RemoteRefused

SPARE_S = 30.0  # what expires sooner is asked for anew
# Headers that say how a body travels are ours to set.
_NOT_TAKEN = {
    "transfer-encoding",
    "content-length",
    "connection",
    "host",
    "accept-encoding",
    "expect",
}


@dataclass(frozen=True, slots=True)
class Action:
    """An address that the server handed out, good until `expires_at` (of time.monotonic)."""

    href: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    expires_at: float

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() < self.expires_at - SPARE_S


def action_of(said: object, doing: str) -> Action:
    """Return what a batch answer's action says. Raises RemoteRefused for what is none."""
    if not isinstance(said, dict) or not isinstance(said.get("href"), str):
        raise not_lfs(doing)
    header = said.get("header") or {}
    if not isinstance(header, dict):
        raise not_lfs(doing)
    headers = {str(k): str(v) for k, v in header.items() if str(k).lower() not in _NOT_TAKEN}
    return Action(said["href"], headers, _expiry(said))


def _expiry(said: Mapping[str, Any]) -> float:
    """Return when an action stops to be good, of time.monotonic; never, if it does not say."""
    seconds = said.get("expires_in")
    if isinstance(seconds, int | float) and seconds > 0:
        return time.monotonic() + seconds
    try:
        at = datetime.datetime.fromisoformat(str(said["expires_at"]))
        left = at.timestamp() - time.time()
    except (KeyError, ValueError, OverflowError):
        return float("inf")
    if at.year < 2000:  # the zero of the language that the server is written in
        return float("inf")
    return time.monotonic() + left


def not_lfs(doing: str) -> RemoteRefused:
    return RemoteRefused(f"cannot {doing}", why="what answers there is no git-lfs server")

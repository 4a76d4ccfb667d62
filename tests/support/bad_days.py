"""A table of what goes wrong between a person's command and a server that speaks HTTP, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from support.fault_proxy import (
    Answer,
    Drip,
    FlipBit,
    Gzip,
    Lost,
    Reset,
    ResetRequest,
    ResetResponse,
    Rules,
    Stall,
    Truncate,
    page,
    redirect,
    retry_after,
)

WRITES = "PUT|POST|PATCH|MOVE|COPY|MKCOL|DELETE"
READS = "GET|HEAD|PROPFIND"
PACKS = r"packs|objects"  # where the bytes of files are; git-lfs says objects


class Outcome(Enum):
    DONE = "it succeeds, after a retry"
    REFUSED = "one clear error"
    EITHER = "one of both: what the driver can know differs"


DONE, REFUSED, EITHER = Outcome.DONE, Outcome.REFUSED, Outcome.EITHER


@dataclass(frozen=True)
class BadDay:
    """`rules` tells the proxy; `elsewhere` is the URL of a host that only records. What may come of push and pull."""

    name: str
    rules: Callable[[Rules, str], None]
    push: Outcome
    pull: Outcome


def _error(status: int, code: str) -> Answer:
    """The body is S3's; others look at the status."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said so</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def _several(rules: Rules, *one_each: tuple[object, str, str]) -> None:
    for fault, method, path in one_each:
        rules.add(fault, method=method or None, path=path)  # type: ignore[arg-type]


BAD_DAYS: tuple[BadDay, ...] = (
    BadDay(
        "errors in bursts",
        lambda rules, _: (
            rules.add(Answer(500), times=2),
            rules.add(_error(503, "SlowDown"), skip=3, times=2),
        )[0],
        DONE,
        DONE,
    ),
    BadDay("too many requests", lambda rules, _: rules.add(retry_after("1")), DONE, DONE),
    BadDay(
        "resets",
        lambda rules, _: _several(
            rules,
            (ResetRequest(2000), "PUT", ""),
            (ResetResponse(50), "GET", ""),
            (Reset(), "", ""),
        ),
        DONE,
        DONE,
    ),
    BadDay("an answer is lost", lambda rules, _: rules.add(Lost(), method="PUT|GET"), DONE, DONE),
    BadDay("a body is cut off", lambda rules, _: rules.add(Truncate(), method="GET"), DONE, DONE),
    BadDay(
        "a body is cut off and called whole",
        lambda rules, _: rules.add(Truncate(honest=False), method="GET", path=PACKS),
        DONE,
        EITHER,
    ),
    BadDay(
        "wrong bytes",
        lambda rules, _: rules.add(FlipBit(), method="GET", path=PACKS, times=-1),
        EITHER,
        REFUSED,
    ),
    BadDay(
        "a slow drip",
        lambda rules, _: rules.add(Drip(8, 0.3), method="GET", path=PACKS),
        DONE,
        DONE,
    ),
    BadDay("a stall", lambda rules, _: rules.add(Stall(), skip=1), DONE, DONE),
    BadDay("silence", lambda rules, _: rules.add(Stall(), times=-1), REFUSED, REFUSED),
    BadDay(
        "expired credentials",
        lambda rules, _: rules.add(_error(403, "ExpiredToken"), times=-1),
        REFUSED,
        REFUSED,
    ),
    BadDay(
        "a clock that is wrong",
        lambda rules, _: rules.add(_error(403, "RequestTimeTooSkewed"), times=-1),
        REFUSED,
        REFUSED,
    ),
    BadDay(
        "no right to write",
        lambda rules, _: rules.add(_error(403, "AccessDenied"), method=WRITES, times=-1),
        REFUSED,
        EITHER,  # git-lfs asks for reading by POST
    ),
    BadDay(
        "what appears late",
        lambda rules, _: rules.add(_error(404, "NoSuchKey"), method=READS, path=PACKS, times=2),
        EITHER,
        EITHER,
    ),
    BadDay(
        "a full disk",
        lambda rules, _: rules.add(Answer(507), method="PUT", times=-1),
        REFUSED,
        DONE,
    ),
    BadDay(
        "a server that is down", lambda rules, _: rules.add(Answer(503), times=-1), REFUSED, REFUSED
    ),
    BadDay(
        "another host",
        lambda rules, elsewhere: rules.add(redirect(elsewhere, 307), times=-1),
        REFUSED,
        REFUSED,
    ),
    BadDay("a page to log in", lambda rules, _: rules.add(page(), times=-1), REFUSED, REFUSED),
    BadDay(
        "compressed unasked",
        lambda rules, _: rules.add(Gzip(), method="GET", path=PACKS, times=-1),
        EITHER,
        EITHER,
    ),
)

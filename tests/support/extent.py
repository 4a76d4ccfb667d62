"""How much is tried: a part in `make test`, all of it in `make faults`, which sets MLVC_FAULTS.

`make test` has ten minutes on two processors. What is cut short there are further cases of what other cases
show already, never the only case of something. `make faults` runs each file of tests that imports this.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

Case = TypeVar("Case")
Test = TypeVar("Test")

SHORT = 12
# How many kills, full disks, random commands.
FAULTS = int(os.environ.get("MLVC_FAULTS") or SHORT)
IN_FULL = FAULTS > SHORT


def cases(every: Iterable[Case], short: Collection[Case]) -> list[Case]:
    """Return every case in `make faults`, else those of `short`, all of which are among them."""
    found = list(every)
    unknown = [case for case in short if case not in found]
    if unknown:
        raise ValueError(f"no such cases: {unknown}")
    return found if IN_FULL else [case for case in found if case in short]


def examples(in_full: int) -> int:
    """Return how many examples of a property are tried: a quarter in `make test`."""
    return in_full if IN_FULL else max(5, in_full // 4)


def further(shown_by: str) -> Callable[[Test], Test | None]:
    """Leave a test to `make faults`: what it shows, the test called `shown_by` shows in `make test`."""
    return lambda test: test if IN_FULL else None

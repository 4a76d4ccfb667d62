"""Reading a stream into memory that is there already."""

from __future__ import annotations

import os
from collections.abc import Callable


def reader(fd: int) -> Callable[[memoryview], int]:
    """Return what fills memory with what `fd` gives; fewer bytes only at its end."""

    def read_into(target: memoryview) -> int:
        at = 0
        while at < len(target):
            count = os.readv(fd, [target[at:]])
            if count == 0:
                break
            at += count
        return at

    return read_into

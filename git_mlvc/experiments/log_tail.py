"""What the stages of an experiment wrote: their logs as one text, and as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from git_mlvc.pipeline.running.run_logs import RunLogs

_READ_BYTES = 1 << 16
_LOOK_S = 0.2


def last_logs(folder: Path) -> dict[str, Path]:
    """Return the last log of each stage that has one, in the order in which they began."""
    found = RunLogs(folder).all()
    return dict(sorted(found.items(), key=lambda item: (item[1].name, item[0])))


def names(folder: Path) -> list[str]:
    """Return the names of the experiments that have logs in `folder`."""
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []


def follow(
    find: Callable[[], dict[str, Path]], is_over: Callable[[], bool], *, look_s: float = _LOOK_S
) -> Iterator[bytes]:
    """Yield what is in the logs, and what comes, until the experiment is over.

    `find`: its logs as far as they have begun. Where several stages write at once, a line says whose part follows.
    """
    read: dict[Path, int] = {}
    shown: Path | None = None
    while True:
        was_over = is_over()  # then once more: the last lines may have come since
        for stage, path in find().items():
            for block in _new(path, read):
                if shown not in (None, path) and read[path] > len(block):
                    yield f"\n# git mlvc: more of {stage}\n".encode()
                shown = path
                yield block
        if was_over:
            return
        time.sleep(look_s)


def _new(path: Path, read: dict[Path, int]) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            file.seek(read.setdefault(path, 0))
            while block := file.read(_READ_BYTES):
                read[path] += len(block)
                yield block
    except FileNotFoundError:
        return  # one that was too many

"""Images of one thing at several steps, `samples/0.png`, `samples/25.png` …: which of them are shown.

A page has room for so much: of a long series as many as fit, evenly spread, the first and the last among them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.errors import InputError
from git_mlvc.plots.picture import Picture, is_picture
from git_mlvc.repo_path import RepoPath
from git_mlvc.units import size_text

MOST_STEPS = 100
ROOM_BYTES = 20_000_000
"""What one series may take on a page where nobody has said how many steps are wanted."""

Read = Callable[[str, RepoPath], Picture | None]
"""Return the image of a revision; None if it cannot be shown: then the reader has said why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The images of one step by revision; not every revision has every step."""

    step: int
    pictures: Mapping[str, Picture]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many steps are shown: at most `most`; None: as many as there is room for on a page."""

    most: int | None = None


Steps = Mapping[str, Mapping[int, RepoPath]]
"""Of each revision, its images by step."""


def frames(
    steps: Steps, read: Read, wanted: Wanted, room_bytes: int
) -> tuple[list[Frame], list[str]]:
    """Return what is shown, by step, and what to say of the rest.

    Raises InputError where the steps that are wanted need more than `room_bytes`.
    """
    there = sorted({step for by_step in steps.values() for step in by_step})
    if wanted.most is not None:
        found = _all_of(steps, read, spread(there, wanted.most), room_bytes)
    else:
        room_bytes = min(room_bytes, ROOM_BYTES)
        most = _that_fit(steps, read, there, room_bytes)
        found = _those_that_fit(steps, read, spread(there, most), room_bytes)
    return found, _told(found, there, wanted)


def spread(steps: Sequence[int], most: int) -> list[int]:
    """Return so many of the steps, evenly spread, the last of them always."""
    if most >= len(steps):
        return list(steps)
    if most <= 1:
        return list(steps[-1:])
    return [steps[round(at * (len(steps) - 1) / (most - 1))] for at in range(most)]


def size(frame: Frame) -> int:
    """Return the bytes of its images; equal ones count once."""
    return sum(len(data) for data in {picture.data for picture in frame.pictures.values()})


def _that_fit(steps: Steps, read: Read, there: Sequence[int], room_bytes: int) -> int:
    """Return how many steps fit if all are as large as the last."""
    one = size(_frame(steps, read, there[-1]))
    return max(1, min(MOST_STEPS, room_bytes // one if one else MOST_STEPS))


def _those_that_fit(
    steps: Steps, read: Read, chosen: Sequence[int], room_bytes: int
) -> list[Frame]:
    """Return the frames of these steps; where they need too much room every second of them, and so on."""
    found: dict[int, Frame] = {}
    waiting = list(reversed(chosen))  # the last is always among them
    while waiting:
        step = waiting.pop(0)
        found[step] = _frame(steps, read, step)
        while len(found) > 1 and sum(map(size, found.values())) > room_bytes:
            kept = [*found, *waiting][::2]
            found = {one: frame for one, frame in found.items() if one in kept}
            waiting = [one for one in waiting if one in kept]
    return [found[step] for step in sorted(found) if found[step].pictures]


def _all_of(steps: Steps, read: Read, chosen: Sequence[int], room_bytes: int) -> list[Frame]:
    found: list[Frame] = []
    for step in chosen:
        found.append(_frame(steps, read, step))
        room_bytes -= size(found[-1])
        if room_bytes < 0:
            raise InputError(
                f"{len(chosen):,} steps have no room on the page",
                why=f"there is room for {len(found) - 1:,} of them beside the other images",
                hint="ask for fewer with --steps N",
            )
    return [frame for frame in found if frame.pictures]


def _frame(steps: Steps, read: Read, step: int) -> Frame:
    there = {revision: by_step[step] for revision, by_step in steps.items() if step in by_step}
    pictures = {revision: read(revision, path) for revision, path in there.items()}
    return Frame(step, {name: one for name, one in pictures.items() if one is not None})


def _told(found: Sequence[Frame], there: Sequence[int], wanted: Wanted) -> list[str]:
    if len(found) == len(there) or not found:
        return []
    shown = f"{len(found):,} of {len(there):,} steps are shown, evenly spread"
    if wanted.most is not None:
        return [shown]
    is_many = len(found) >= MOST_STEPS
    most = f"{MOST_STEPS} steps" if is_many else size_text(ROOM_BYTES)
    return [f"{shown}: a series takes up to {most} (--steps N shows N of them)"]


def by_folder(
    paths: Iterable[RepoPath], single: Collection[RepoPath]
) -> dict[RepoPath, list[tuple[int, RepoPath]]]:
    """Return the files, each without steps; and directories of images that are called by their steps, with these."""
    paths = list(paths)
    steps: dict[RepoPath, list[tuple[int, RepoPath]]] = {}
    for path in paths:
        stem, _, _ = path.raw.rpartition(b"/")[2].rpartition(b".")
        if (
            path not in single
            and stem.isdigit()
            and len(stem) < 16
            and b"/" in path.raw
            and is_picture(str(path))
        ):
            steps.setdefault(_folder(path), []).append((int(stem), path))
    in_series = {path for found in steps.values() if len(found) > 1 for _, path in found}
    found: dict[RepoPath, list[tuple[int, RepoPath]]] = {}
    for path in paths:
        if path not in in_series:
            found[path] = []
        elif _folder(path) not in found:
            found[_folder(path)] = sorted(steps[_folder(path)])
    return found


def _folder(path: RepoPath) -> RepoPath:
    return RepoPath(path.raw.rpartition(b"/")[0])

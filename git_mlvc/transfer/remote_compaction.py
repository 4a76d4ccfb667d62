"""Keeps the number of a remote's segments small: a push that made one too many merges the small ones.

Segments are index, not data, and need no lock. The merged one is put and looked at, then markers say what it
replaces (`succession.py`), and only after a grace do those go: whoever has read their names still finds them. Two clients
that merge at once name some of it twice. Nothing here trusts a clock: what goes is replaced by what is there.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from git_mlvc.backend.base import Backend, Capability
from git_mlvc.errors import FormatError, MlvcError, RemoteError
from git_mlvc.fs import atomic
from git_mlvc.store.disk import Disk
from git_mlvc.store.merging import merge_to_file
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.arrival import check_arrival
from git_mlvc.transfer.queue import Lanes, Pool
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.segments import segment_listing, succession
from git_mlvc.transfer.segments.remote_segments import RemoteSegments
from git_mlvc.transfer.segments.succession import Listing, Marker

MOST_SEGMENTS = 4  # that are left after merging, if the allowance suffices
TOO_MANY = 8
FREE_BYTES = 16 << 20  # of segments that any push may read and write for it
_DAY_S = 86400
_Job = TypeVar("_Job")


def to_merge(sizes: Mapping[bytes, int], allowance_bytes: int) -> list[bytes]:
    """Return the segments (id -> bytes) to merge into one: none while there are few.

    The smallest, so many that few are left, and larger ones as long as those before them are together
    half as large: so each row is copied a logarithmic number of times. No more than the allowance.
    """
    if len(sizes) < TOO_MANY:
        return []
    chosen: list[bytes] = []
    total = 0
    for number, segment_id in enumerate(sorted(sizes, key=lambda one: (sizes[one], one))):
        size = sizes[segment_id]
        is_needed = number <= len(sizes) - MOST_SEGMENTS
        if total + size > allowance_bytes or not (is_needed or size < 2 * total):
            break
        chosen.append(segment_id)
        total += size
    return chosen if len(chosen) >= MOST_SEGMENTS else []


def compact(
    view: RemoteView,
    directory: Path,
    *,
    allowance_bytes: int = FREE_BYTES,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Merge what should be merged, by a temporary file in `directory`; return whether anything was.

    What was merged long ago goes. `allowance_bytes`: how much of segments may be read and written for it. Whatever
    fails leaves the remote as complete as it was.
    """
    if not {Capability.DELETE, Capability.LIST} <= view.backend.capabilities:
        return False
    today = int(clock()) // _DAY_S
    is_merged = False
    with contextlib.suppress(RemoteError, FormatError, OSError):
        tidy(view.segments, today)
        chosen = to_merge(view.segments.sizes(), max(allowance_bytes, FREE_BYTES))
        is_merged = bool(chosen) and _merge(view, chosen, directory, today)
    return is_merged


def tidy(segments: RemoteSegments, today: int) -> None:
    """Remove segments whose grace is over, and markers that have served. Raises RemoteError."""
    listing = segments.listing
    due = list(listing.to_remove(today))[: succession.MOST_AT_ONCE]
    backend = segments.backend
    heirs = {old: listing.heirs(old) for _, old in due if old is not None}
    # The listing may be old: what replaces must stand there now, and must have read well.
    standing = {
        heir
        for heir in set().union(*heirs.values(), set())
        if heir in segments.ids()
        and (found := backend.stat(remote_layout.segment_key(heir))) is not None
        and found.size_bytes == listing.sizes[heir]
    }
    safe = [marker for marker, old in due if old is None or heirs[old] & standing]
    _each(backend, segments.lanes, [one.old for one in safe if one.old in heirs], _remove)
    _each(backend, segments.lanes, safe, lambda backend, marker: backend.delete(marker.key))


def _merge(view: RemoteView, chosen: Collection[bytes], directory: Path, today: int) -> bool:
    segments, backend = view.segments, view.backend
    segments.make_whole(chosen)
    views = [segments.whole[one] for one in chosen if one in segments.whole]
    if len(views) < len(chosen):
        return False  # one is damaged: a doubt says so
    fd, path = atomic.open_temp(directory, "segment")
    try:
        merged = merge_to_file(views, fd, Disk())
        key = remote_layout.segment_key(merged)
        size_bytes = os.fstat(fd).st_size
        listing = segment_listing.listed(backend, named=chosen)
        if not listing.live.keys() >= set(chosen):
            return False  # somebody else was faster
        backend.put_if_absent(key, path)
        check_arrival(view, key, size_bytes)
        replaced = [one for one in chosen if one != merged]
        markers = [Marker(today, one, merged) for one in replaced]
        _each(backend, segments.lanes, markers, _mark)
        sizes = {**listing.sizes, merged: size_bytes}
        segments.listing = Listing(sizes, listing.markers.union(markers))
        segments.replace(chosen, merged, path)
    finally:
        os.close(fd)
        with contextlib.suppress(OSError):
            path.unlink()
    return True


def _mark(backend: Backend, marker: Marker) -> None:
    backend.put(marker.key, remote_layout.MARKER_TEXT)


def _remove(backend: Backend, segment_id: bytes) -> None:
    backend.delete(remote_layout.segment_key(segment_id))


def _each(
    backend: Backend, lanes: Lanes, jobs: Iterable[_Job], ask: Callable[[Backend, _Job], None]
) -> None:
    """Ask for all of them, several at a time; raise the first failure when all were asked."""
    failures: list[MlvcError] = []
    pool: Pool[_Job, None] = Pool(lambda job: ask(backend, job), cost=lambda job: 1, lanes=lanes)
    for _, outcome in pool.run(jobs):
        if outcome is not None:
            failures.append(outcome)
    if failures:
        raise failures[0]

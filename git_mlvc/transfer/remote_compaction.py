"""Keeps the number of a remote's segments small: a push that made one too many merges the small ones.

Segments are index, not data, and need no lock: the merged one is put and looked at before those that it
replaces go, so at any moment all is named; two clients that merge at once name some of it twice. A reader that
meets a name that has gone lists anew.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from git_mlvc.backend.base import Capability
from git_mlvc.errors import FormatError, RemoteError
from git_mlvc.fs import atomic
from git_mlvc.store.disk import Disk
from git_mlvc.store.merging import merge_to_file
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.remote_segments import RemoteSegments

MOST_SEGMENTS = 4  # that are left after merging, if the allowance suffices
TOO_MANY = 8
FREE_BYTES = 16 << 20  # of segments that any push may read and write for it


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
    segments: RemoteSegments, directory: Path, *, allowance_bytes: int = FREE_BYTES
) -> bool:
    """Merge what should be merged, by a temporary file in `directory`; return whether anything was.

    `allowance_bytes`: how much of segments may be read and written for it. Whatever fails leaves the remote
    as complete as it was.
    """
    backend = segments.backend
    if not {Capability.DELETE, Capability.LIST} <= backend.capabilities:
        return False
    chosen = to_merge(segments.sizes(), max(allowance_bytes, FREE_BYTES))
    if not chosen:
        return False
    try:
        segments.make_whole(chosen)
        views = [segments.whole[one] for one in chosen if one in segments.whole]
        if len(views) < len(chosen):
            return False  # one is damaged: a doubt says so
        fd, path = atomic.open_temp(directory, "segment")
        try:
            merged = merge_to_file(views, fd, Disk())
            key = remote_layout.segment_key(merged)
            size_bytes = os.fstat(fd).st_size
            if not segments.listed().keys() >= set(chosen):
                return False  # somebody cleans up: what was taken out must not be named again
            backend.put_if_absent(key, path)
            found = backend.stat(key)
            if found is None or found.size_bytes != size_bytes:
                return False
            segments.replace(chosen, merged, path)
        finally:
            os.close(fd)
            with contextlib.suppress(OSError):
                path.unlink()
        for segment_id in chosen:
            if segment_id != merged:
                backend.delete(remote_layout.segment_key(segment_id))
    except (RemoteError, FormatError, OSError):
        return False
    return True

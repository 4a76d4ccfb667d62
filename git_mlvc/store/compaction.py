"""Keeps the number of segments in proportion to the logarithm of the store's size.

Segments of like size are merged, as LSM trees do: each row is copied once for each fourfold growth of the
store, and no segment is too large for it, since merging takes no more memory for large ones. Segments are index, not data: the merged one is
published first, then those it replaces go; readers that hold an old one go on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from git_mlvc.errors import FormatError, StoreLocked
from git_mlvc.fs.lock import FileLock
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout
from git_mlvc.store.merging import is_named_right, write_merged_segment
from git_mlvc.store.use_lock import make_lock_file

FANOUT = 4


def to_merge(sizes: Mapping[bytes, int]) -> list[bytes]:
    """Return the segments (id -> rows) to merge into one: of a crowded tier and all below it."""
    tiers: dict[int, list[bytes]] = {}
    for segment_id, rows in sizes.items():
        tiers.setdefault(_tier(rows), []).append(segment_id)
    crowded = [tier for tier, members in tiers.items() if len(members) >= FANOUT]
    if not crowded:
        return []
    chosen = [s for tier, members in tiers.items() if tier <= max(crowded) for s in members]
    return sorted(chosen, key=lambda segment_id: (sizes[segment_id], segment_id))


def _tier(rows: int) -> int:
    return max(0, (rows.bit_length() - 8) // 2)


def compact(layout: Layout, disk: Disk, index: ChunkIndex) -> bool:
    """Merge what should be merged; return whether anything was. Another process at it: nothing to do.

    A disk that refuses leaves everything as it was: a store with many segments is slower, not worse.
    """
    views = index.views()
    if not to_merge({s: len(v) for s, v in views.items()}):
        return False
    try:
        make_lock_file(layout.lock, disk)
        with FileLock(Path(layout.lock), timeout_s=0, owner_note="merging segments"):
            views = index.views()
            chosen = to_merge({s: len(v) for s, v in views.items()})
            if not chosen:
                return False
            if not all(is_named_right(views[s], s) for s in chosen):
                return False  # fsck's affair: what it says cannot be copied
            merged = write_merged_segment([views[s] for s in chosen], layout, disk)
            index.add_segment(merged)
            for segment_id in chosen:
                if segment_id != merged:
                    disk.remove(layout.segment(segment_id))
    except (StoreLocked, OSError, FormatError):
        return False
    index.reload()
    return True

"""Takes packs out of the segments: the one way in which a pack stops being found.

Each segment that names one of them is replaced by one that does not, published first; only then may
the packs themselves be moved or deleted.
"""

from __future__ import annotations

from collections.abc import Collection

from git_mlvc.errors import FormatError
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout
from git_mlvc.store.merging import is_named_right, write_merged_segment


def drop_from_segments(
    packs: Collection[bytes], layout: Layout, disk: Disk, index: ChunkIndex
) -> None:
    """Replace every segment that names one of `packs`. The caller holds the maintenance lock."""
    index.reload()
    for segment_id, view in index.views().items():
        names = {entry.id for entry in view.packs}
        if names.isdisjoint(packs):
            continue
        if names - set(packs):
            if not is_named_right(view, segment_id):
                continue  # fsck's affair: what it says cannot be copied
            try:
                kept = write_merged_segment([view], layout, disk, drop_packs=set(packs))
            except FormatError:
                continue
            if kept == segment_id:
                continue
        disk.remove(layout.segment(segment_id))
    index.reload()

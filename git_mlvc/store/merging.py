"""Segments of a store merged into one file, without holding them in memory."""

from __future__ import annotations

import os
from collections.abc import Container, Sequence

from git_mlvc.errors import FormatError
from git_mlvc.formats.segment import SegmentView
from git_mlvc.formats.segment_merge import write_merged
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout, unique_name

_WINDOW = 1 << 20


def write_merged_segment(
    views: Sequence[SegmentView], layout: Layout, disk: Disk, *, drop_packs: Container[bytes] = ()
) -> bytes:
    """Publish one segment that says what `views` say, without the packs to be dropped; return its id.

    Raises FormatError where a view is damaged, OSError when the disk refuses: then nothing is published.
    """
    temporary = f"{layout.tmp}/{unique_name()}.segment"
    disk.make_dir(layout.segments)
    fd = disk.create(temporary)
    try:
        segment_id = merge_to_file(views, fd, disk, drop_packs=drop_packs)
        disk.sync(fd)
    except (OSError, FormatError):
        disk.remove(temporary)
        raise
    finally:
        os.close(fd)
    disk.rename(temporary, layout.segment(segment_id))
    disk.sync_dir(layout.segments)
    return segment_id


def merge_to_file(
    views: Sequence[SegmentView], fd: int, disk: Disk, *, drop_packs: Container[bytes] = ()
) -> bytes:
    """Write the merged segment into an empty file; return its id. As `write_merged_segment`."""
    from blake3 import blake3

    layout = write_merged(
        views, lambda data, offset: disk.pwrite(fd, data, offset), drop_packs=drop_packs
    )
    hasher = blake3()
    window = memoryview(bytearray(_WINDOW))
    offset = 0
    while offset < layout.checksum_at:
        got = os.preadv(fd, [window[: layout.checksum_at - offset]], offset)
        if not got:
            raise OSError(0, "a file that was just written is cut short")
        hasher.update(window[:got])
        offset += got
    checksum = hasher.digest()
    disk.pwrite(fd, checksum, layout.checksum_at)
    segment_id: bytes = hasher.update(checksum).digest()
    return segment_id


def is_named_right(view: SegmentView, segment_id: bytes) -> bool:
    """True if a segment's bytes are those that its name promises."""
    from blake3 import blake3

    return bool(blake3(view.buffer).digest() == segment_id)

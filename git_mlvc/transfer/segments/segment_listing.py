"""What segments stand on a remote, and what markers beside them say."""

from __future__ import annotations

from collections.abc import Iterable

from git_mlvc.backend.base import Backend
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.segments.succession import Listing, Marker

MOST_UNLISTED = 16  # named by the index and not by the listing: asked for one by one


def listed(backend: Backend, *, named: Iterable[bytes] = ()) -> Listing:
    """Return what stands there now.

    A listing may lag behind: of `named`, segments that should be there, those that it lacks are looked for. Raises
    RemoteError.
    """
    sizes: dict[bytes, int] = {}
    markers: set[Marker] = set()
    for found in backend.list(remote_layout.SEGMENTS):
        segment_id = remote_layout.segment_of(found.key)
        if segment_id is not None:
            sizes[segment_id] = found.size_bytes
        elif (marked := remote_layout.marker_of(found.key)) is not None:
            old, merged, day = marked
            markers.add(Marker(day, old, merged))
    for segment_id in [one for one in named if one not in sizes][:MOST_UNLISTED]:
        stat = backend.stat(remote_layout.segment_key(segment_id))
        if stat is not None:
            sizes[segment_id] = stat.size_bytes
    return Listing(sizes, frozenset(markers))

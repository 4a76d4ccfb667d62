"""Which segments of a listing count: those that were merged into another stay for a while beside it. Pure.

A marker is a key beside the segments that says in its name which was merged into which, and on which day. So one
listing tells all, and older programs, which do not know markers, read both and find the same. Days are only for
tidying: a segment may go as soon as what it was merged into is there, by whatever clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from git_mlvc.transfer import remote_layout

GRACE_DAYS = 7  # so long a reader may go on with what it has read
MOST_KEPT = 200  # with their markers not half a page of a listing; beyond that the oldest go
LONGEST_CHAIN = 50
MOST_AT_ONCE = 64  # that one push tidies away


@dataclass(frozen=True, slots=True, order=True)
class Marker:
    """`old` was merged into `merged` on a day, counted from the first of 1970."""

    day: int
    old: bytes
    merged: bytes

    @property
    def key(self) -> str:
        return remote_layout.marker_key(self.old, self.merged, self.day)


@dataclass(frozen=True)
class Listing:
    """The segments that stand on a remote (id -> bytes), and what markers say of them."""

    sizes: Mapping[bytes, int]
    markers: frozenset[Marker] = frozenset()

    @cached_property
    def live(self) -> dict[bytes, int]:
        """The segments that nothing here replaces."""
        return {one: size for one, size in self.sizes.items() if not self._is_replaced(one)}

    def without(self, damaged: Iterable[bytes]) -> Listing:
        """Return the listing as if some were not there: then what they replace counts again."""
        gone = set(damaged)
        return Listing({o: s for o, s in self.sizes.items() if o not in gone}, self.markers)

    def to_remove(self, today: int) -> Iterator[tuple[Marker, bytes | None]]:
        """Yield markers that have served, each with the segment to remove before it, if that is there.

        The oldest first, so that what was merged again goes after what was merged into it.
        """
        kept = sorted(marker for marker in self.markers if self._is_replaced(marker.old))
        named = {marker.merged for marker in self.markers if marker.old in self.sizes}
        for place, marker in enumerate(kept):
            if marker.day > today - GRACE_DAYS and len(kept) - place <= MOST_KEPT:
                continue
            if marker.old not in named:  # else it says what became of something that stands there
                yield marker, marker.old if marker.old in self.sizes else None

    def heirs(self, old: bytes) -> set[bytes]:
        """Return the segments here that have all that `old` had."""
        return {heir for heir in self._reached(old, frozenset()) if not self._reached_any(heir)}

    def _is_replaced(self, one: bytes) -> bool:
        return one in self._next and bool(self.heirs(one))

    def _reached_any(self, one: bytes) -> bool:
        return one in self._next and bool(self._reached(one, frozenset()))

    def _reached(self, one: bytes, passed: frozenset[bytes]) -> set[bytes]:
        """Return where markers lead from `one`, as far as they do. Whoever wrote them in a circle gains nothing."""
        found: set[bytes] = set()
        if len(passed) > LONGEST_CHAIN:
            return found
        for merged in self._next.get(one, ()):
            if merged not in passed and merged != one:
                beyond = self._reached(merged, passed | {one})
                found |= beyond or ({merged} if merged in self.sizes else set())
        return found

    @cached_property
    def _next(self) -> dict[bytes, set[bytes]]:
        following: dict[bytes, set[bytes]] = {}
        for marker in self.markers:
            following.setdefault(marker.old, set()).add(marker.merged)
        return following

"""A remote with segments of any size, whose bytes are worked out when they are asked for.

Ids are as random as hashes and always the same; a few true records can be planted among them.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from blake3 import blake3

from git_mlvc.backend.base import Listed, Stat
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.formats.segment import (
    ID_SIZE,
    LAYOUT_SIZE,
    PACK_ROW,
    ROW,
    Location,
    SegmentLayout,
    SegmentView,
    encode_layout,
)
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.remote_layout import SLICE_ROWS, Summary

BUCKETS = 1 << 16
PACK_BYTES = 64 << 20
LISTING_PAGE = 1000


class VastSegment:
    """About `rows` made-up records, a thousand to a pack, and the planted ones in packs of their own."""

    def __init__(self, seed: int, rows: int, planted: dict[bytes, tuple[Location, int]]) -> None:
        self.id = blake3(b"vast %d" % seed).digest()
        self._seed = seed
        self._planted = planted
        rng = random.Random(seed)
        mean = rows / BUCKETS
        self._made_up = [max(0, round(rng.gauss(mean, mean**0.5))) for _ in range(BUCKETS)]
        counts = list(self._made_up)
        self._planted_in: dict[int, list[bytes]] = {}
        for digest in planted:
            bucket = int.from_bytes(digest[:2], "big")
            counts[bucket] += 1
            self._planted_in.setdefault(bucket, []).append(digest)
        self._starts = [0, *accumulate(counts)]
        own = sorted({(place.pack, size) for place, size in planted.values()})
        self._own_packs = {pack: (number, size) for number, (pack, size) in enumerate(own)}
        self.layout = SegmentLayout(len(own) + rows // 1000 + 1, self._starts[-1], 0)
        self._last: tuple[int, list[bytes]] = (-1, [])

    @property
    def summary(self) -> Summary:
        bits = min(self.layout.fan_bits, ((self.layout.row_count - 1) // SLICE_ROWS).bit_length())
        step = BUCKETS >> bits
        return Summary(self.id, self.layout, tuple(self._starts[::step]))

    def read(self, start: int, length: int) -> bytes:
        layout = self.layout
        end = min(start + length, layout.size_bytes)
        out = bytearray()
        while start < end:
            if start >= layout.rows_at:
                unit, piece = ROW.size, self._row
                first = layout.rows_at
            elif start >= layout.ids_at:
                unit, piece = ID_SIZE, self._id_at
                first = layout.ids_at
            elif start >= layout.packs_at:
                unit, piece = PACK_ROW.size, self._pack
                first = layout.packs_at
            else:
                assert end <= LAYOUT_SIZE, "nobody reads the whole of it"
                return encode_layout(layout)[start:end]
            number, skipped = divmod(start - first, unit)
            data = piece(number)[skipped : skipped + end - start]
            out += data
            start += len(data)
        return bytes(out)

    def pack_ids(self) -> Iterator[bytes]:
        for number in range(len(self._own_packs), self.layout.pack_count):
            yield self._pack(number)[:ID_SIZE]

    def _ids(self, bucket: int) -> list[bytes]:
        if self._last[0] != bucket:
            count = self._made_up[bucket]
            seed = b"%d %d" % (self._seed, bucket)
            stream = blake3(seed).digest(length=max(1, 30 * count))
            top = bucket.to_bytes(2, "big")
            made_up = [top + stream[at : at + 30] for at in range(0, 30 * count, 30)]
            self._last = (bucket, sorted(made_up + self._planted_in.get(bucket, [])))
        return self._last[1]

    def _id_at(self, position: int) -> bytes:
        low, high = 0, BUCKETS
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= position else (low, middle)
        while self._starts[low + 1] <= position:
            low += 1
        return self._ids(low)[position - self._starts[low]]

    def _row(self, position: int) -> bytes:
        found = self._planted.get(self._id_at(position))
        if found is None:
            number = len(self._own_packs) + position % (self.layout.row_count // 1000 + 1)
            place = min(number, self.layout.pack_count - 1)
            return ROW.pack(place, 0, 0, 16 + 65536 * (position % 1000), 65536, 65536)
        at, _ = found
        number, _ = self._own_packs[at.pack]
        return ROW.pack(number, at.kind, at.codec, at.offset, at.stored_len, at.raw_len)

    def _pack(self, number: int) -> bytes:
        for pack, (place, size_bytes) in self._own_packs.items():
            if place == number:
                return PACK_ROW.pack(pack, size_bytes)
        name = blake3(b"vast pack %d %d" % (self._seed, number)).digest()
        return PACK_ROW.pack(name, PACK_BYTES)


class VastBackend(MemoryBackend):
    """Counts requests by verb, and bytes by the kind of thing that is read. A listing counts by pages."""

    def __init__(self, segments: Iterable[VastSegment] = ()) -> None:
        super().__init__("vast")
        self.segments = {remote_layout.segment_key(one.id): one for one in segments}
        self.requests: list[tuple[str, str]] = []
        self.read_bytes: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.objects["format"] = b""
        self.objects["index"] = remote_layout.encode_index(
            one.summary for one in self.segments.values()
        )

    def count(self) -> int:
        """Return how many requests there were, and begin anew."""
        made, self.requests = len(self.requests), []
        return made

    def _note(self, verb: str, key: str) -> None:
        with self._counting:
            self.requests.append((verb, key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        self._note("get_range", key)
        segment = self.segments.get(key)
        with self._counting:
            data = segment.read(start, length) if segment else None
        if data is None:
            data = super().get_range(key, start, length)
        with self._counting:
            self.read_bytes[key.split("/")[0]] += len(data)
        return data

    def get_file(self, key: str, fd: int) -> None:
        self._note("get_file", key)
        super().get_file(key, fd)
        with self._counting:
            self.read_bytes[key.split("/")[0]] += len(self.objects[key])

    def put(self, key: str, source: bytes | Path) -> None:
        self._note("put", key)
        super().put(key, source)

    def put_if_absent(self, key: str, source: bytes | Path) -> bool:
        self._note("put_if_absent", key)
        return super().put_if_absent(key, source)

    def stat(self, key: str) -> Stat | None:
        self._note("stat", key)
        return super().stat(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        found = [*super().list(prefix)]
        if prefix == "segments/":
            found += [Listed(k, one.layout.size_bytes) for k, one in self.segments.items()]
        else:
            found += [
                Listed(remote_layout.pack_key(pack), PACK_BYTES)
                for one in self.segments.values()
                for pack in one.pack_ids()
            ]
        for _ in range(0, max(1, len(found)), LISTING_PAGE):
            self._note("list", prefix)
        yield from found

    def delete(self, key: str) -> None:
        self._note("delete", key)
        self.segments.pop(key, None)
        super().delete(key)


def vast(sizes: Iterable[int], pushed: MemoryBackend, *, planted_in: int) -> VastBackend:
    """Return a remote with segments of so many rows, what was pushed elsewhere planted in one of them."""
    planted: dict[bytes, tuple[Location, int]] = {}
    for key, data in pushed.objects.items():
        if key.startswith("segments/"):
            view = SegmentView(data)
            pack_sizes = {entry.id: entry.size_bytes for entry in view.packs}
            planted |= {digest: (at, pack_sizes[at.pack]) for digest, at in view.rows()}
    remote = VastBackend(
        VastSegment(number, rows, planted if number == planted_in else {})
        for number, rows in enumerate(sizes)
    )
    for key, data in pushed.objects.items():
        if key.startswith("packs/"):
            remote.objects[key] = data
    remote.objects["format"] = pushed.objects["format"]
    return remote

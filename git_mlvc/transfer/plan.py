"""What a push or a fetch will do, and what it did, as values. Pure.

`push.py` and `fetch.py` carry these out; a dry run, JSON and a unit test show the same.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from git_mlvc.errors import MlvcError, StoreError
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location
from git_mlvc.transfer.bundles import Bundle
from git_mlvc.units import count_text, size_text

MAX_GAP_BYTES = 1 << 20  # unwanted bytes between two wanted: cheaper to read than to ask twice
MAX_READ_BYTES = 16 << 20
WHOLE_PACK_SHARE = 0.7  # from here on a pack is read through, gaps and all
WHOLE_FROM_BYTES = 4 << 20  # of a pack that is brought as a file
COMBINE_BELOW_BYTES = 8 << 20  # a pack that is pushed with others like it
SHOWN_PATHS = 10


@dataclass(frozen=True, slots=True)
class Read:
    """One request: a range of a pack, and the records that lie in it."""

    pack: bytes
    start: int
    length: int
    records: tuple[tuple[bytes, Location], ...]


def reads(
    wanted: Iterable[tuple[bytes, Location]], pack_sizes: Mapping[bytes, int]
) -> Iterator[Read]:
    """Return the requests that bring `wanted` (id, where it is), pack by pack in ascending order."""
    by_pack: dict[bytes, list[tuple[bytes, Location]]] = {}
    for digest, location in wanted:
        by_pack.setdefault(location.pack, []).append((digest, location))
    for pack, records in by_pack.items():
        records.sort(key=_offset)
        stored_bytes = sum(location.stored_len for _, location in records)
        is_whole = stored_bytes > WHOLE_PACK_SHARE * (pack_sizes.get(pack, 0) or 1 << 62)
        yield from _reads_of_pack(pack, records, MAX_READ_BYTES if is_whole else MAX_GAP_BYTES)


def whole_packs(
    wanted: Mapping[bytes, Location], pack_sizes: Mapping[bytes, int]
) -> dict[bytes, int]:
    """Return the packs (id -> size) that are brought as files: those of which most is wanted.

    Small ones are not: their records are better off together in a new pack.
    """
    stored: dict[bytes, int] = {}
    for location in wanted.values():
        stored[location.pack] = stored.get(location.pack, 0) + location.stored_len
    return {
        pack: pack_sizes[pack]
        for pack, stored_bytes in stored.items()
        if stored_bytes >= WHOLE_FROM_BYTES
        and WHOLE_PACK_SHARE * pack_sizes.get(pack, 1 << 62) < stored_bytes
    }


def content_in(packs: Iterable[bytes], wanted: Mapping[bytes, Location]) -> dict[bytes, int]:
    """Return how many bytes of content each of these packs has of what is wanted."""
    found = dict.fromkeys(packs, 0)
    for location in wanted.values():
        if location.pack in found and location.kind == Kind.CHUNK:
            found[location.pack] += location.raw_len
    return found


def _offset(record: tuple[bytes, Location]) -> int:
    return record[1].offset


def _reads_of_pack(
    pack: bytes, records: list[tuple[bytes, Location]], max_gap_bytes: int
) -> Iterator[Read]:
    first = 0
    start = end = records[0][1].offset
    for position, (_, location) in enumerate(records):
        new_end = max(end, location.offset + location.stored_len)
        if position > first and (
            location.offset - end > max_gap_bytes or new_end - start > MAX_READ_BYTES
        ):
            yield Read(pack, start, end - start, tuple(records[first:position]))
            first = position
            start = location.offset
            new_end = start + location.stored_len
        end = new_end
    yield Read(pack, start, end - start, tuple(records[first:]))


@dataclass(frozen=True, slots=True)
class LocalPack:
    """A sealed pack of the local store: which ids it holds, and how large the file is."""

    id: bytes
    size_bytes: int
    ids: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a remote lacks, and how it gets there.

    `copies`: local packs sent as they are. `repacked`: records, in order, that are put into new
    packs first. `raw_bytes` is their content's size, `stored_bytes` what they take up in packs.
    """

    copies: tuple[LocalPack, ...]
    repacked: tuple[bytes, ...]
    stored_bytes: int
    raw_bytes: int

    @property
    def repacked_bytes(self) -> int:
        return self.stored_bytes - sum(pack.size_bytes for pack in self.copies)

    @property
    def chunks(self) -> int:
        return sum(len(pack.ids) for pack in self.copies) + len(self.repacked)


def plan_push(lacking: Mapping[bytes, Location], packs: Iterable[LocalPack]) -> PushPlan:
    """Decide how `lacking` (id -> where it is locally) travels.

    A pack goes as it is only if all of it is wanted: what else is in it was not pushed by anybody.
    Small packs (one for each `git add` of a few files) go together in new ones: a remote of many tiny
    files is slow for everybody for ever.
    """
    whole = [
        pack
        for pack in packs
        if pack.ids
        and all(digest in lacking and lacking[digest].pack == pack.id for digest in pack.ids)
    ]
    large = [pack for pack in whole if pack.size_bytes >= COMBINE_BELOW_BYTES]
    records = sum(len(pack.ids) for pack in whole)
    is_one_pack_of_its_own = len(whole) - len(large) == 1 and records == len(lacking)
    copies = whole if is_one_pack_of_its_own else large
    copied = {digest for pack in copies for digest in pack.ids}
    repacked = tuple(_in_store_order(lacking, copied))
    return PushPlan(
        copies=tuple(copies),
        repacked=repacked,
        stored_bytes=sum(pack.size_bytes for pack in copies)
        + sum(lacking[digest].stored_len for digest in repacked),
        raw_bytes=sum(location.raw_len for location in lacking.values()),
    )


def _in_store_order(lacking: Mapping[bytes, Location], copied: Container[bytes]) -> Iterator[bytes]:
    """Yield the ids that are not copied: pack by pack as first met, in each by offset.

    So the local packs are read straight through, and what was near stays near. The same input gives
    the same packs: what an interrupted push has sent is found again by its name.
    """
    by_pack: dict[bytes, list[bytes]] = {}
    for digest, location in lacking.items():
        if digest not in copied:
            by_pack.setdefault(location.pack, []).append(digest)
    for digests in by_pack.values():
        digests.sort(key=lambda digest: lacking[digest].offset)
        yield from digests


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push did. `files` are distinct contents; `raw_sent_bytes` is content, `sent_bytes` travelled.

    `found_bytes`: of packs that were to be sent and stood there already, as an interrupted push leaves them.
    `was_emptied`: the remote had data when it was last read, and had none when this push began.
    `runs` are records sent of the run cache; of what is `left` something is nowhere to be had.
    """

    files: int = 0
    chunks: int = 0
    logical_bytes: int = 0
    raw_sent_bytes: int = 0
    sent_bytes: int = 0
    packs: int = 0
    chunks_already_there: int = 0
    found_bytes: int = 0
    was_emptied: bool = False
    runs: int = 0
    left: tuple[Bundle, ...] = ()

    @property
    def already_there_bytes(self) -> int:
        """Content that did not have to be sent: it was there, or is in what was sent already."""
        return max(0, self.logical_bytes - self.raw_sent_bytes)

    @property
    def compression_saved_bytes(self) -> int:
        return max(0, self.raw_sent_bytes - self.sent_bytes - self.found_bytes)

    def summary(self) -> str:
        """Return one line, e.g. "3 files, 4.1 GB; 12 MB sent in 1 pack (4 GB saved by deduplication)"."""
        if not self.files:
            return "no data to send"
        line = f"{count_text(self.files, 'file')}, {size_text(self.logical_bytes)}; "
        if not self.packs:
            return line + ("it was there already" if self.files == 1 else "all of it was there")
        line += f"{count_text(self.runs, 'run')}, " if self.runs else ""
        line += f"{size_text(self.sent_bytes)} sent in {count_text(self.packs, 'pack')}"
        line += _saved(
            self.logical_bytes,
            (self.found_bytes, "sent before"),
            (self.already_there_bytes, "saved by deduplication"),
            (self.compression_saved_bytes, "saved by compression"),
        )
        return line + (
            "; all that was there before is gone: is it the right disk?" * self.was_emptied
        )


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What a fetch did. `failed` says of each content that could not be had in full why."""

    files: int = 0
    chunks: int = 0
    logical_bytes: int = 0
    received_bytes: int = 0
    saved_bytes: int = 0
    failed: Mapping[Pointer, MlvcError] = field(default_factory=dict)

    def summary(self) -> str:
        """Return one line, e.g. "3 files, 4.1 GB; 12 MB received in 180 chunks (4 GB were here)"."""
        if not self.files and not self.failed:
            return "nothing to fetch"
        line = f"{count_text(self.files, 'file')}, {size_text(self.logical_bytes)}; "
        if not self.received_bytes and not self.failed:
            return line + ("it was here already" if self.files == 1 else "all of it was here")
        line += f"{size_text(self.received_bytes)} received in {count_text(self.chunks, 'chunk')}"
        raw_bytes = self.logical_bytes - self.saved_bytes
        line += _saved(
            self.logical_bytes,
            (self.saved_bytes, "were here"),
            (raw_bytes - self.received_bytes, "saved by compression"),
        )
        return line + (f"; {count_text(len(self.failed), 'file')} failed" if self.failed else "")


def _saved(of_bytes: int, *parts: tuple[int, str]) -> str:
    """Return what did not have to travel, in brackets; less than a hundredth is not worth a word."""
    worth = [
        f"{size_text(size)} {how}" for size, how in parts if size > 0 and size * 100 >= of_bytes
    ]
    return f" ({', '.join(worth)})" if worth else ""


class MissingData(StoreError):
    """Data that a push needs is neither at its source nor on the remote; `paths` need it."""

    def __init__(
        self,
        paths: tuple[str, ...],
        remote: str,
        source: str = "in the local store",
        hint: str = "git mlvc fetch --all, or ask whoever committed it to run `git mlvc push`",
    ) -> None:
        shown = "".join(f"\n  {path}" for path in paths[:SHOWN_PATHS])
        if len(paths) > SHOWN_PATHS:
            shown += f"\n  and {len(paths) - SHOWN_PATHS} more"
        super().__init__(
            f"the data of {count_text(len(paths), 'file')} is nowhere to be had:{shown}",
            why=f"it is neither {source} nor on remote '{remote}'",
            hint=hint,
        )
        self.paths = paths

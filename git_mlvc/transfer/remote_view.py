"""What a remote has, as its segments say.

Segments are immutable and named by their hash, so they are kept in a local cache and fetched once.
What a segment says is a claim: `confirmed` checks that the pack stands there, whoever reads verifies
the bytes. What cannot be known raises; it is never False (law 9).
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Collection, Iterable
from pathlib import Path

from blake3 import blake3

from git_mlvc.backend.base import Backend, Capability, NotFound
from git_mlvc.errors import FormatError, MlvcError, RemoteError, RemoteRefused, RemoteUnavailable
from git_mlvc.formats import store_config
from git_mlvc.formats.segment import Location, SegmentView
from git_mlvc.fs import atomic
from git_mlvc.store.layout import ids_in
from git_mlvc.transfer import remote_layout
from git_mlvc.transfer.plan import Read
from git_mlvc.transfer.queue import Pool
from git_mlvc.transfer.remote_layout import FORMAT_KEY, INDEX_KEY

BLOCK_BYTES = 8 << 20
MAX_SEGMENT_BYTES = 1 << 30
LISTING_PAGE = 1000  # packs that one request of a listing tells of, about
FEW_STATS = 16  # after so many questions for single packs, all are listed
LISTING_ATTEMPTS = 3


class RemoteView:
    """One remote, as of the last `refresh`. Use from one thread; `read` from any.

    `cache_dir` may be lost at any time. `name` is for messages. `directory`: where it is, if it is here.
    """

    def __init__(
        self, backend: Backend, cache_dir: Path, *, name: str = "", directory: Path | None = None
    ) -> None:
        self.backend = backend
        self.directory = directory
        self.name = name or backend.url
        self.pack_sizes: dict[bytes, int] = {}
        self.has_format = False
        self._cache_dir = cache_dir
        self._views: dict[bytes, SegmentView] = {}
        self._doubt: RemoteError | None = None
        self._is_fresh = False
        self._distrusted: set[tuple[bytes | None, bytes]] = set()
        self._present: dict[bytes, bool] = {}
        self._stats_asked = 0

    # -- what is there

    def refresh(self) -> None:
        """Learn what the remote has now. Raises RemoteUnavailable, RemoteRefused."""
        for _ in range(LISTING_ATTEMPTS):
            try:
                self._refresh()
                return
            except NotFound:
                continue  # merged into another between listing and reading
        raise RemoteUnavailable(
            f"cannot tell what remote '{self.name}' has",
            why="segments vanish while they are read",
            hint="somebody may be cleaning it up: try again in a minute",
        )

    def recall(self) -> bool:
        """Take the segments kept here from the last time for what the remote has; it is not asked.

        False if nothing is kept, so that nothing is known.
        """
        for segment_id in ids_in(str(self._cache_dir / remote_layout.SEGMENTS)):
            view = self._cached(segment_id)
            if view is not None:
                self._add(segment_id, view)
        self._is_fresh = bool(self._views)
        return self._is_fresh

    def known(self, digest: bytes) -> Location | None:
        """Return where a record is said to be. None: not known to be there."""
        self._ensure_fresh()
        for segment_id, view in list(self._views.items()):
            try:
                location = view.find(digest)
                if location is None or self._is_trusted(digest, location.pack):
                    others = []
                else:
                    location, others = None, view.find_all(digest)
            except FormatError:
                # Its bytes are what its name says, so it was written wrong.
                del self._views[segment_id]
                self._doubt = self._damaged(segment_id)
                continue
            for other in others:
                if self._is_trusted(digest, other.pack):
                    location = other
            if location is not None:
                return location
        return None

    def find(self, digest: bytes) -> Location | None:
        """Return where a record is said to be. None: the remote certainly names it nowhere.

        Raises RemoteError when that cannot be told.
        """
        location = self.known(digest)
        if location is None and self._doubt is not None:
            raise self._doubt
        return location

    def confirmed(self, digest: bytes) -> Location | None:
        """Return where a record is, in a pack that stands there now with the right size.

        A pack is asked for once between two refreshes. Raises RemoteError.
        """
        while True:
            location = self.known(digest)
            if location is None or self._is_present(location.pack):
                return location
            self.distrust(None, location.pack)

    def known_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """As `known`, for many at once: what is not known to be there is left out."""
        found = ((digest, self.known(digest)) for digest in digests)
        return {digest: location for digest, location in found if location is not None}

    def find_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """As `find`, for many at once: what is left out is certainly named nowhere. Raises RemoteError."""
        found = ((digest, self.find(digest)) for digest in digests)
        return {digest: location for digest, location in found if location is not None}

    def confirmed_many(self, digests: Collection[bytes]) -> dict[bytes, Location]:
        """As `confirmed`, for many at once."""
        found = ((digest, self.confirmed(digest)) for digest in digests)
        return {digest: location for digest, location in found if location is not None}

    def distrust(self, digest: bytes | None, pack: bytes) -> None:
        """Do not find `digest` in `pack` again, nor anything if None: it is gone or damaged there."""
        self._distrusted.add((digest, pack))

    @property
    def segment_ids(self) -> list[bytes]:
        return list(self._views)

    # -- reading and writing

    def read(self, read: Read) -> bytes:
        """Return a range of a pack: fewer bytes where the pack ends too early. Raises RemoteError."""
        return self.backend.get_range(remote_layout.pack_key(read.pack), read.start, read.length)

    def add_segment(self, data: bytes) -> None:
        """Take in a segment that was just published, whose packs were just checked."""
        segment_id = blake3(data).digest()
        self._add(segment_id, self._opened(segment_id, data))
        for entry in self._views[segment_id].packs:
            self._present[entry.id] = True
            self._distrusted.discard((None, entry.id))

    def write_format(self) -> None:
        """Say what this remote is, before anything else is put there."""
        if not self.has_format:
            data = store_config.encode(store_config.StoreConfig())
            self.backend.put_if_absent(FORMAT_KEY, data)
            self.has_format = True
            self._remember_format()

    def write_index(self) -> None:
        """Leave the names of all segments known, for readers that cannot list.

        Where listing is possible it is no more than a hint, and failing to leave it does no harm.
        """
        harmless = (RemoteError,) if self._can_list else ()
        with contextlib.suppress(*harmless):
            self.backend.put(INDEX_KEY, remote_layout.encode_index(self._views))

    def close(self) -> None:
        self.backend.close()

    # -- inside

    @property
    def _can_list(self) -> bool:
        return Capability.LIST in self.backend.capabilities

    def _ensure_fresh(self) -> None:
        if not self._is_fresh:
            self.refresh()

    def _is_trusted(self, digest: bytes, pack: bytes) -> bool:
        return not self._distrusted or (
            (None, pack) not in self._distrusted and (digest, pack) not in self._distrusted
        )

    def _refresh(self) -> None:
        self._doubt = None
        self._present.clear()
        self._distrusted.clear()
        self._stats_asked = 0
        self.has_format = self._check_format()
        names = self._segment_sizes()
        for gone in self._views.keys() - names.keys():
            del self._views[gone]
        self._load({name: size for name, size in names.items() if name not in self._views})
        # The largest first: it answers most questions.
        self._views = dict(sorted(self._views.items(), key=lambda item: (-len(item[1]), item[0])))
        self.pack_sizes = {
            entry.id: entry.size_bytes for view in self._views.values() for entry in view.packs
        }
        if not self.has_format and not names and self._seen.exists():
            self._doubt = RemoteUnavailable(
                f"cannot tell what remote '{self.name}' has",
                why="it had data when it was last read, and there is nothing now",
                hint="is the disk mounted? If it was emptied on purpose, the next push fills it again",
            )
        self._forget_cached(names)
        self._is_fresh = True

    @property
    def was_used_before(self) -> bool:
        """True if it was a place for data when we last looked."""
        return self._seen.exists()

    @property
    def _seen(self) -> Path:
        return self._cache_dir / FORMAT_KEY

    def _check_format(self) -> bool:
        try:
            data = self.backend.get_range(FORMAT_KEY, 0, store_config.MAX_CONFIG_BYTES + 1)
        except NotFound:
            return False
        try:
            store_config.decode(data)
        except FormatError as exc:
            raise RemoteRefused(
                f"cannot use remote '{self.name}'", why=exc.why or exc.what, hint=exc.hint
            ) from exc
        self._remember_format()
        return True

    def _remember_format(self) -> None:
        with contextlib.suppress(OSError):
            if not self._seen.exists():
                atomic.make_dirs(self._cache_dir)
                atomic.write_file(self._seen, b"", durable=False)

    def _segment_sizes(self) -> dict[bytes, int | None]:
        """Return the segments that the remote names, with their sizes where it says them."""
        if self._can_list:
            found: dict[bytes, int | None] = {}
            for listed in self.backend.list(remote_layout.SEGMENTS):
                segment_id = remote_layout.segment_of(listed.key)
                if segment_id is not None:
                    found[segment_id] = listed.size_bytes
            return found
        self._doubt = RemoteUnavailable(
            f"cannot tell whether remote '{self.name}' has it",
            why="it cannot be listed, and the index it keeps does not name it",
            hint="if it was pushed lately, try again in a minute",
        )
        try:
            data = self.backend.get_range(INDEX_KEY, 0, remote_layout.MAX_INDEX_BYTES)
        except NotFound:
            return {}
        try:
            return dict.fromkeys(remote_layout.decode_index(data))
        except FormatError as exc:
            self._doubt = RemoteUnavailable(
                f"cannot tell what remote '{self.name}' has", why=str(exc), hint=exc.hint
            )
            return {}

    def _load(self, names: dict[bytes, int | None]) -> None:
        """Open segments, from the cache or from the remote, several at once."""
        lacking = {}
        for segment_id, size_bytes in names.items():
            cached = self._cached(segment_id)
            if cached is None:
                lacking[segment_id] = size_bytes
            else:
                self._views[segment_id] = cached
        pool: Pool[bytes, SegmentView | None] = Pool(
            self._fetch_segment, cost=lambda name: lacking[name] or BLOCK_BYTES
        )
        for segment_id, outcome in pool.run(lacking):
            if isinstance(outcome, NotFound) and not self._can_list:
                continue  # the index is only a hint: it may name what was merged since
            if isinstance(outcome, MlvcError):
                raise outcome
            self._add(segment_id, outcome)

    def _add(self, segment_id: bytes, view: SegmentView | None) -> None:
        if view is None:
            self._doubt = self._damaged(segment_id)
            return
        self._views[segment_id] = view
        self.pack_sizes.update({entry.id: entry.size_bytes for entry in view.packs})

    def _damaged(self, segment_id: bytes) -> RemoteUnavailable:
        return RemoteUnavailable(
            f"cannot tell what remote '{self.name}' has",
            why=f"its segment {segment_id.hex()[:16]} is damaged",
            hint="git mlvc push sends again what cannot be found there",
        )

    def _fetch_segment(self, segment_id: bytes) -> SegmentView | None:
        """Fetch one segment into the cache; None if its bytes are not what its name says (law 3)."""
        key = remote_layout.segment_key(segment_id)
        data = bytearray()
        while len(data) <= MAX_SEGMENT_BYTES:
            block = self.backend.get_range(key, len(data), BLOCK_BYTES)
            data += block
            if len(block) < BLOCK_BYTES:
                break
        if blake3(data).digest() != segment_id:
            return None
        return self._opened(segment_id, bytes(data))

    def _opened(self, segment_id: bytes, data: bytes) -> SegmentView | None:
        """Keep verified bytes in the cache, or in memory if there can be no cache."""
        path = self._cache_path(segment_id)
        try:
            atomic.make_dirs(path.parent)
            atomic.write_file(path, data, durable=False)
        except OSError:
            return self._parsed(data)
        return self._cached(segment_id) or self._parsed(data)

    def _cached(self, segment_id: bytes) -> SegmentView | None:
        try:
            with self._cache_path(segment_id).open("rb") as stream:
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return None
        return self._parsed(mapped) if blake3(mapped).digest() == segment_id else None

    def _parsed(self, data: bytes | mmap.mmap) -> SegmentView | None:
        try:
            return SegmentView(data)
        except FormatError as exc:
            if "newer" in exc.hint:
                raise RemoteRefused(
                    f"cannot use remote '{self.name}'", why=str(exc), hint=exc.hint
                ) from exc
            return None

    def _cache_path(self, segment_id: bytes) -> Path:
        return self._cache_dir / remote_layout.segment_key(segment_id)

    def _forget_cached(self, names: Iterable[bytes]) -> None:
        """Remove cached segments that the remote has no more."""
        kept = {segment_id.hex() for segment_id in names}
        with contextlib.suppress(OSError):
            for path in (self._cache_dir / remote_layout.SEGMENTS).iterdir():
                if path.name not in kept and not path.name.startswith("."):
                    path.unlink()

    def _is_present(self, pack: bytes) -> bool:
        """True if a pack stands there with the size its segment says, asked once a refresh."""
        present = self._present.get(pack)
        if present is not None:
            return present
        pages = 1 + len(self.pack_sizes) // LISTING_PAGE
        if self._can_list and (pages <= 2 or self._stats_asked >= FEW_STATS):
            there = {}
            for listed in self.backend.list(remote_layout.PACKS):
                pack_id = remote_layout.pack_of(listed.key)
                if pack_id is not None:
                    there[pack_id] = listed.size_bytes
            self._present = {
                **{one: there.get(one) == size for one, size in self.pack_sizes.items()},
                **self._present,
            }
        else:
            self._stats_asked += 1
            found = self.backend.stat(remote_layout.pack_key(pack))
            self._present[pack] = found is not None and found.size_bytes == self.pack_sizes[pack]
        return self._present[pack]

"""What a remote lacks of some contents, found out before anything is sent.

`push.py` sends what comes out of here; nothing here writes. What is known to be there is confirmed; of what
is not known, so much is sent without asking as it would cost to know (docs/adr/0010-large-remotes.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.segment import Location
from git_mlvc.transfer import verify
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.source import Source

WAVE_RECORDS = 1 << 17  # sent and named together: about 8 GB of content, 40 MB of memory
BATCH_RECORDS = 1 << 14  # looked up at once
Bases = Callable[[], Iterable[Pointer]]


class Survey:
    """What one push has found out so far. `lost`: contents of which some is nowhere to be had.

    `bases`: contents that the remote is believed to hold, best first, for a remote too large to be asked
    about everything; they are asked for only then.
    """

    def __init__(
        self,
        source: Source,
        view: RemoteView,
        *,
        wave_records: int = WAVE_RECORDS,
        bases: Bases = tuple,
    ) -> None:
        self._source = source
        self._view = view
        self._wave_records = wave_records
        self._bases = bases
        self._in_bases: set[bytes] | None = None
        self._lacking: dict[bytes, Location] = {}
        self._unasked_bytes = 0
        self.records_there = 0
        self.lost: list[Pointer] = []

    def waves(self, pointers: Iterable[Pointer]) -> Iterator[dict[bytes, Location]]:
        """Yield what the remote lacks (id -> where it is at the source), so much at a time as is sent at once.

        Each wave is to be on the remote when the next is asked for. When something is `lost`, the push
        will fail: then nothing more is yielded. Raises CorruptChunk for damage at the source, RemoteError.
        """
        elsewhere: list[Pointer] = []
        batch: dict[bytes, list[Pointer]] = {}
        for pointer, records in self._source.contents(pointers):
            if records is None:
                elsewhere.append(pointer)
                continue
            for digest in records:
                if digest not in self._lacking:
                    batch.setdefault(digest, []).append(pointer)
                if len(batch) >= min(BATCH_RECORDS, self._wave_records):
                    self._note(batch)
                    batch = {}
                    if len(self._lacking) >= self._wave_records:
                        yield from self._wave()
        self._note(batch)
        there = verify.held(self._view, elsewhere)
        self.records_there += len(there)
        self.lost += [pointer for pointer in elsewhere if pointer not in there]
        self.lost = list(dict.fromkeys(self.lost))
        yield from self._wave()

    def _wave(self) -> Iterator[dict[bytes, Location]]:
        full, self._lacking = self._lacking, {}
        if full and not self.lost:
            yield full

    def _note(self, needed: dict[bytes, list[Pointer]]) -> None:
        """Note which records the remote lacks, and what needs those that are nowhere."""
        there = set(self._view.confirmed_many(needed, offhand=True))
        rest = [digest for digest in needed if digest not in there]
        if rest and self._view.unseen_bytes:
            there |= self._believed(rest)
            rest = [digest for digest in rest if digest not in there]
        here = self._source.find_many(rest)
        if len(here) < len(rest):
            elsewhere = [digest for digest in rest if digest not in here]
            there |= self._view.confirmed_many(elsewhere).keys()
            for digest in elsewhere:
                if digest not in there:
                    self.lost += needed[digest]
        self.records_there += len(there)
        self._lacking |= {digest: here[digest] for digest in rest if digest in here}
        if self._view.unseen_bytes:
            self._unasked_bytes += sum(location.stored_len for location in here.values())
            self._ask_if_that_is_cheaper()

    def _ask_if_that_is_cheaper(self) -> None:
        """Fetch the remote's segments once more would be sent unasked than they have bytes."""
        if self._unasked_bytes > self._view.unseen_bytes:
            self._view.see_all()
            there = self._view.confirmed_many(self._lacking)
            self.records_there += len(there)
            for digest in there:
                del self._lacking[digest]

    def _believed(self, digests: Iterable[bytes]) -> set[bytes]:
        """Return those that are part of a content which the remote is believed to hold and names.

        One of these contents is asked for: another place, or one made anew, would not name it.
        """
        if self._in_bases is None:
            self._in_bases = set()
            is_named = False
            for base, records in self._source.contents(self._bases()):
                if records is None:
                    continue
                if not is_named and not self._view.named([base.oid.digest]):
                    break
                is_named = True
                self._in_bases.update(records)
        return self._in_bases.intersection(digests)

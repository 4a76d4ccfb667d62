"""What the journals of packs say that no segment names yet, whoever is writing them.

In `git commit -a` a child git smudges what its parent's filter has just cleaned, so a reader that
finds nothing in the segments looks here before it says that data is missing.
"""

from __future__ import annotations

import os
import time

from git_mlvc.errors import FormatError
from git_mlvc.formats import journal as journal_format
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.segment import Location
from git_mlvc.store.layout import Layout
from git_mlvc.values import field, value_class

# A directory changed this shortly before it was read may change again without a new time stamp: a clock
# tick where time stamps are finer than that, else (FAT, old servers) the two seconds of the coarsest.
RACY_NS = 100_000_000
COARSE_RACY_NS = 2_000_000_000
FINE_NS = 1_000_000  # a time stamp that is no multiple of this comes from a fine clock


@value_class(frozen=False)
class DirectoryStamp:
    """Remembers a directory's time stamp, to tell whether reading it again could show anything new."""

    path: str
    _mtime_ns: int = -1

    def is_changed(self) -> bool:
        """True if the directory may hold other names than at the last call that said so."""
        try:
            mtime_ns = os.stat(self.path).st_mtime_ns
        except OSError:
            mtime_ns = 0
        if mtime_ns == self._mtime_ns:
            return False
        racy_ns = RACY_NS if mtime_ns % FINE_NS else COARSE_RACY_NS
        self._mtime_ns = mtime_ns if time.time_ns() - mtime_ns > racy_ns else -1
        return True


@value_class(frozen=False)
class OpenJournal:
    """How far one journal has been read, and what it vouched for up to there."""

    name: str
    read_to: int = 0
    rows: dict[bytes, Location] = field(default_factory=dict)
    runs: list[bytes] = field(default_factory=list)
    sealed_as: bytes | None = None


class OpenJournals:
    """Reads journals as they grow; forgets those that have gone (a segment names their chunks now)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._stamp = DirectoryStamp(layout.tmp)
        self._journals: dict[str, OpenJournal] = {}
        self.own: set[str] = set()

    def disown(self, name: str) -> None:
        """Read a journal of this process's own like anybody else's."""
        self.own.discard(name)
        self._stamp = DirectoryStamp(self._layout.tmp)

    def find(self, digest: bytes) -> Location | None:
        """Look in what has been read so far."""
        for journal in self._journals.values():
            found = journal.rows.get(digest)
            if found is not None:
                return found
        return None

    @property
    def is_anything_open(self) -> bool:
        """True if anything has been read that no segment named then."""
        return bool(self._journals)

    def refresh(self) -> bool:
        """Read what is new; return True if there was anything."""
        changed = False
        if self._stamp.is_changed():
            names = set(self._layout.journal_names()) - self.own
            for gone in self._journals.keys() - names:
                del self._journals[gone]
            for name in names - self._journals.keys():
                self._journals[name] = OpenJournal(name)
        for journal in list(self._journals.values()):
            changed |= self._read_on(journal)
        return changed

    def sealed_as(self, name: str) -> bytes | None:
        """Return the id under which an open pack was sealed meanwhile."""
        journal = self._journals.get(name)
        if journal is None:
            return None
        self._read_on(journal)
        return journal.sealed_as

    def runs(self) -> list[bytes]:
        """Return the ids of the records of runs that have been read so far."""
        return [run for journal in list(self._journals.values()) for run in journal.runs]

    def all_sealed(self) -> set[bytes]:
        """Return the ids of packs that are sealed while their journal still stands."""
        return {j.sealed_as for j in self._journals.values() if j.sealed_as is not None}

    def _read_on(self, journal: OpenJournal) -> bool:
        path = self._layout.journal(journal.name)
        try:
            if os.stat(path).st_size <= journal.read_to:
                return False
            with open(path, "rb") as stream:
                stream.seek(journal.read_to)
                data = stream.read()
            start = journal_format.decode_header(data)[1] if journal.read_to == 0 else 0
        except FileNotFoundError:
            self._journals.pop(journal.name, None)
            return False
        except (OSError, FormatError):
            return False
        entries = journal_format.decode_entries(data, start)
        key = journal.name.encode()
        for r in pack_format.iter_rows(entries.rows):
            journal.rows[r.id] = Location(key, r.offset, r.stored_len, r.raw_len, r.kind, r.codec)
            if r.kind == Kind.RUN:
                journal.runs.append(r.id)
        journal.sealed_as = entries.sealed or journal.sealed_as
        journal.read_to += entries.end
        return entries.end > start

"""One pack that is being written, and the journal that vouches for what is in it.

Law 1: payloads, then the journal entry that names them, then whatever was promised for them. Both
files are written at offsets kept here, so that what a failed write left behind is overwritten by
the next and never stands between two good entries. The pack's digest is taken along the way.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_mlvc.formats import journal as journal_format
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.journal import JournalHeader
from git_mlvc.formats.pack import Kind, encode_row
from git_mlvc.formats.segment import Location
from git_mlvc.fs.owner import Owner
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout, unique_name
from git_mlvc.store.pack_digest import RunningDigest
from git_mlvc.store.pack_files import PackFile

_AHEAD_BYTES = 8 << 20  # at most this much, and the table, waits for the last sync

RunItem = tuple[bytes, int, int, int]  # digest, codec, stored length, raw length


class OpenPack:
    """Not thread-safe: the packer holds its lock around every call but `file`'s reads."""

    def __init__(self, layout: Layout, disk: Disk) -> None:
        self.name = unique_name()
        self.key = self.name.encode()
        self.rows = bytearray()  # the table to be: 50 bytes a record, in the order written
        self._disk = disk
        self._committed = 0
        self.journal_path = layout.journal(self.name)
        self.path = layout.open_pack(self.name)
        disk.make_dir(layout.tmp)
        # The journal first: a pack without one would be nobody's, and never cleaned away.
        self.journal_fd = disk.create(self.journal_path)
        try:
            header = journal_format.encode_header(
                JournalHeader(Owner.current().encode(), os.path.basename(self.path))
            )
            disk.pwrite(self.journal_fd, header, 0)
            self.journal_end = len(header)
            self.file = PackFile(disk.create(self.path))
            try:
                disk.pwrite(self.file.fd, pack_format.HEADER, 0)
            except OSError:
                disk.remove(self.path)
                raise
        except OSError:
            os.close(self.journal_fd)
            disk.remove(self.journal_path)
            raise
        self.end = len(pack_format.HEADER)
        self._started = 0  # what stands before is on its way to the disk
        self.written = RunningDigest()  # of the first `end` bytes
        self.written.add(pack_format.HEADER)

    @property
    def room(self) -> int:
        return pack_format.PACK_TARGET_BYTES - self.end

    def append(
        self, digest: bytes, kind: int, codec: int, raw_len: int, payload: bytes | memoryview
    ) -> Location:
        """Write one payload; it counts once `commit` has returned."""
        offset, stored_len = self.end, len(payload)
        self._disk.pwrite(self.file.fd, payload, offset)
        self.written.add(payload)
        self._advance(offset + stored_len)
        self.rows += encode_row(digest, kind, codec, offset, stored_len, raw_len)
        return Location(self.key, offset, stored_len, raw_len, kind, codec)

    def append_run(
        self, items: Sequence[RunItem], payload: memoryview, *, padding: int
    ) -> list[Location]:
        """Write chunks that stand back to back in `payload` as one extent, after a gap."""
        offset = self.end + padding
        gap = bytes(padding)
        if gap:
            # Not left to be a hole: what a failed write has put there would become part of the pack.
            self._disk.pwrite(self.file.fd, gap, self.end)
        self._disk.pwrite(self.file.fd, payload, offset)
        self.written.add(gap)
        self.written.add(payload)
        locations = []
        for digest, codec, stored_len, raw_len in items:
            self.rows += encode_row(digest, Kind.CHUNK, codec, offset, stored_len, raw_len)
            locations.append(Location(self.key, offset, stored_len, raw_len, Kind.CHUNK, codec))
            offset += stored_len
        self._advance(offset)
        return locations

    def _advance(self, end: int) -> None:
        self.end = end
        if end - self._started >= _AHEAD_BYTES:
            size_bytes = (end - self._started) & ~4095
            self._disk.start_writing(self.file.fd, self._started, size_bytes)
            self._started += size_bytes

    def commit(self) -> None:
        """Write one journal entry for all that was appended since the last."""
        if self._committed < len(self.rows):
            self.journal(journal_format.encode_records(self.rows[self._committed :]))
            self._committed = len(self.rows)

    def journal(self, entry: bytes) -> None:
        self._disk.pwrite(self.journal_fd, entry, self.journal_end)
        self.journal_end += len(entry)

    def close_journal(self) -> None:
        if self.journal_fd >= 0:
            os.close(self.journal_fd)
            self.journal_fd = -1

"""Where the files of a store stand.

    format  packs/ab/<id>  segments/<id>  tmp/  quarantine/

Names of packs and segments are the lowercase hex BLAKE3 of their bytes. Under tmp/ an open pack
`NAME.pack` has its `NAME.journal` beside it; every other file there is on its way to a rename.
"""

from __future__ import annotations

import os
import time

PACK_SUFFIX = ".pack"
JOURNAL_SUFFIX = ".journal"


class Layout:
    """Paths of one store, as strings: they are used in hot paths."""

    __slots__ = ("format", "lock", "packs", "quarantine", "segments", "tmp", "top", "use_lock")

    def __init__(self, top: str | os.PathLike[str]) -> None:
        self.top = os.fspath(top)
        self.format = f"{self.top}/format"
        self.packs = f"{self.top}/packs"
        self.segments = f"{self.top}/segments"
        self.tmp = f"{self.top}/tmp"
        self.quarantine = f"{self.top}/quarantine"
        self.lock = f"{self.tmp}/maintenance.lock"
        self.use_lock = f"{self.tmp}/use.lock"

    def pack(self, pack_id: bytes) -> str:
        name = pack_id.hex()
        return f"{self.packs}/{name[:2]}/{name}"

    def segment(self, segment_id: bytes) -> str:
        return f"{self.segments}/{segment_id.hex()}"

    def open_pack(self, name: str) -> str:
        return f"{self.tmp}/{name}{PACK_SUFFIX}"

    def journal(self, name: str) -> str:
        return f"{self.tmp}/{name}{JOURNAL_SUFFIX}"

    def pack_ids(self) -> list[bytes]:
        """Return the ids of all sealed packs, sorted."""
        found: list[bytes] = []
        for shard in listing(self.packs):
            found += ids_in(f"{self.packs}/{shard}")
        return sorted(found)

    def segment_ids(self) -> list[bytes]:
        return ids_in(self.segments)

    def journal_names(self) -> list[str]:
        """Return the names (without suffix) of all packs that are open or not yet in a segment."""
        return [
            name[: -len(JOURNAL_SUFFIX)]
            for name in listing(self.tmp)
            if name.endswith(JOURNAL_SUFFIX)
        ]


def listing(path: str) -> list[str]:
    """Return the names in a directory; none if there is no such directory."""
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []


def ids_in(path: str) -> list[bytes]:
    """Return the ids that the files in a directory are named by, sorted; other names are ignored."""
    found = []
    for name in listing(path):
        if len(name) == 64 and name == name.lower():
            try:
                found.append(bytes.fromhex(name))
            except ValueError:
                continue
    return sorted(found)


def unique_name() -> str:
    """Return a name no other process, host or moment has used."""
    return f"{time.time_ns():x}-{os.getpid():x}-{os.urandom(4).hex()}"

"""What went with packs that were damaged: noted beside them, so that it is known until it is back.

`quarantine/<pack id>` is the damaged pack, if there is anything left of it; `quarantine/<pack id>.lost`
holds the ids of its records of which there was no other copy, one to a line.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError
from git_mlvc.formats.pack import iter_rows
from git_mlvc.store.layout import ids_in, listing
from git_mlvc.store.pack_reading import read_table

if TYPE_CHECKING:
    from git_mlvc.store.store import Store

_NOTE = ".lost"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Packs that were moved aside, the records that are lost with them, and packs that say nothing:
    neither they nor any segment tell what was in them."""

    packs: tuple[bytes, ...] = ()
    lost: frozenset[bytes] = frozenset()
    unreadable: tuple[bytes, ...] = ()


def note(store: Store, pack_id: bytes, digests: Iterable[bytes]) -> None:
    """Write down what is lost with a pack. Raises OSError."""
    text = b"".join(digest.hex().encode("ascii") + b"\n" for digest in digests)
    if not text:
        return
    layout = store.layout
    store.disk.make_dir(layout.quarantine)
    name = f"{pack_id.hex()}{_NOTE}"
    store.disk.write_new(layout.tmp, name, text, f"{layout.quarantine}/{name}")


def look(store: Store) -> Quarantine:
    """Return what is in quarantine and still missing from the store; notes of what is back are removed."""
    top = store.layout.quarantine
    packs = ids_in(top)
    lost: set[bytes] = set()
    noted: set[bytes] = set()
    for name in listing(top):
        if not name.endswith(_NOTE):
            continue
        noted.add(_id(name.removesuffix(_NOTE)))
        still = store.missing(_read(f"{top}/{name}"))
        lost.update(still)
        if not still:
            with contextlib.suppress(OSError):
                os.unlink(f"{top}/{name}")
    unreadable = []
    for pack_id in packs:
        if pack_id in noted:
            continue
        try:
            table = read_table(f"{top}/{pack_id.hex()}", pack_id)
        except OSError:
            continue
        except FormatError:
            unreadable.append(pack_id)
            continue
        lost.update(store.missing([record.id for record in iter_rows(table.rows)]))
    return Quarantine(tuple(packs), frozenset(lost), tuple(unreadable))


def _read(path: str) -> list[bytes]:
    try:
        with open(path, "rb") as file:
            return [digest for line in file if (digest := _id(line.decode("ascii", "replace")))]
    except OSError:
        return []


def _id(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text.strip())
    except ValueError:
        return b""
    return digest if len(digest) == 32 else b""

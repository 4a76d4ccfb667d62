"""Whose open packs are sealed, and whose are left alone."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from support.content import noise

from git_mlvc.formats import journal as journal_format
from git_mlvc.formats.journal import JournalHeader
from git_mlvc.formats.pointer import Pointer
from git_mlvc.fs.owner import Owner
from git_mlvc.store import fsck
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout
from git_mlvc.store.recover import FOREIGN_PATIENCE_S, recover, survey
from git_mlvc.store.store import Store


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    return bytes(out)


def left_open(top: Path, owner: Owner, *contents: bytes) -> list[Pointer]:
    """Leave an open pack as `owner` would have left it."""
    session = Store.open(top).session()
    pointers = [session.ingest([data]) for data in contents]
    (name,) = Layout(top).journal_names()
    path = Path(Layout(top).journal(name))
    data = path.read_bytes()
    header, end = journal_format.decode_header(data)
    assert Owner.decode(header.owner) == Owner.current()
    path.write_bytes(
        journal_format.encode_header(JournalHeader(owner.encode(), header.pack_name)) + data[end:]
    )
    return [pointer for pointer in pointers if pointer is not None]


def test_a_living_owner_is_left_alone(tmp_path: Path) -> None:
    session = Store.open(tmp_path).session()
    session.ingest([noise(3000)])
    assert [left.alive for left in survey(Layout(tmp_path))] == [True]
    assert recover(Layout(tmp_path), Disk()) == 0
    session.close()


def test_a_dead_owner_is_sealed_by_the_next_session(tmp_path: Path) -> None:
    dead = replace(Owner.current(), start_time="1")
    pointers = left_open(tmp_path, dead, noise(3000), noise(500000))
    report = fsck.check(Store.open(tmp_path))
    assert len(report.dead_journals) == 1
    assert report.is_sound
    store = Store.open(tmp_path)
    store.session().close()
    assert len(store.packs()) == 1
    assert list((tmp_path / "tmp").glob("*.journal")) == []
    assert restored(store, pointers[0]) == noise(3000)
    assert restored(store, pointers[1]) == noise(500000)


def test_another_hosts_pack_is_read_and_not_touched_for_seven_days(tmp_path: Path) -> None:
    foreign = replace(Owner.current(), host="elsewhere/0000")
    (pointer,) = left_open(tmp_path, foreign, noise(500000))
    store = Store.open(tmp_path)
    assert [left.alive for left in survey(store.layout)] == [None]
    assert store.recover() == 0
    assert restored(store, pointer) == noise(500000)
    later = time.time() + FOREIGN_PATIENCE_S + 60
    assert recover(store.layout, store.disk, now_s=later) == 1
    assert restored(store, pointer) == noise(500000)
    assert len(store.packs()) == 1


def test_bytes_behind_the_last_journal_entry_were_promised_to_nobody(tmp_path: Path) -> None:
    dead = replace(Owner.current(), start_time="1")
    (pointer,) = left_open(tmp_path, dead, noise(3000))
    (path,) = (tmp_path / "tmp").glob("*.pack")
    with path.open("ab") as stream:
        stream.write(noise(9999, 5))
    (journal,) = (tmp_path / "tmp").glob("*.journal")
    with journal.open("ab") as stream:
        stream.write(b"torn")
    store = Store.open(tmp_path)
    assert store.recover() == 1
    assert restored(store, pointer) == noise(3000)
    assert store.packs()[0].size_bytes < 4000
    assert fsck.check(store).is_sound


def test_a_journal_that_cannot_be_read_is_set_aside_with_its_pack(tmp_path: Path) -> None:
    left_open(tmp_path, Owner.current(), noise(3000))
    (journal,) = (tmp_path / "tmp").glob("*.journal")
    data = journal.read_bytes()
    journal.write_bytes(b"?" + data[1:])
    store = Store.open(tmp_path)
    assert recover(store.layout, store.disk, now_s=time.time() + 90000) == 0
    assert sorted(p.suffix for p in (tmp_path / "quarantine").iterdir()) == [".journal", ".pack"]


def test_leftovers_on_their_way_to_a_rename_are_swept_after_a_day(tmp_path: Path) -> None:
    dead = replace(Owner.current(), start_time="1")
    left_open(tmp_path, dead, noise(3000))
    orphan, young = tmp_path / "tmp" / "old.segment", tmp_path / "tmp" / "new.segment"
    parcel = tmp_path / "tmp" / ".parcel.7-ab12.tmp"
    parcel.write_bytes(b"on its way to a remote")
    os.utime(parcel, (1e9, 1e9))
    orphan.write_bytes(b"x")
    young.write_bytes(b"x")
    os.utime(orphan, (1e9, 1e9))
    assert Store.open(tmp_path).recover() == 1
    assert not orphan.exists() and not parcel.exists()
    assert young.exists()

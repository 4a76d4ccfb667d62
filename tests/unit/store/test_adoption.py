"""Packs of other stores come in whole if every record is true, and leave nothing behind if not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.content import noise
from support.disks import CountingDisk, FailingDisk
from support.extent import examples
from support.packs import pack_of, true_records

from git_mlvc.errors import CorruptChunk, RemoteUnavailable, StoreError, StoreLocked
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.store import adoption as adoption_module
from git_mlvc.store import fsck, gc, gc_plan
from git_mlvc.store.adoption import verified_table
from git_mlvc.store.store import Store

RECORDS = true_records([noise(n, n) for n in (70_000, 1, 300, 200_000, 65_536, 9)])


def writing(data: bytes) -> Callable[[int], None]:
    def write(fd: int) -> None:
        os.pwrite(fd, data, 0)

    return write


def adopt(store: Store, data: bytes, pack_id: bytes) -> None:
    adoption = store.adoption()
    try:
        adoption.keep(adoption.fetch(pack_id, writing(data)))
    finally:
        adoption.close()


def left_in(store: Store) -> list[str]:
    found = [p.name for p in store.path.rglob("*") if p.is_file()]
    return sorted(name for name in found if not name.endswith(".lock") and name != "format")


def restored(store: Store, data: bytes) -> bytes:
    out = bytearray()
    store.restore(Pointer(Oid.of(data), len(data)), out.extend)
    return bytes(out)


def test_a_true_pack_is_found_at_once_and_by_others(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data, table = pack_of(RECORDS)
    adopt(store, data, table.id)
    assert Path(store.layout.pack(table.id)).read_bytes() == data
    assert not list(tmp_path.glob("mlvc/tmp/*.journal"))
    for where in (store, Store.open(tmp_path / "mlvc")):
        assert [restored(where, payload) for _, payload in RECORDS] == [p for _, p in RECORDS]
    assert fsck.check(store).is_sound


@pytest.mark.parametrize("window", [1, 1000, 70_001, 1 << 20])
@pytest.mark.parametrize("gap", [0, 7, 5000])
def test_records_are_true_wherever_the_window_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int, gap: int
) -> None:
    monkeypatch.setattr(adoption_module, "WINDOW_BYTES", window)
    data, table = pack_of(RECORDS, gap=gap)
    (tmp_path / "pack").write_bytes(data)
    assert verified_table(str(tmp_path / "pack"), table.id) == table


def test_law_3_a_pack_that_names_bytes_by_false_ids_is_turned_away(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    mine = noise(50_000, 99)
    lie = (blake3(mine).digest(), noise(50_000, 1))
    data, table = pack_of([*RECORDS, lie])
    assert blake3(data).digest() == table.id  # the pack's own name is right
    with pytest.raises(CorruptChunk, match="damaged record"):
        adopt(store, data, table.id)
    assert left_in(store) == []
    with store.session() as session:  # and what the lie would have kept out is stored
        session.ingest_bytes(mine)
    assert restored(store, mine) == mine


def test_law_3_a_recipe_that_is_none_is_turned_away(tmp_path: Path) -> None:
    data, table = pack_of(true_records([b"no recipe"]), kind=Kind.RECIPE)
    with pytest.raises(CorruptChunk):
        adopt(Store.open(tmp_path / "mlvc"), data, table.id)


@given(place=st.integers(0, 1 << 30), bit=st.integers(0, 7))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_law_3_one_flipped_bit_anywhere_is_seen(tmp_path: Path, place: int, bit: int) -> None:
    whole, table = pack_of(RECORDS, gap=100)
    data = bytearray(whole)
    data[place % len(data)] ^= 1 << bit
    (tmp_path / "pack").write_bytes(data)
    with pytest.raises(CorruptChunk):
        verified_table(str(tmp_path / "pack"), table.id)


@pytest.mark.parametrize("keep", [0, 1, 15, 16, 1000, -1])
def test_a_pack_cut_short_is_turned_away(tmp_path: Path, keep: int) -> None:
    data, table = pack_of(RECORDS)
    store = Store.open(tmp_path / "mlvc")
    with pytest.raises(CorruptChunk):
        adopt(store, data[:keep], table.id)
    assert left_in(store) == []


def test_what_cannot_be_had_leaves_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    adoption = store.adoption()

    def fails(fd: int) -> None:
        os.pwrite(fd, b"half of it", 0)
        raise RemoteUnavailable("the line went dead")

    with pytest.raises(RemoteUnavailable):
        adoption.fetch(bytes(32), fails)
    adoption.close()
    assert left_in(store) == []


def test_what_comes_too_late_or_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data, table = pack_of(RECORDS)
    adoption = store.adoption()
    adoption.fetch(table.id, writing(data))
    started, go_on = threading.Event(), threading.Event()
    late: list[BaseException] = []

    def slow(fd: int) -> None:
        started.set()
        go_on.wait(60)
        os.pwrite(fd, data, 0)

    def in_background() -> None:
        try:
            adoption.fetch(table.id, slow)
        except StoreError as exc:
            late.append(exc)

    thread = threading.Thread(target=in_background)
    thread.start()
    assert started.wait(60)
    adoption.close()
    go_on.set()
    thread.join()
    assert len(late) == 1
    assert left_in(store) == []


def test_law_10_a_disk_that_refuses_at_any_step_leaves_a_sound_store(tmp_path: Path) -> None:
    data, table = pack_of(RECORDS)
    counting = CountingDisk()
    adopt(Store.open(tmp_path / "count", disk=counting), data, table.id)
    for step in range(1, counting.steps + 1):
        top = tmp_path / f"s{step}"
        disk = FailingDisk(step)
        store = Store.open(top, disk=disk)
        try:
            adopt(store, data, table.id)
        except StoreError:
            pass
        else:
            assert disk.kinds[step - 1] == "remove"
        disk.heal()
        again = Store.open(top)
        adopt(again, data, table.id)
        assert restored(again, RECORDS[0][1]) == RECORDS[0][1]
        fsck.rebuild(again)
        assert fsck.check(again).is_sound


def test_gc_waits_while_a_pack_comes(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    data, table = pack_of(RECORDS)
    adopt(store, data, table.id)
    adoption = store.adoption()
    other, other_table = pack_of(true_records([noise(1000, 5)]))
    guest = adoption.fetch(other_table.id, writing(other))
    for pack in store.packs():
        os.utime(store.pack_path(pack.id), (1e9, 1e9))
    plan = gc_plan.plan(set(), gc.contents(store), now_s=2e9)
    assert plan.packs(gc_plan.Action.DROP)
    with pytest.raises(StoreLocked):
        gc.execute(plan, store, set())
    adoption.keep(guest)
    adoption.close()

"""The laws that the store keeps, by their numbers."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.content import noise
from support.disks import CountingDisk, FailingDisk
from support.extent import cases

from git_mlvc import chunking
from git_mlvc.errors import CorruptChunk, FormatError, MlvcError, StoreError, StoreLocked
from git_mlvc.formats.pointer import Pointer
from git_mlvc.store import fsck, gc, gc_plan
from git_mlvc.store.layout import Layout
from git_mlvc.store.store import Store

MIB = 1 << 20


def restored(store: Store, pointer: Pointer) -> bytes:
    out = bytearray()
    store.restore(pointer, out.extend)
    return bytes(out)


class Recorder(CountingDisk):
    """Notes which file each write goes to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}
        self.writes: list[str] = []

    def create(self, path: str) -> int:
        fd = super().create(path)
        self.names[fd] = path.rpartition(".")[2]
        return fd

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
        super().pwrite(fd, data, offset)
        self.writes.append(self.names[fd])

    def rename(self, source: str, target: str) -> None:
        super().rename(source, target)
        self.writes.append("rename " + Path(target).parts[-3 if "packs" in target else -2])


def test_law_1_bytes_then_journal_then_pointer_and_packs_before_segments(tmp_path: Path) -> None:
    disk = Recorder()
    session = Store.open(tmp_path / "mlvc", disk=disk).session()
    for data in (b"small", noise(300000), noise(3 * MIB)):
        disk.writes.clear()
        assert session.ingest([data]) is not None
        payloads = [w for w in disk.writes if w in ("pack", "journal")]
        assert payloads[-1] == "journal"  # nothing of the content is written after the entry
        assert "pack" in payloads
    disk.writes.clear()
    session.close()
    renames = [w for w in disk.writes if w.startswith("rename")]
    assert renames == ["rename packs", "rename segments"]


def test_law_1_another_process_reads_what_a_pointer_was_given_out_for(tmp_path: Path) -> None:
    writer = Store.open(tmp_path / "mlvc").session()
    reader = Store.open(tmp_path / "mlvc")
    for number in range(5):
        data = noise(200000, seed=number)
        pointer = writer.ingest([data])
        assert pointer is not None
        assert restored(reader, pointer) == data
    writer.close()
    assert restored(reader, pointer) == data


def test_law_2_nothing_published_changes(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    seen: dict[Path, bytes] = {}
    for number in range(12):
        with store.session() as session:
            session.ingest([noise(50000, seed=number)])
        for path in (tmp_path / "mlvc" / "packs").glob("*/*"):
            assert seen.setdefault(path, path.read_bytes()) == path.read_bytes()
    assert len(seen) == 12
    assert all(path.exists() for path in seen)  # only gc deletes


@pytest.mark.parametrize("size", [5000, 300000, 3 * MIB])
def test_law_3_no_damaged_byte_comes_out(tmp_path: Path, size: int) -> None:
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        pointer = session.ingest([noise(size)])
    assert pointer is not None
    (pack,) = store.packs()
    path = store.pack_path(pack.id)
    whole = path.read_bytes()
    target = tmp_path / "out"
    for at in range(16, len(whole), max(1, len(whole) // 40)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        path.write_bytes(damaged)
        reader = Store.open(tmp_path / "mlvc")
        out = bytearray()
        try:
            reader.restore(pointer, out.extend)
        except CorruptChunk:
            pass
        assert noise(size).startswith(out)
        fd = os.open(target, os.O_RDWR | os.O_CREAT)
        try:
            reader.restore_file(pointer, fd)
            assert target.read_bytes() == noise(size)
        except CorruptChunk:
            pass
        finally:
            os.close(fd)


def test_law_3_a_record_from_elsewhere_is_verified_before_it_is_kept(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        with pytest.raises(CorruptChunk):
            session.add_stored(bytes(32), 0, 0, 5, b"wrong")
        with pytest.raises(CorruptChunk):
            session.add_stored(bytes(32), 1, 0, 5, b"wrong")
    assert store.packs() == []


def test_law_5_a_store_of_a_later_format_is_refused_untouched(tmp_path: Path) -> None:
    top = tmp_path / "mlvc"
    top.mkdir()
    (top / "format").write_text("git-mlvc store 2\nwhatever comes\n")
    with pytest.raises(FormatError, match="newer") as caught:
        Store.open(top)
    assert "upgrade" in caught.value.hint
    assert [p.name for p in top.iterdir()] == ["format"]


def test_law_5_the_store_says_how_its_contents_are_cut(tmp_path: Path) -> None:
    with Store.open(tmp_path / "mlvc").session() as session:
        session.ingest([b"x"])
    assert chunking.PROFILE in (tmp_path / "mlvc" / "format").read_text()


REFUSALS = [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO]


@pytest.mark.parametrize("code", cases(REFUSALS, [errno.ENOSPC, errno.EIO]))
def test_law_10_a_disk_that_refuses_at_any_step_costs_nothing_promised(
    tmp_path: Path, code: int
) -> None:
    contents = [noise(6000, 1), noise(200000, 2), noise(2 * MIB, 3), b"d" * 100]
    counting = CountingDisk()
    _ingest_all(Store.open(tmp_path / "count", disk=counting), contents)
    assert counting.steps > 20
    assert counting.kinds[-1] == "remove"  # of the journal: a full disk does not refuse that
    for fail_from in range(1, counting.steps):
        top = tmp_path / str(fail_from)
        disk = FailingDisk(fail_from, code)
        store = Store.open(top, disk=disk)
        promised, refused = _ingest_all(store, contents)
        assert refused
        for pointer, data in promised:
            assert restored(store, pointer) == data
            assert restored(Store.open(top), pointer) == data
        disk.heal()
        promised, refused = _ingest_all(store, contents)
        assert not refused
        assert len(promised) == len(contents)
        for pointer, data in promised:
            assert restored(Store.open(top), pointer) == data
        assert fsck.check(Store.open(top)).is_sound


def _ingest_all(
    store: Store, contents: list[bytes]
) -> tuple[list[tuple[Pointer, bytes]], list[MlvcError]]:
    promised: list[tuple[Pointer, bytes]] = []
    refused: list[MlvcError] = []
    session = store.session()
    for data in contents:
        try:
            pointer = session.ingest([data])
        except StoreError as exc:
            assert exc.why
            refused.append(exc)
        else:
            assert pointer is not None
            promised.append((pointer, data))
    try:
        session.close()
    except StoreError as exc:
        refused.append(exc)
    return promised, refused


def test_law_11_gc_keeps_every_record_of_every_live_pointer(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    kept, lost = [], []
    for number in range(6):
        with store.session() as session:
            kept.append((session.ingest([noise(400000, number)]), noise(400000, number)))
            lost.append(session.ingest([noise(400000 * (number % 3), 100 + number)]))
    with store.session() as session:
        gone = session.ingest([noise(500000, 999)])
    live = {d for pointer, _ in kept if pointer for d in store.live_digests(pointer)}
    _make_old(store)
    plan = gc_plan.plan(live, gc.contents(store), now_s=2e9)
    assert {step.action for step in plan.steps} == set(gc_plan.Action)
    before = sum(p.size_bytes for p in store.packs())
    outcome = gc.execute(plan, store, live)
    assert not outcome.left
    assert outcome.freed_bytes > 0
    assert sum(p.size_bytes for p in store.packs()) < before
    for reader in (store, Store.open(tmp_path / "mlvc")):
        for pointer, data in kept:
            assert pointer is not None
            assert restored(reader, pointer) == data
        assert gone is not None
        assert not reader.has(gone.oid)
    assert fsck.check(store).is_sound


def test_law_11_gc_waits_while_anybody_adds_and_leaves_what_was_used_since(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        pointer = session.ingest([noise(70000)])
    _make_old(store)
    plan = gc_plan.plan(set(), gc.contents(store), now_s=2e9)
    assert plan.packs(gc_plan.Action.DROP)
    session = Store.open(tmp_path / "mlvc").session()
    assert session.ingest([noise(70000)]) == pointer  # nothing new: but promised again
    with pytest.raises(StoreLocked):
        gc.execute(plan, store, set())
    session.close()
    outcome = gc.execute(plan, store, set())
    assert outcome.dropped == ()
    assert [why for _, why in outcome.left] == ["used since the plan was made"]
    assert pointer is not None
    assert restored(store, pointer) == noise(70000)


def test_law_11_a_young_pack_is_kept_whole(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        session.ingest([noise(70000)])
    (pack,) = gc.contents(store)
    plan = gc_plan.plan(set(), [pack], now_s=pack.mtime_s + 3600)
    assert plan.packs(gc_plan.Action.KEEP) == (pack.id,)


def _make_old(store: Store) -> None:
    layout = Layout(store.path)
    for pack_id in layout.pack_ids():
        os.utime(layout.pack(pack_id), (1e9, 1e9))

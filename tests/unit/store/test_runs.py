"""Runs of stages in the store: found by their key at once, by everybody, through whatever happens to packs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import runs
from support.content import noise
from support.extent import examples
from support.packs import pack_of, true_records

from git_mlvc.errors import CorruptChunk, FormatError, MissingChunk
from git_mlvc.formats import journal as journal_format
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats import run_record, segment
from git_mlvc.formats.chunk_codec import Codec
from git_mlvc.formats.journal import JournalHeader
from git_mlvc.formats.pack import Kind
from git_mlvc.formats.run import RunDep, RunFile
from git_mlvc.formats.segment import PackTable, SegmentView
from git_mlvc.formats.tree import TreeRow
from git_mlvc.fs.owner import Owner
from git_mlvc.oid import Oid
from git_mlvc.store import fsck, gc, gc_plan, run_contents
from git_mlvc.store.layout import Layout
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.store import Store


def store_at(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "mlvc")


def one_run(store: Store, command: str = "make") -> tuple[bytes, bytes]:
    """Add a run with a file; return its key and id."""
    with store.session() as session:
        one = runs.record(command, ("out", runs.made_file(session, noise(500, len(command)))))
        return one.key, runs.add(session, one)


def grow_old(store: Store) -> None:
    for pack_id in store.layout.pack_ids():
        os.utime(store.layout.pack(pack_id), (1e9, 1e9))


def test_a_run_is_found_at_once_by_its_process_and_by_others(tmp_path: Path) -> None:
    store, other = store_at(tmp_path), store_at(tmp_path)
    session = store.session()
    first = runs.record("make", ("out", runs.made_file(session, noise(500))))
    assert other.runs_of(first.key) == []
    run_id = runs.add(session, first)
    assert store.runs_of(first.key) == other.runs_of(first.key) == [run_id]
    second = runs.add(session, replace(first, made_at_ms=5))
    for reader in (store, other, store_at(tmp_path)):
        assert set(reader.runs_of(first.key)) == {run_id, second}
        assert reader.runs_of(bytes(32)) == []
        assert run_record.decode(reader.read_run(run_id)) == first
    session.close()
    for reader in (store, other, store_at(tmp_path)):
        assert set(reader.runs_of(first.key)) == {run_id, second}
        assert runs.listed(reader) == {(first.key, run_id), (first.key, second)}
    assert fsck.check(store).is_sound


def test_the_same_run_is_stored_once_and_a_key_that_is_not_its_own_is_a_mistake(
    tmp_path: Path,
) -> None:
    store = store_at(tmp_path)
    key, run_id = one_run(store)
    with store.session() as session:
        assert session.add_run(key, store.read_run(run_id)) == run_id
        with pytest.raises(ValueError, match="key"):
            session.add_run(bytes(32), store.read_run(run_id))
    assert len(store.packs()) == 1


def test_many_keys_are_looked_up_at_once(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    known = {}
    for part in range(3):
        with store.session() as session:
            for number in range(40):
                one = runs.record(f"make {part} {number}")
                known[one.key] = [runs.add(session, one)]
    asked = [*known, *(noise(32, n) for n in range(50))]
    assert store_at(tmp_path).runs_of_many(asked) == known


@pytest.mark.parametrize("is_sealed", [False, True])
def test_law_10_a_run_of_a_dead_process_is_found_before_and_after_it_is_recovered(
    tmp_path: Path, is_sealed: bool
) -> None:
    session = store_at(tmp_path).session()
    one = runs.record("make", ("out", runs.made_file(session, noise(5000))))
    run_id = runs.add(session, one)
    (name,) = Layout(tmp_path / "mlvc").journal_names()
    path = Path(Layout(tmp_path / "mlvc").journal(name))
    data = path.read_bytes()
    header, end = journal_format.decode_header(data)
    owner = replace(Owner.current(), start_time="1").encode()
    head = journal_format.encode_header(JournalHeader(owner, header.pack_name))
    if is_sealed:  # killed before the segment stood
        session.close()
        (segment_path,) = store_at(tmp_path).segments()
        segment_path.unlink()
        (pack,) = store_at(tmp_path).packs()
        path.write_bytes(head + data[end:] + journal_format.encode_sealed(pack.id))
    else:
        path.write_bytes(head + data[end:])
    store = store_at(tmp_path)
    assert store.runs_of(one.key) == [run_id]
    store.recover()
    assert not Layout(tmp_path / "mlvc").journal_names()
    for reader in (store, store_at(tmp_path)):
        assert reader.runs_of(one.key) == [run_id]
        assert run_contents.is_complete(reader, one)
    assert fsck.check(store).is_sound


def test_a_run_of_a_pack_that_filled_up_is_found_while_the_session_goes_on(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    with store.session() as session:
        one = runs.record("make", ("out", runs.made_file(session, noise(500))))
        run_id = runs.add(session, one)
        for number in range(3):
            session.ingest([noise(25 << 20, number)])
            # The pack of the run is being sealed meanwhile: before, amid or after, it is found.
            assert store.runs_of(one.key) == store_at(tmp_path).runs_of(one.key) == [run_id]
    assert len(store.packs()) > 1
    assert runs.listed(store) == {(one.key, run_id)}


def test_merging_segments_keeps_runs(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    added = {one_run(store, f"make {number}") for number in range(30)}
    assert len(store.segments()) < 15
    for reader in (store, store_at(tmp_path)):
        assert runs.listed(reader) == added
        assert all(reader.runs_of(key) == [run_id] for key, run_id in added)
    assert fsck.check(store).is_sound


def test_gc_keeps_runs_that_are_live_and_lists_no_others(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    kept, gone = [], []
    for number in range(4):
        with store.session() as session:
            for where in (kept, gone):
                one = runs.record(f"{number} {len(where)} {where is kept}")
                where.append((one.key, runs.add(session, one)))
            session.ingest([noise(50_000, number)])
    gone.append(one_run(store, "all of a pack"))
    while len(store.segments()) > 1 and number < 40:  # merged with what stays
        number += 1
        kept.append(one_run(store, f"more {number}"))
    live = {run_id for _, run_id in kept}
    grow_old(store)
    plan = gc_plan.plan(live, gc.contents(store), now_s=2e9)
    assert {gc_plan.Action.DROP, gc_plan.Action.REPACK} <= {step.action for step in plan.steps}
    gc.execute(plan, store, live)
    for reader in (store, store_at(tmp_path)):
        assert runs.listed(reader) == set(kept)
        assert all(run_record.decode(reader.read_run(run_id)) for run_id in live)
    assert fsck.check(store).is_sound


def test_runs_of_other_stores_are_listed_however_they_come(tmp_path: Path) -> None:
    data = [run_record.encode(runs.record(command)) for command in ("one", "two", "three")]
    store = store_at(tmp_path)
    whole, table = pack_of(true_records(data[:2]), kind=Kind.RUN)
    adoption = store.adoption()
    adoption.keep(adoption.fetch(table.id, lambda fd: os.pwrite(fd, whole, 0)))
    adoption.close()
    ((digest, _),) = true_records(data[2:])
    session = store.session()
    session.add_stored(digest, Kind.RUN, Codec.RAW, len(data[2]), data[2])
    session.commit()
    expected = {(run_record.key_of(one), run_id) for run_id, one in true_records(data)}
    assert runs.listed(store) == runs.listed(store_at(tmp_path)) == expected
    session.close()
    assert runs.listed(store) == runs.listed(store_at(tmp_path)) == expected
    with pytest.raises(CorruptChunk), store.session() as other:
        other.add_stored(bytes(32), Kind.RUN, Codec.RAW, len(data[2]), data[2])


def test_what_is_no_run_is_kept_unlisted_and_named_by_fsck(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    later = bytearray(run_record.encode(runs.record("make")))
    later[len(run_record.MAGIC)] = 2
    lie = bytearray(run_record.encode(runs.record("make")))
    lie[20] ^= 1  # in the key
    records = true_records([b"no run", bytes(later), bytes(lie)])
    with store.session() as session:
        for digest, data in records:
            session.add_stored(digest, Kind.RUN, Codec.RAW, len(data), data)
    report = fsck.check(store)
    assert report.is_sound
    assert {(strange.id, "key" in strange.why) for strange in report.strange_runs} == {
        (records[0][0], False),
        (records[2][0], True),
    }
    assert {run_id for _, run_id in store.all_runs()} == {records[1][0], records[2][0]}
    with pytest.raises(FormatError) as caught:
        list(run_contents.needed(store, [records[1][0]]))
    assert "upgrade" in caught.value.hint


def test_a_damaged_run_is_named_and_no_longer_listed(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    key, run_id = one_run(store)
    (pack,) = store.packs()
    at = next(
        r.offset
        for r in pack_format.iter_rows(read_table(store.layout.pack(pack.id), pack.id).rows)
        if r.kind == Kind.RUN
    )
    path = store.pack_path(pack.id)
    data = bytearray(path.read_bytes())
    data[at + 60] ^= 1
    path.write_bytes(data)
    store = store_at(tmp_path)
    report = fsck.check(store)
    assert report.lost == {run_id}
    assert not report.damaged_segments
    assert fsck.quarantine(store, pack.id) == (run_id,)
    assert store.runs_of(key) == []
    assert store.has(Oid.of(noise(500, 4))), "what was good in the pack is kept"
    assert fsck.check(store).is_sound


@pytest.mark.parametrize("lie", ["another key", "nothing", "a run that is nowhere"])
def test_a_segment_whose_runs_are_not_those_of_its_packs_is_made_again(
    tmp_path: Path, lie: str
) -> None:
    store = store_at(tmp_path)
    key, run_id = one_run(store)
    (path,) = store.segments()
    tables = list(SegmentView(path.read_bytes()).tables())
    said = {
        "another key": [(bytes(32), run_id)],
        "nothing": [],
        "a run that is nowhere": [(key, run_id), (key, bytes(32))],
    }
    data = segment.encode(tables, said[lie])
    path.unlink()
    Path(store.layout.segment(Oid.of(data).digest)).write_bytes(data)
    store = store_at(tmp_path)
    (damaged,) = fsck.check(store).damaged_segments
    assert "run" in damaged.why
    fsck.rebuild(store)
    assert runs.listed(store) == {(key, run_id)}
    assert fsck.check(store).is_sound


def test_a_run_names_its_outs_their_trees_and_files_and_the_trees_that_it_needed(
    tmp_path: Path,
) -> None:
    store = store_at(tmp_path)
    a, b, c, d = (noise(size, size) for size in (300, 400_000, 700, 900))
    with store.session() as session:
        needed = runs.stored_tree(session, [TreeRow(b"raw", Oid.of(d), len(d))])
        one = runs.record(
            "make",
            ("a", runs.made_file(session, a)),
            ("dir", runs.made_tree(session, b=b, c=c)),
            ("empty", RunFile(Oid.of(b""), 0)),
            ("none", runs.stored_tree(session, [])),
            deps=(RunDep("path", "data", needed),),
        )
        run_id = runs.add(session, one)
    named = {pointer.oid for pointer in run_contents.needed(store, [run_id, bytes(32)])}
    trees = {one.outs[1].state.oid, one.outs[3].state.oid, needed.oid}
    assert named == {Oid.of(a), Oid.of(b), Oid.of(c), *trees}
    assert run_contents.is_complete(store, one)


@pytest.mark.parametrize("lost", ["file", "tree", "file in a tree"])
def test_a_run_is_complete_only_with_all_that_it_made(tmp_path: Path, lost: str) -> None:
    store = store_at(tmp_path)
    with store.session() as session:
        rows = [TreeRow(b"x", Oid.of(noise(9)), 9), TreeRow(b"y", Oid.of(noise(8)), 8)]
        session.ingest([noise(9)])
        states = {
            "file": RunFile(Oid.of(noise(77)), 77),
            "tree": RunFile(Oid.of(noise(78)), 5, 1, False, 78),
            "file in a tree": runs.stored_tree(session, rows),
        }
        one = runs.record("make", ("out", states[lost]))
        run_id = runs.add(session, one)
    assert not run_contents.is_complete(store, one)
    assert {p.oid for p in run_contents.needed(store, [run_id])} >= {states[lost].oid}


def test_a_tree_that_is_none_keeps_everything_from_being_taken_for_unneeded(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    with store.session() as session:
        session.ingest([b"no tree"])
        one = runs.record("make", ("out", RunFile(Oid.of(b"no tree"), 5, 1, False, 7)))
        run_id = runs.add(session, one)
    with pytest.raises(CorruptChunk, match="tree"):
        list(run_contents.needed(store, [run_id]))
    assert not run_contents.is_complete(store, one)


def test_a_run_that_is_listed_and_gone_is_missing(tmp_path: Path) -> None:
    store = store_at(tmp_path)
    table = PackTable(bytes(32), 1000, b"")
    store.prepare()
    data = segment.encode([table], [(bytes(32), noise(32))])
    Path(store.layout.segment(Oid.of(data).digest)).write_bytes(data)
    assert store.runs_of(bytes(32)) == [noise(32)]
    with pytest.raises(MissingChunk):
        store.read_run(noise(32))
    assert run_contents.read(store, noise(32)) is None


steps = st.lists(
    st.sampled_from(["add", "add", "again", "seal", "reopen", "gc", "rebuild", "look elsewhere"]),
    max_size=14,
)


@settings(max_examples=examples(25), deadline=None)
@given(steps)
def test_runs_are_found_by_their_keys_whatever_happens_to_the_store(course: list[str]) -> None:
    """Against a plain dictionary: what was added is found, by everybody, until gc was told to drop it."""
    with tempfile.TemporaryDirectory() as top, contextlib.ExitStack() as open_stores:
        store = open_stores.enter_context(Store.open(Path(top)))
        session = store.session()
        known: dict[bytes, set[bytes]] = {}
        for number, step in enumerate(course):
            if step in ("add", "again"):
                command = "make" if step == "again" else f"make {number}"
                one = runs.record(command, made_at_ms=number)
                known.setdefault(one.key, set()).add(runs.add(session, one))
            elif step == "seal":
                session.close()
            elif step == "reopen":
                session.close()
                store = open_stores.enter_context(Store.open(Path(top)))
                session = store.session()
            elif step == "gc":
                session.close()
                known = {key: ids for key, ids in known.items() if key[0] % 2}
                live = {run_id for ids in known.values() for run_id in ids}
                plan = gc_plan.plan(live, gc.contents(store), now_s=9e9)
                gc.execute(plan, store, live)
                # What is left of the others stands in packs that are mostly needed.
                for key, run_id in store.all_runs():
                    known.setdefault(key, set()).add(run_id)
            elif step == "rebuild":
                session.close()
                for path in store.segments():
                    path.unlink()
                store.index.reload()
                fsck.rebuild(store)
            reader = open_stores.enter_context(Store.open(Path(top)))
            for looking in (store, reader):
                assert {(k, run) for k, ids in known.items() for run in ids} == runs.listed(looking)
                found = looking.runs_of_many([*known, bytes(32)])
                assert {key: set(ids) for key, ids in found.items()} == known
        session.close()
        assert fsck.check(store).is_sound

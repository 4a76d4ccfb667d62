"""Runs of the run cache, from one store to another by way of a remote."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, restored, uses
from support.stage_runs import add_run

from git_mlvc.backend.base import Backend, Capability
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.errors import RemoteUnavailable
from git_mlvc.formats import segment
from git_mlvc.formats.segment import SegmentView
from git_mlvc.pipeline.runs import run_travel
from git_mlvc.progress import Silent
from git_mlvc.store.store import Store
from git_mlvc.transfer import plan, remote_layout
from git_mlvc.transfer.bundles import Bundle
from git_mlvc.transfer.copying import CopyReport, copy
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.plan import PushReport
from git_mlvc.transfer.push import push
from git_mlvc.transfer.runs import bundles_of, fetch_runs
from git_mlvc.transfer.segments import remote_segments, run_tables
from git_mlvc.transfer.verify import copies_on


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


def push_runs(who: Place, remote: Backend, name: str = "origin") -> PushReport:
    return push(who.store, who.view(remote, name), [], bundles=bundles(who))


def bundles(who: Place) -> list[Bundle]:
    return bundles_of(who.store, who.store.all_runs())


def runs_on(who: Place, remote: Backend) -> set[tuple[bytes, bytes]]:
    view = who.view(remote, "look")
    view.refresh()
    return view.runs()


def damage(store: Store) -> None:
    """Flip a bit in the first payload of each pack."""
    for pack in store.packs():
        path = store.pack_path(pack.id)
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)


def hurt(remote: Backend, data: bytes) -> None:
    """Flip a bit of a content in the pack of a remote that has only one."""
    assert isinstance(remote, MemoryBackend)
    (key,) = [key for key in remote.objects if key.startswith("packs/")]
    pack = bytearray(remote.objects[key])
    pack[pack.index(data[:64]) + 10] ^= 1
    remote.objects[key] = bytes(pack)


def runs(who: Place) -> set[tuple[bytes, bytes]]:
    return set(who.store.all_runs())


@pytest.mark.parametrize("lacking", [None, Capability.LIST, Capability.RANGES, Capability.DELETE])
def test_a_run_and_what_it_made_get_to_another_store(
    ann: Place, bob: Place, lacking: Capability | None
) -> None:
    remote = MemoryBackend(capabilities=frozenset(Capability) - {lacking})
    made = {"model.bin": content(1, 300_000), "plots": {"a.csv": b"1,2", "b/c.csv": b"3"}}
    add_run(ann.store, "train", made)
    add_run(ann.store, "train", made, made_at_ms=1_800_000_000_000)
    assert push_runs(ann, remote).runs == 2
    view = bob.view(remote)
    report = fetch_runs(bob.store, [view])
    assert report.received == 2 and not report.left and not report.failed
    assert runs(bob) == runs(ann)
    assert fetch_runs(bob.store, [view]).received == 0
    for bundle in bundles_of(ann.store, ann.store.all_runs()):
        pointers = list(bundle.pointers)
        assert len(pointers) == 4
        assert not fetch(bob.store, [view], pointers).failed
        assert all(restored(bob.store, pointer) for pointer in pointers)


def test_what_is_there_is_not_sent_again_and_asks_for_nothing_more(ann: Place) -> None:
    remote = FaultyBackend(MemoryBackend())
    pointers = ingest(ann.store, content(5, 1000))
    push(ann.store, ann.view(remote), uses(*pointers))
    remote.calls.clear()
    push(ann.store, ann.view(remote), uses(*pointers))
    without = sum(remote.calls.values())
    for seed in range(3):
        add_run(ann.store, f"train@{seed}", {"model.bin": content(seed, 50_000)})
    assert push_runs(ann, remote).runs == 3
    remote.calls.clear()
    report = push_runs(ann, remote)
    assert (report.runs, report.sent_bytes) == (0, 0)
    assert sum(remote.calls.values()) == without


def test_a_run_that_is_nowhere_whole_stays_and_holds_nothing_up(
    ann: Place, bob: Place, tmp_path: Path
) -> None:
    remote = MemoryBackend()
    add_run(ann.store, "train", {"model.bin": content(1, 50_000)})
    push_runs(ann, remote)
    # Bob has the record, and of what a run of his made only one of two files.
    fetch_runs(bob.store, [bob.view(remote)])
    half = {"model.bin": content(1, 50_000), "b.bin": content(2, 50_000)}
    add_run(bob.store, "half", half, lost=("b.bin",))
    (pointer,) = ingest(bob.store, content(3, 50_000))
    report = push(bob.store, bob.view(remote), uses(pointer), bundles=bundles(bob))
    assert [bundle.stage for bundle in report.left] == ["half"]
    assert (report.files, report.runs) == (1, 0)
    assert runs_on(bob, remote) == runs(ann)
    # What is not here and on the remote counts as much as what is here.
    push(ann.store, ann.view(remote), uses(*ingest(ann.store, content(2, 50_000))))
    assert not (report := push_runs(bob, remote)).left and report.runs == 1
    assert runs_on(ann, remote) == runs(bob)
    # At another remote that part does not stand, and so the run does not go there from here.
    report = push_runs(bob, MemoryBackend(), "other")
    assert ([bundle.stage for bundle in report.left], report.runs) == (["half"], 1)


def test_outs_that_are_not_to_be_pushed_keep_their_run_at_home_unless_they_are_there(
    ann: Place,
) -> None:
    remote = MemoryBackend()
    secret = content(1, 50_000)
    add_run(ann.store, "train", {"a.bin": secret, "b.bin": b"b"}, unpushed=("a.bin",))
    assert [bundle.stage for bundle in push_runs(ann, remote).left] == ["train"]
    assert not runs_on(ann, remote) and not [key for key in remote.objects if "packs/" in key]
    push(ann.store, ann.view(remote), uses(*ingest(ann.store, secret)))
    assert push_runs(ann, remote).runs == 1
    assert runs_on(ann, remote) == runs(ann)


def test_damage_in_what_a_run_made_does_not_refuse_the_data_of_a_push(ann: Place) -> None:
    remote = MemoryBackend()
    add_run(ann.store, "train", {"a.bin": content(1, 50_000)})
    damage(ann.store)
    (pointer,) = ingest(ann.store, content(2, 50_000))
    report = push(ann.store, ann.view(remote), uses(pointer), bundles=bundles(ann))
    assert (report.files, report.packs, len(report.left)) == (1, 1, 1)
    assert not runs_on(ann, remote)


@pytest.mark.parametrize("puts", range(5))
def test_law_10_an_interrupted_push_tells_of_no_run_and_is_taken_up(
    ann: Place, bob: Place, puts: int
) -> None:
    remote = MemoryBackend()
    faulty = FaultyBackend(remote)
    for seed in range(3):
        outs = {"a.bin": content(seed, 100_000), "d": {"x": content(10 + seed, 5000)}}
        add_run(ann.store, f"train@{seed}", outs)
    faulty.fail_after(puts=puts)
    view = ann.view(faulty)
    with contextlib.suppress(RemoteUnavailable):
        push(ann.store, view, [], bundles=bundles(ann), wave_records=2)
    for _, run in runs_on(bob, remote):  # whoever is told of a run can have all of it (law 1)
        (bundle,) = [one for one in bundles(ann) if one.run is not None and one.run.id == run]
        assert copies_on(bob.view(remote), bundle.pointers) == set(bundle.pointers)
    push_runs(ann, remote)
    assert runs_on(bob, remote) == runs(ann)


@pytest.mark.parametrize("is_ranged", [False, True])
def test_law_3_a_record_is_what_the_table_says_or_it_stays_there(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch, is_ranged: bool
) -> None:
    remote = MemoryBackend()
    (chunk,) = ingest(ann.store, b"no run")
    key, true_run = add_run(ann.store, "train", {"a.bin": b"a"})
    _, other_run = add_run(ann.store, "other", {"a.bin": b"a"})
    push(ann.store, ann.view(remote), uses(chunk), bundles=bundles(ann))
    (segment_key,) = [one for one in remote.objects if remote_layout.segment_of(one)]
    view = SegmentView(remote.objects.pop(segment_key))
    lie = [(key, true_run), (key, other_run), (key, chunk.oid.digest), (key, bytes(32))]
    data = segment.encode(view.tables(), lie)
    remote.put(remote_layout.segment_key(blake3(data).digest()), data)
    remote.objects.pop("index")
    if is_ranged:
        monkeypatch.setattr(remote_segments, "WHOLE_BYTES", 0)
    report = fetch_runs(bob.store, [bob.view(remote)], [key])
    assert (report.received, report.left.keys()) == (1, {other_run, chunk.oid.digest})
    assert runs(bob) == {(key, true_run)}


def test_runs_are_copied_from_remote_to_remote_with_all_that_they_made(
    ann: Place, bob: Place, tmp_path: Path
) -> None:
    one, other = FaultyBackend(MemoryBackend()), FaultyBackend(MemoryBackend())
    files = {f"{n:05}": b"%d" % n for n in range(3000)}  # so many that the tree has several chunks
    add_run(ann.store, "train", {"a.bin": content(1, 400_000), "d": files})
    lost = add_run(ann.store, "lost", {"lost.bin": content(2, 50_000)})
    (pointer,) = ingest(ann.store, content(3, 1000))
    push(ann.store, ann.view(one), uses(pointer), bundles=bundles(ann))
    hurt(one.inner, content(2, 50_000))

    def copied() -> CopyReport:
        views = bob.view(one, "one"), bob.view(other, "other")
        return copy(*views, uses(pointer), scratch=tmp_path / "scratch", has_runs=True)

    report = copied()
    assert report.missing is None
    assert report.done.runs == 1 and [b.stage for b in report.done.left] == ["lost"]
    assert runs_on(bob, other) == runs(ann) - {lost}
    for bundle in bundles(ann):
        assert (bundle.stage == "lost") or copies_on(
            bob.view(other, "other"), bundle.pointers, deep=True
        ) == set(bundle.pointers)
    assert copied().done.sent_bytes == 0


def test_law_9_a_remote_that_does_not_answer_is_not_one_without_runs(
    ann: Place, bob: Place
) -> None:
    remote, silent = MemoryBackend(), FaultyBackend(MemoryBackend(), then="E")
    here, _ = add_run(ann.store, "here", {"a.bin": b"a"})
    push_runs(ann, remote)
    views = [bob.view(silent, "silent"), bob.view(remote, "there")]
    report = fetch_runs(bob.store, views, [here])
    assert (report.received, list(report.failed)) == (1, ["silent"])
    assert run_travel.bring(bob.store, views, [here], Silent()) == 0
    with pytest.raises(RemoteUnavailable):
        run_travel.bring(bob.store, views, [here, bytes(32)], Silent())


def test_runs_of_a_large_remote_are_read_by_ranges_and_sent_once(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_segments, "WHOLE_BYTES", 0)
    monkeypatch.setattr(run_tables, "FEW_ROWS", 0)
    remote = FaultyBackend(MemoryBackend())
    made = [
        add_run(ann.store, f"train@{seed}", {"a.bin": content(seed, 9000)}) for seed in range(5)
    ]
    push_runs(ann, remote)
    key, run = made[3]
    assert fetch_runs(bob.store, [bob.view(remote)], [key]).received == 1
    assert runs(bob) == {(key, run)}
    eve = Place(ann.path.parent / "eve")  # knows nothing of the remote's segments, and has no data
    fetch_runs(eve.store, [eve.view(remote)])
    assert runs(eve) == set(made)
    remote.calls.clear()
    report = push_runs(eve, remote)
    assert (report.sent_bytes, report.left) == (0, ())
    assert sum(remote.calls.values()) <= 4  # index, format, listings and one range


def test_runs_outlive_the_merging_of_segments(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = MemoryBackend()
    for seed in range(9):
        add_run(ann.store, "train", {"a.bin": content(seed, 3000)}, made_at_ms=seed)
        push_runs(ann, remote)
    live = ann.view(remote)
    live.refresh()
    assert len(live.segment_ids) < 9
    assert fetch_runs(bob.store, [bob.view(remote)]).received == 9
    assert runs(bob) == runs(ann)


def test_a_run_that_came_within_a_whole_pack_is_found(
    ann: Place, bob: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "WHOLE_FROM_BYTES", 1)
    remote = MemoryBackend()
    add_run(ann.store, "train", {"a.bin": content(1, 500_000)})
    push_runs(ann, remote)
    (bundle,) = bundles(ann)
    assert not fetch(bob.store, [bob.view(remote)], list(bundle.pointers)).failed
    fetch_runs(bob.store, [bob.view(remote)])
    assert runs(bob) == runs(ann)


@given(st.lists(st.integers(0, 40), max_size=120), st.sets(st.integers(0, 45), min_size=1))
def test_ranges_of_a_run_table_show_what_it_holds(made: list[int], asked: set[int]) -> None:
    rows = sorted(
        {
            (blake3(b"%d" % key).digest(), blake3(b"run %d" % n).digest())
            for n, key in enumerate(made)
        }
    )
    layout = SegmentView(data := segment.encode([], rows)).layout
    keys = {blake3(b"%d" % key).digest() for key in asked}
    read = {
        span: data[span.start : span.start + span.length] for span in run_tables.spans(layout, keys)
    }
    shown = run_tables.runs_in(read)
    assert shown <= set(rows)
    if run_tables.are_shown(layout, read, keys):
        assert {row for row in rows if row[0] in keys} <= shown
    assert run_tables.runs_in(
        {s: data[s.start : s.start + s.length] for s in run_tables.spans(layout, None)}
    ) == set(rows)

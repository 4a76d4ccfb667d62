"""Whether remotes hold what the runs that they name have made."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, uses
from support.stage_runs import add_run, encoded_run

from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.formats import tree
from git_mlvc.formats.tree import TreeRow
from git_mlvc.oid import Oid
from git_mlvc.transfer import remote_layout, run_presence
from git_mlvc.transfer.bundles import Bundle, Cargo
from git_mlvc.transfer.push import push
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.run_presence import RunsOnRemotes
from git_mlvc.transfer.runs import bundles_of

MODEL, LOSS, ROC = content(1, 60_000), content(2, 50_000), content(3, 70_000)


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


def push_runs(who: Place, view: RemoteView) -> int:
    return push(who.store, view, [], bundles=bundles_of(who.store, who.store.all_runs())).runs


def look(*views: RemoteView, beside: tuple[RemoteView, ...] = ()) -> RunsOnRemotes:
    for view in views:
        view.refresh()
    return run_presence.look(views, lambda path: True, beside=beside)


def test_what_a_remote_lacks_of_a_run_is_named_by_run_stage_and_out(
    ann: Place, tmp_path: Path
) -> None:
    """A pack that only one of two runs names goes, and then one is cut short."""
    (tmp_path / "remote").mkdir()
    view = ann.view(FileBackend(tmp_path / "remote"))
    add_run(ann.store, "train", {"model.bin": MODEL})
    assert push_runs(ann, view) == 1
    before = packs(tmp_path)
    # The plots go ahead, so that their pack holds no record.
    push(ann.store, view, uses(*ingest(ann.store, LOSS, ROC)))
    (plots,) = packs(tmp_path) - before
    _, run = add_run(ann.store, "plot", {"plots": {"loss": LOSS, "roc": ROC}, "model.bin": MODEL})
    assert push_runs(ann, view) == 1
    assert look(view) == RunsOnRemotes(2)
    whole = plots.read_bytes()
    plots.unlink()
    for _ in range(2):
        found = look(view)
        (hurt,) = found.hurt
        assert (hurt.id, hurt.stage, hurt.path) == (Oid(run), "plot", "plots")
        assert hurt.why == "2 of its files are not there in full" and hurt.remote == "origin"
        plots.write_bytes(whole[:-100])
    plots.write_bytes(whole)
    assert look(view) == RunsOnRemotes(2)


def packs(root: Path) -> set[Path]:
    return {path for path in (root / "remote" / "packs").rglob("*") if path.is_file()}


def test_a_list_of_files_or_a_record_that_is_damaged_there_is_named(ann: Place) -> None:
    remote = MemoryBackend()
    view = ann.view(remote)
    _, run = add_run(ann.store, "plot", {"plots": {"loss": LOSS, "roc": ROC}})
    push_runs(ann, view)
    listing = tree.encode(
        [TreeRow(n, Oid.of(d), len(d)) for n, d in ((b"loss", LOSS), (b"roc", ROC))]
    )
    whole = dict(remote.objects)
    for digest, stage, why in (
        (Oid.of(listing).digest, "plot", "the list of its files is not there, or damaged"),
        (run, "", "its record is not there, or damaged"),
    ):
        at = view.find(digest)
        assert at is not None
        key = remote_layout.pack_key(at.pack)
        data = bytearray(whole[key])
        data[at.offset + at.stored_len - 1] ^= 1
        remote.objects[key] = bytes(data)
        (hurt,) = look(view).hurt
        assert (hurt.id, hurt.stage, hurt.why) == (Oid(run), stage, why)


def test_data_may_be_on_another_remote_that_is_looked_at(ann: Place) -> None:
    usual, archive = ann.view(MemoryBackend(), "usual"), ann.view(MemoryBackend(), "archive")
    (model,) = uses(*ingest(ann.store, MODEL))
    push(ann.store, archive, [model])
    add_run(ann.store, "train", {"model.bin": MODEL})
    (bundle,) = bundles_of(ann.store, ann.store.all_runs())
    push(ann.store, usual, [], bundles=[bundle.part((), has_record=True)])
    assert [hurt.path for hurt in look(usual).hurt] == ["model.bin"]
    assert look(usual, archive) == look(usual, beside=(archive,)) == RunsOnRemotes(1)


def test_a_remote_without_runs_is_asked_nothing_more(ann: Place) -> None:
    remote = FaultyBackend(MemoryBackend())
    view = ann.view(remote)
    push(ann.store, view, uses(*ingest(ann.store, MODEL)))
    view.refresh()
    remote.calls.clear()
    assert run_presence.look([view], lambda path: True) == RunsOnRemotes()
    assert not sum(remote.calls.values())


def test_runs_of_a_newer_version_are_counted_and_others_looked_at_few_at_a_time(
    ann: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_presence, "GROUP_BYTES", 1)
    monkeypatch.setattr(run_presence, "WINDOW_RUNS", 2)
    monkeypatch.setattr(run_presence, "KNOWN_CONTENTS", 2)
    view = ann.view(MemoryBackend())
    for n in range(5):
        add_run(ann.store, f"plot@{n}", {"plots": {"loss": LOSS, "roc": b"%d" % n}})
    with ann.store.session() as session:
        key, record = encoded_run(session, "later", {"model.bin": MODEL})
        later = record[:8] + b"\2" + record[9:]
        session.add_run(key, later)
    (bundle,) = bundles_of(ann.store, [(key, blake3(later).digest())])
    assert not bundle.cargo.is_known, "what it names only a newer git-mlvc can tell"
    whole = Bundle(lambda: Cargo("later", (), len(later)), bundle.run)
    others = bundles_of(ann.store, ann.store.all_runs())
    push(ann.store, view, [], bundles=[*others, whole])
    assert look(view) == RunsOnRemotes(6, [], 1)

"""Runs of the run cache, from one store to another by way of a remote."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, restored, uses
from support.stage_runs import add_run

from git_mlvc.backend.base import Backend, Capability
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.plan import PushReport
from git_mlvc.transfer.push import push
from git_mlvc.transfer.runs import bundles_of, fetch_runs


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


def push_runs(who: Place, remote: Backend, name: str = "origin") -> PushReport:
    return push(
        who.store, who.view(remote, name), [], bundles=bundles_of(who.store, who.store.all_runs())
    )


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

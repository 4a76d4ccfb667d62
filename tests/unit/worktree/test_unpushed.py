"""What a remote lacks, told without asking a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, uses

from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.formats.pointer import Pointer
from git_mlvc.repo_path import RepoPath
from git_mlvc.transfer.push import push
from git_mlvc.worktree import unpushed
from git_mlvc.worktree.status import FileStatus, State
from git_mlvc.worktree.unpushed import Basis


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


def standing(*pointers: Pointer) -> list[FileStatus]:
    return [
        FileStatus(RepoPath(b"%d.bin" % number), State.PRESENT, pointer, pointer.size_bytes)
        for number, pointer in enumerate(pointers)
    ]


def test_a_remote_on_the_network_is_not_asked(ann: Place) -> None:
    inner = MemoryBackend()
    inner.url = "https://example.org/data"
    distant = FaultyBackend(inner)
    sent, kept = ingest(ann.store, content(1, 50_000), content(2, 50_000))
    files = standing(sent, kept)

    def asked() -> int:
        return sum(distant.calls.values())

    first = unpushed.at_no_cost(ann.view(distant), files)
    assert (first.basis, first.unpushed, asked()) == (Basis.UNKNOWN, None, 0)

    push(ann.store, ann.view(distant), uses(sent))
    before = asked()
    second = unpushed.at_no_cost(ann.view(distant), files)
    assert second.basis is Basis.REMEMBERED
    assert second.unpushed == [RepoPath(b"1.bin")]
    assert asked() == before


def test_a_remote_on_a_disk_is_looked_into(ann: Place) -> None:
    near = FileBackend(ann.path / "near")
    sent, kept = ingest(ann.store, content(1, 50_000), content(2, 50_000))
    push(ann.store, ann.view(near), uses(sent))
    found = unpushed.at_no_cost(ann.view(near), standing(sent, kept))
    assert (found.basis, found.unpushed) == (Basis.LISTED, [RepoPath(b"1.bin")])
    assert unpushed.verified(ann.view(near), standing(sent, kept)).unpushed == found.unpushed


def test_one_answer_for_several_places_rests_on_the_weakest() -> None:
    one = unpushed.OnRemote("lab", Basis.LISTED, [RepoPath(b"a")])
    other = unpushed.OnRemote("archive", Basis.REMEMBERED, [RepoPath(b"b")])
    both = unpushed.combined([one, other])
    assert (both.remote, both.basis) == ("lab, archive", Basis.REMEMBERED)
    assert both.unpushed == [RepoPath(b"a"), RepoPath(b"b")]
    silent = unpushed.OnRemote("cold", Basis.UNKNOWN, None, "it has not been asked yet")
    nobody = unpushed.combined([one, silent])
    assert (nobody.basis, nobody.unpushed, nobody.why) == (Basis.UNKNOWN, None, silent.why)
    assert unpushed.combined([one]) == one

"""Blobs that are remembered: right with the file, without it, and whatever stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import noise
from support.stubs import Stubbed

from git_mlvc.git.repository import Repository
from git_mlvc.worktree import known_blobs, pointers
from git_mlvc.worktree.known_blobs import ABSENT, Blob, KnownBlobs


@pytest.fixture
def many(scene: Stubbed, monkeypatch: pytest.MonkeyPatch) -> Stubbed:
    """Ten data files and ten others; and ten blobs are worth a file."""
    monkeypatch.setattr(known_blobs, "_WORTH_WRITING", 9)
    scene.commit({f"{n}.bin": noise(3000, n) for n in range(10)})
    scene.repo.write({f"{n}.txt": b"text %d\n" % n for n in range(10)}).add()
    return scene


def _file(repo: Repository) -> Path:
    return repo.common_dir / "mlvc" / "known-blobs-sha1"


def _blobs(scene: Stubbed) -> dict[bytes, Blob]:
    rows = list(pointers.open_index(scene.repository).worktree_rows())
    known = KnownBlobs(scene.repository)
    known.learn(blob for _, blob, _ in rows)
    return {path: known[blob] for path, blob, _ in rows}


def test_a_second_look_says_the_same_and_asks_git_nothing(
    many: Stubbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _blobs(many)
    assert first[b"3.txt"] == (None, 7)
    assert {p.size_bytes for p, _ in first.values() if p} == {3000}
    monkeypatch.setattr(known_blobs, "objects", None)
    assert _blobs(many) == first


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "another kind"])
def test_a_damaged_file_is_not_believed(many: Stubbed, damage: str) -> None:
    first = _blobs(many)
    path = _file(many.repository)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[-50:]
    elif damage == "flipped":
        data[60] ^= 1
    elif damage == "empty":
        data.clear()
    else:
        data[:3] = b"???"
    path.write_bytes(data)
    assert _blobs(many) == first
    assert path.read_bytes() != data


def test_what_was_known_stays_known_until_it_is_much_more_than_is_wanted(many: Stubbed) -> None:
    _blobs(many)
    sizes = [_file(many.repository).stat().st_size]
    for turn in range(4):
        many.repo.write({f"{n}.txt": b"turn %d of %d\n" % (turn, n) for n in range(10)}).add()
        _blobs(many)
        sizes.append(_file(many.repository).stat().st_size)
    assert sizes[1] > sizes[0]
    assert sizes[-1] <= 3 * sizes[0]


def test_a_blob_that_is_not_here_is_absent(many: Stubbed) -> None:
    known = KnownBlobs(many.repository)
    known.learn([bytes(20)])
    assert known[bytes(20)] == ABSENT

"""Filling large files while their data comes: the same rules as for any fill, and nothing waits for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.content import noise
from support.stubs import Stubbed

from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.progress import Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store
from git_mlvc.worktree import early_fill
from git_mlvc.worktree.early_fill import EarlyFill, worth_filling_early
from git_mlvc.worktree.fill import LeftKind, fill

A, B = RepoPath(b"a.bin"), RepoPath(b"b.bin")
DATA = noise(3_000_000)


class Coming:
    """A store into which contents come record by record, and an early fill that reads it."""

    def __init__(self, scene: Stubbed, path: Path, files: dict[str, bytes]) -> None:
        self.scene, self.path = scene, path
        self.wanted = scene.commit(files)
        self.early = EarlyFill(scene.repository, Store.open(path), self.wanted)
        self.store = Store.open(path)
        self._session: Session | None = None

    def records(self, *pointers: Pointer) -> Iterator[bytes]:
        """Bring the records of contents, yielding after each; by default of all."""
        for pointer in pointers or self.wanted.values():
            for digest in self.scene.store.live_digests(pointer):
                at, payload = self.scene.store.read_stored(digest)
                self._session = self._session or self.store.session()
                self._session.add_stored(digest, at.kind, at.codec, at.raw_len, payload)
                self._session.commit()
                self.early.arrivals.note()
                yield digest

    def bring(self, *pointers: Pointer) -> None:
        for _ in self.records(*pointers):
            pass

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self.store.close()

    def nothing_is_left_behind(self) -> bool:
        spare = self.scene.repository.state_dir / "tmp"
        left = [path.name for path in spare.iterdir()] if spare.exists() else []
        assert [name for name in left if name.startswith(".git-mlvc-")] == []
        assert not (self.scene.repo.git_dir / "index.lock").exists()
        return True


@pytest.fixture
def coming(scene: Stubbed, tmp_path: Path) -> Iterator[Coming]:
    made = Coming(scene, tmp_path / "other", {"a.bin": DATA, "b.bin": noise(2_000_000, 1)})
    yield made
    made.close()


def test_files_are_filled_as_their_data_comes(coming: Coming, scene: Stubbed) -> None:
    with coming.early:
        for _ in coming.records(coming.wanted[A]):
            pass
        coming.bring(coming.wanted[B])
        report = coming.early.finish(Silent())
    assert report.filled == [A, B]
    assert report.size_bytes == 5_000_000
    assert (report.left, report.skipped, report.untold) == ({}, [], [])
    assert scene.repo.read("a.bin") == DATA
    assert scene.is_unmodified_for_git()
    assert coming.nothing_is_left_behind()


def test_a_file_stays_a_stub_until_all_of_it_has_come(coming: Coming, scene: Stubbed) -> None:
    with coming.early:
        records = coming.records(coming.wanted[A])
        for _ in range(sum(1 for _ in scene.store.live_digests(coming.wanted[A])) - 1):
            next(records)
            assert len(scene.repo.read("a.bin")) < 200
        records.close()
        report = coming.early.finish(Silent())
    assert report.filled == []
    assert scene.repo.stubs() == ["a.bin", "b.bin"]
    assert coming.nothing_is_left_behind()


def test_a_file_is_there_before_the_next_has_begun_to_come(coming: Coming, scene: Stubbed) -> None:
    with coming.early:
        coming.bring(coming.wanted[A])
        item = coming.early._done.get(timeout=60)
        assert item is not None
        assert item[0] == A
        assert scene.repo.read("a.bin") == DATA
        coming.early._done.put(item)
        coming.bring(coming.wanted[B])
        assert coming.early.finish(Silent()).filled == [A, B]


def test_what_does_not_come_is_left_to_the_fill_that_says_why(
    coming: Coming, scene: Stubbed
) -> None:
    with coming.early:
        coming.bring(coming.wanted[B])
        report = coming.early.finish(Silent())
    assert report.filled == [B]
    rest = {path: p for path, p in coming.wanted.items() if path not in report.filled}
    after = fill(scene.repository, coming.store, rest.items())
    assert after.left[A].kind is LeftKind.MISSING
    after.add_filled(report)
    assert (after.filled, after.size_bytes) == ([B], 2_000_000)
    assert scene.repo.stubs() == ["a.bin"]


def test_an_error_elsewhere_ends_it_and_keeps_what_is_filled(
    coming: Coming, scene: Stubbed
) -> None:
    with pytest.raises(KeyboardInterrupt), coming.early:
        coming.bring(coming.wanted[A])
        item = coming.early._done.get(timeout=60)
        coming.early._done.put(item)
        raise KeyboardInterrupt
    assert not coming.early._thread.is_alive()
    assert scene.repo.read("a.bin") == DATA
    assert scene.repo.stubs() == ["b.bin"]
    assert scene.is_unmodified_for_git()
    assert coming.nothing_is_left_behind()


def test_law_3_wrong_bytes_never_reach_the_worktree_early(coming: Coming, scene: Stubbed) -> None:
    with coming.store.session() as session:
        session.ingest([DATA])
        pack = max((coming.path / "tmp").iterdir(), key=lambda path: path.stat().st_size)
        data = bytearray(pack.read_bytes())
        data[data.find(DATA[1_500_000:1_500_100])] ^= 1
        pack.write_bytes(data)
        with coming.early:
            coming.bring(coming.wanted[B])
            assert coming.early.finish(Silent()).filled == [B]
    assert scene.repo.stubs() == ["a.bin"]
    assert coming.nothing_is_left_behind()


def test_law_11_an_edit_made_while_the_data_comes_wins(coming: Coming, scene: Stubbed) -> None:
    with coming.early:
        records = coming.records(coming.wanted[A])
        next(records)
        scene.repo.at("a.bin").write_bytes(b"an edit")
        for _ in records:
            pass
        report = coming.early.finish(Silent())
    assert report.filled == []
    assert scene.repo.read("a.bin") == b"an edit"
    assert coming.nothing_is_left_behind()


def test_only_large_files_and_only_where_there_is_room(
    scene: Stubbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = Pointer(Oid(b"\1" * 32), 1000), Pointer(Oid(b"\2" * 32), 40 << 20)
    files = {A: small, B: large}
    assert worth_filling_early(scene.repository, tmp_path / "not" / "yet", files) == {B: large}
    assert worth_filling_early(scene.repository, tmp_path, {A: small}) == {}
    monkeypatch.setattr(
        early_fill.shutil, "disk_usage", lambda _: SimpleNamespace(free=(80 << 20) + 2000)
    )
    assert worth_filling_early(scene.repository, tmp_path, files) == {}

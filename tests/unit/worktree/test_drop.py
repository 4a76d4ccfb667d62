"""Dropping: only content that is safe elsewhere, and only what git's index says."""

from __future__ import annotations

from collections.abc import Sequence

from support.content import noise
from support.stubs import Stubbed

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.drop import DropReport, KeptKind, drop
from git_mlvc.worktree.fill import fill

A, B = RepoPath(b"a.bin"), RepoPath(b"b.bin")


def _all(pointers: Sequence[Pointer]) -> set[Pointer]:
    return set(pointers)


def _none(pointers: Sequence[Pointer]) -> set[Pointer]:
    return set()


def _filled(scene: Stubbed, files: dict[str, bytes]) -> dict[RepoPath, Pointer]:
    wanted = scene.commit(files)
    assert len(fill(scene.repository, scene.store, wanted.items()).filled) == len(wanted)
    return wanted


def _drop(scene: Stubbed, *paths: RepoPath, **options: object) -> DropReport:
    settings = {"verified": _all, **options}
    return drop(scene.repository, scene.store, paths, **settings)  # type: ignore[arg-type]


def test_content_becomes_its_stub_and_git_takes_it_for_unmodified(scene: Stubbed) -> None:
    wanted = _filled(scene, {"a.bin": noise(70_000), "b.bin": b"b"})
    scene.repo.at("a.bin").chmod(0o600)
    report = _drop(scene, A, B)
    assert report.dropped == [A, B]
    assert report.size_bytes == 70_001
    assert scene.repo.read("a.bin") == pointer_format.encode(wanted[A])
    assert scene.repo.at("a.bin").stat().st_mode & 0o777 == 0o600
    assert scene.is_unmodified_for_git()


def test_law_11_without_a_verified_copy_nothing_is_dropped(scene: Stubbed) -> None:
    _filled(scene, {"a.bin": b"content"})
    report = _drop(scene, A, verified=_none)
    assert report.kept[A].kind is KeptKind.UNVERIFIED
    assert scene.repo.read("a.bin") == b"content"


def test_force_needs_no_remote_but_a_local_copy(scene: Stubbed) -> None:
    _filled(scene, {"a.bin": b"content"})
    assert _drop(scene, A, verified=_none, force=True).dropped == [A]
    fill(scene.repository, scene.store, scene.commit({"a.bin": b"content"}).items())
    scene.repo.lose_data()
    lost = Stubbed(scene.repo, type(scene.store).open(scene.store.path))
    assert _drop(lost, A, verified=_none, force=True).kept[A].kind is KeptKind.ONLY_COPY
    assert scene.repo.read("a.bin") == b"content"


def test_law_11_a_modified_file_is_never_dropped(scene: Stubbed) -> None:
    wanted = _filled(scene, {"a.bin": b"content", "b.bin": b"content"})
    info = scene.repo.at("a.bin").stat()
    scene.repo.write({"a.bin": b"CONTENT", "b.bin": b"more content"})
    import os

    os.utime(scene.repo.at("a.bin"), ns=(info.st_atime_ns, info.st_mtime_ns))
    report = _drop(scene, *wanted, force=True)
    assert {kept.kind for kept in report.kept.values()} == {KeptKind.MODIFIED}
    assert (scene.repo.read("a.bin"), scene.repo.read("b.bin")) == (b"CONTENT", b"more content")


def test_stubs_missing_files_and_other_files_are_named(scene: Stubbed) -> None:
    scene.commit({"a.bin": b"content", "b.bin": b"other"})
    scene.repo.write({"code.py": b"x\n"}).add().remove("b.bin")
    report = _drop(scene, A, B, RepoPath(b"code.py"), RepoPath(b"nowhere"))
    assert report.already == [A]
    assert report.kept[B].kind is KeptKind.MODIFIED
    assert report.kept[RepoPath(b"code.py")].kind is KeptKind.NOT_DATA
    assert report.kept[RepoPath(b"nowhere")].kind is KeptKind.NOT_DATA


def test_an_edit_made_while_the_remote_was_asked_wins(scene: Stubbed) -> None:
    _filled(scene, {"a.bin": b"content"})

    def verified(pointers: Sequence[Pointer]) -> set[Pointer]:
        scene.repo.write({"a.bin": b"CONTENT"})
        return set(pointers)

    assert _drop(scene, A, verified=verified).kept[A].kind is KeptKind.MODIFIED
    assert scene.repo.read("a.bin") == b"CONTENT"

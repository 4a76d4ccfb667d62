"""Filling: the right bytes in the place of exactly the expected stub, and never of anything else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from support.content import UNUSUAL_NAMES, noise
from support.stubs import Stubbed, stubbed

from git_mlvc.errors import InputError, MlvcError, RemoteUnavailable
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.fs.safe_path import Directory
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.pack_files import PackFile
from git_mlvc.worktree.fill import FillReport, LeftKind, fill

A = RepoPath(b"a.bin")


def _fill(scene: Stubbed, wanted: dict[RepoPath, Pointer], **options: object) -> FillReport:
    return fill(scene.repository, scene.store, wanted.items(), **options)  # type: ignore[arg-type]


def _nothing_is_left_behind(scene: Stubbed) -> bool:
    spare = scene.repository.state_dir / "tmp"
    left = list(spare.iterdir()) if spare.exists() else []
    assert [path.name for path in left if path.name.startswith(".git-mlvc-")] == []
    assert not [name for name, _ in scene.repo.files() if ".git-mlvc-" in name]
    assert not (scene.repo.git_dir / "index.lock").exists()
    return True


def test_stubs_become_content_and_git_takes_them_for_unmodified(scene: Stubbed) -> None:
    files = {"a.bin": b"small", "dir/b.bin": noise(70_000), "dir/c.bin": noise(3_000_000, 1)}
    wanted = scene.commit(files)
    report = _fill(scene, wanted)
    assert report.filled == sorted(wanted)
    assert (report.left, report.skipped) == ({}, [])
    assert report.size_bytes == sum(map(len, files.values()))
    assert {name: scene.repo.read(name) for name in files} == files
    assert scene.is_unmodified_for_git()
    assert _nothing_is_left_behind(scene)


@pytest.mark.parametrize("name", UNUSUAL_NAMES, ids=repr)
def test_unusual_names_are_filled(scene: Stubbed, name: bytes) -> None:
    wanted = scene.commit({name: b"content"})
    assert _fill(scene, wanted).filled == [RepoPath(name)]
    assert scene.repo.read(name) == b"content"
    assert scene.is_unmodified_for_git()


def test_git_takes_filled_files_for_unmodified_in_a_sha256_repository(tmp_path: Path) -> None:
    scene = stubbed(tmp_path, "--object-format=sha256")
    wanted = scene.commit({"a.bin": b"small"})
    assert _fill(scene, wanted).filled == [A]
    assert scene.is_unmodified_for_git()


def _age(scene: Stubbed, *, index_later_s: int) -> None:
    """Let the checkout be long ago, and the index be written so many seconds after it."""
    for _, place in scene.repo.files():
        os.utime(place, (1e9, 1e9))
    scene.repo.git("update-index", "-q", "--refresh")
    then = 1e9 + index_later_s
    os.utime(scene.repo.git_dir / "index", (then, then))


def test_an_hour_after_the_checkout_git_is_told_and_the_file_is_of_today(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"content", "b.bin": b"other"})
    _age(scene, index_later_s=5)
    assert _fill(scene, {A: wanted[A]}).filled == [A]
    assert scene.is_unmodified_for_git()
    assert scene.repo.at("a.bin").stat().st_mtime > 1e9 + 100


def test_an_hour_after_the_checkout_files_as_old_as_the_index_stay_safe_from_hidden_edits(
    scene: Stubbed,
) -> None:
    wanted = scene.commit({"a.bin": b"content", "b.bin": b"other"})
    scene.repo.write_now({"code.py": b"one\n"}).add()
    scene.repo.set("core.trustctime", "false")
    _age(scene, index_later_s=0)
    scene.repo.write_now({"code.py": b"two\n"})
    os.utime(scene.repo.at("code.py"), (1e9, 1e9))
    assert _fill(scene, {A: wanted[A]}).filled == [A]
    assert scene.repo.text("diff-files", "--name-only") == "code.py"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"an edit", id="an edit"),
        pytest.param(b"", id="nothing"),
        pytest.param(pointer_format.encode(Pointer(Oid.of(b"x"), 1)), id="another stub"),
        pytest.param(pointer_format.encode(Pointer(Oid.of(b"content"), 7)) + b"x", id="appended"),
        pytest.param(pointer_format.encode(Pointer(Oid.of(b"content"), 7))[:-1], id="cut"),
        pytest.param(noise(5000), id="large"),
    ],
)
def test_law_11_whatever_is_not_exactly_the_expected_stub_stays(
    scene: Stubbed, content: bytes
) -> None:
    wanted = scene.commit({"a.bin": b"content"})
    scene.repo.write_now({"a.bin": content})
    before = scene.repo.at("a.bin").lstat()
    report = _fill(scene, wanted)
    after = scene.repo.at("a.bin").lstat()
    assert (report.filled, report.left, report.skipped) == ([], {}, [A])
    assert scene.repo.read("a.bin") == content
    assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)


def test_law_11_a_missing_file_a_directory_or_a_link_is_not_replaced(scene: Stubbed) -> None:
    wanted = scene.commit({"gone.bin": b"1", "dir.bin": b"2", "link.bin": b"3", "fifo.bin": b"4"})
    target = scene.repo.at("link.bin").rename(scene.repo.at("target"))
    scene.repo.remove("gone.bin", "dir.bin", "fifo.bin")
    scene.repo.at("dir.bin").mkdir()
    scene.repo.at("link.bin").symlink_to(target)
    os.mkfifo(scene.repo.at("fifo.bin"))
    stub = target.read_bytes()
    report = _fill(scene, wanted)
    assert report.filled == []
    assert not scene.repo.has("gone.bin")
    assert scene.repo.at("link.bin").is_symlink()
    assert target.read_bytes() == stub


class Interfering:
    """A store in whose middle of a restore something happens to the worktree."""

    def __init__(self, scene: Stubbed, happening: Callable[[], object]) -> None:
        self._scene = scene
        self._happening = happening

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]:
        return self._scene.store.incomplete(pointers)

    def position(self, pointer: Pointer) -> tuple[bytes, int]:
        return self._scene.store.position(pointer)

    def contents(self, pointers: Iterable[Pointer]) -> dict[Pointer, bytes | MlvcError]:
        contents = self._scene.store.contents(pointers)
        self._happening()
        return contents

    def restore_file(self, pointer: Pointer, fd: int) -> None:
        self._scene.store.restore_file(pointer, fd)
        self._happening()


@pytest.mark.parametrize("content", [b"content", noise((1 << 20) + 1)], ids=["small", "large"])
@pytest.mark.parametrize("how", ["written", "appended", "replaced", "removed"])
def test_law_11_an_edit_made_while_a_file_is_being_filled_wins(
    scene: Stubbed, how: str, content: bytes
) -> None:
    wanted = scene.commit({"a.bin": content})
    place = scene.repo.at("a.bin")
    stub = place.read_bytes()

    def happening() -> None:
        if how == "written":
            place.write_bytes(b"an edit")
        elif how == "appended":
            place.write_bytes(stub + b"more")
        elif how == "replaced":
            place.with_name("new").write_bytes(b"an edit")
            place.with_name("new").rename(place)
        else:
            place.unlink()

    report = fill(scene.repository, Interfering(scene, happening), wanted.items())
    assert report.filled == []
    expected = {"written": b"an edit", "appended": stub + b"more", "replaced": b"an edit"}
    if how == "removed":
        assert not place.exists()
    else:
        assert report.skipped == [A] or report.left[A].kind is LeftKind.CHANGED
        assert place.read_bytes() == expected[how]
    assert _nothing_is_left_behind(scene)


def test_law_12_a_directory_that_became_a_link_is_not_followed(
    scene: Stubbed, tmp_path: Path
) -> None:
    wanted = scene.commit({"dir/a.bin": b"content"})
    outside = tmp_path / "outside"
    scene.repo.at("dir").rename(outside)
    scene.repo.at("dir").symlink_to(outside)
    stub = (outside / "a.bin").read_bytes()
    report = _fill(scene, wanted)
    assert report.left[RepoPath(b"dir/a.bin")].kind is LeftKind.UNSAFE
    assert (outside / "a.bin").read_bytes() == stub


def test_the_mode_of_the_stub_is_kept(scene: Stubbed) -> None:
    wanted = scene.commit({"plain.bin": b"1", "run.bin": b"2", "read.bin": b"3", "mine.bin": b"4"})
    scene.repo.at("run.bin").chmod(0o755)
    scene.repo.add().commit("executable")
    scene.repo.at("read.bin").chmod(0o444)
    scene.repo.at("mine.bin").chmod(0o600)
    before = {path.raw: scene.repo.at(path.raw).stat().st_mode for path in wanted}
    assert len(_fill(scene, wanted).filled) == 4
    assert {path.raw: scene.repo.at(path.raw).stat().st_mode for path in wanted} == before


def test_a_hard_link_to_the_stub_keeps_the_stub(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"content"})
    other = scene.repo.path.parent / "other name"
    other.hardlink_to(scene.repo.at("a.bin"))
    stub = other.read_bytes()
    assert _fill(scene, wanted).filled == [A]
    assert (scene.repo.read("a.bin"), other.read_bytes()) == (b"content", stub)


def test_a_stub_with_crlf_is_still_this_stub(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"content"})
    scene.repo.write_now({"a.bin": scene.repo.read("a.bin").replace(b"\n", b"\r\n")})
    assert _fill(scene, wanted).filled == [A]


def test_what_is_missing_is_asked_for_once_and_filled_when_it_comes(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"one", "b.bin": b"two", "c.bin": b"one"})
    hidden = scene.repo.path.parent / "hidden"
    shutil.copytree(scene.store.path, hidden)
    scene.repo.lose_data()
    lost = Stubbed(scene.repo, type(scene.store).open(scene.store.path))
    asked: list[list[Pointer]] = []

    def fetch(pointers: Sequence[Pointer]) -> dict[Pointer, MlvcError]:
        asked.append(list(pointers))
        lost.ingest(b"one")
        return {wanted[RepoPath(b"b.bin")]: RemoteUnavailable("cannot fetch", why="no answer")}

    report = _fill(lost, wanted, fetch=fetch)
    assert [len(pointers) for pointers in asked] == [2]
    assert report.filled == [A, RepoPath(b"c.bin")]
    assert report.left[RepoPath(b"b.bin")].kind is LeftKind.MISSING
    assert str(report.left[RepoPath(b"b.bin")]) == "cannot fetch: no answer"
    assert lost.repo.stubs() == ["b.bin"]


def test_a_fetch_that_fails_as_a_whole_leaves_stubs_and_fills_the_rest(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"one"})
    wanted[RepoPath(b"b.bin")] = absent = Pointer(Oid.of(b"nowhere"), 7)
    scene.repo.write_now({"b.bin": pointer_format.encode(absent)})

    def fetch(pointers: Sequence[Pointer]) -> None:
        raise RemoteUnavailable("cannot fetch", why="no network")

    report = _fill(scene, wanted, fetch=fetch)
    assert report.filled == [A]
    assert list(report.left) == [RepoPath(b"b.bin")]


def test_law_3_wrong_bytes_never_reach_the_worktree(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": noise(5000), "b.bin": noise(6000, 1)})
    for pack in (scene.store.path / "packs").rglob("*"):
        if pack.is_file():
            data = bytearray(pack.read_bytes())
            middle = data.find(noise(5000)[100:200])
            if middle >= 0:
                data[middle] ^= 1
                pack.chmod(0o600)
                pack.write_bytes(data)
    damaged = Stubbed(scene.repo, type(scene.store).open(scene.store.path))
    report = _fill(damaged, wanted)
    assert report.filled == [RepoPath(b"b.bin")]
    assert report.left[A].kind is LeftKind.CORRUPT
    assert scene.repo.stubs() == ["a.bin"]
    assert _nothing_is_left_behind(scene)


def test_many_files_are_filled_by_several_threads(scene: Stubbed) -> None:
    wanted = scene.commit({f"d{n % 5}/{n}.bin": b"content %d" % n for n in range(300)})
    report = _fill(scene, wanted, jobs=4)
    assert len(report.filled) == 300
    assert scene.is_unmodified_for_git()
    assert all(
        scene.repo.read(path.raw) == b"content " + path.raw.split(b"/")[1].split(b".")[0]
        for path in wanted
    )


def test_a_lock_on_the_index_costs_time_but_no_bytes(
    scene: Stubbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_mlvc.worktree.placing._INDEX_TIMEOUT_S", 0.05)
    wanted = scene.commit({"a.bin": b"content"})
    lock = scene.repo.git_dir / "index.lock"
    lock.touch()
    report = _fill(scene, wanted)
    assert (report.filled, report.untold) == ([A], [A])
    lock.unlink()
    assert scene.repo.read("a.bin") == b"content"
    again = _fill(scene, wanted)
    assert (again.filled, again.untold) == ([], [])
    assert scene.is_unmodified_for_git()


def test_an_index_that_git_has_split_is_told_as_well(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"content", "b.bin": b"other"})
    scene.repo.git("update-index", "--split-index")
    report = _fill(scene, {A: wanted[A]})
    assert (report.filled, report.untold) == ([A], [])
    assert scene.is_unmodified_for_git()
    scene.repo.git("update-index", "--split-index")
    assert _fill(scene, wanted).filled == [RepoPath(b"b.bin")]
    assert scene.is_unmodified_for_git()


def test_names_that_differ_only_in_case_keep_their_own_content(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": b"lower", "A.bin": b"upper"})
    assert len(_fill(scene, wanted).filled) == 2
    assert (scene.repo.read("a.bin"), scene.repo.read("A.bin")) == (b"lower", b"upper")


def test_a_bare_repository_is_refused(tmp_path: Path) -> None:
    scene = stubbed(tmp_path)
    bare = scene.repo.machine.bare()
    with pytest.raises(InputError):
        fill(Stubbed(bare, scene.store).repository, scene.store, [])


def test_many_small_files_are_read_together_and_each_directory_is_opened_once(
    scene: Stubbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = scene.commit({f"d{n % 3}/{n}.bin": b"content %d" % n for n in range(200)})
    reads: list[int] = []
    opened: list[object] = []
    real_read, real_open = PackFile.read, Directory.open

    def read(self: PackFile, offset: int, length: int) -> bytes:
        reads.append(length)
        return real_read(self, offset, length)

    def open_directory(*args: object, **options: object) -> Directory:
        opened.append(args[0])
        return real_open(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(PackFile, "read", read)
    monkeypatch.setattr(Directory, "open", open_directory)
    assert len(_fill(scene, wanted).filled) == 200
    assert len(reads) <= 3
    assert len(opened) <= 5  # the top, three directories, and where new files are written

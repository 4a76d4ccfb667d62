"""The lock files of a worktree: read once, written at once, and never over what others have written."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest
from support.pipeline_values import file, path, result

from git_mlvc.errors import FormatError, InputError
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.lock_files.locks import Locks
from git_mlvc.pipeline.model import Stage


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    git_dir = tmp_path / ".git"
    return Repository(git_dir, git_dir, tmp_path, git_dir / "index")


def stage(name: str, folder: str | None = None) -> Stage:
    address = name if folder is None else f"{folder}:{name}"
    return Stage(address, name, ("true",), path(folder) if folder else None)


def on_disk(repo: Repository, name: str = "mlvc.lock") -> dict[str, object]:
    place = repo.top / name
    folder = path(name.rpartition("/")[0]) if "/" in name else None
    return dict(lock_file.decode(place.read_bytes(), name, folder))


A, B, C = stage("a"), stage("b"), stage("c")
ONE, TWO, THREE = result("1"), result("2"), result("3", outs={"x": file()})


def test_nothing_is_known_where_nothing_was_recorded(repo):
    assert Locks(repo).of(A) is None
    assert not (repo.top / "mlvc.lock").exists()


def test_what_is_recorded_is_on_the_disk_at_once_and_is_read_by_the_next(repo):
    locks = Locks(repo)
    locks.record(A, ONE)
    assert on_disk(repo) == {"a": ONE}
    locks.record(B, THREE)
    locks.record(A, TWO)
    assert on_disk(repo) == {"a": TWO, "b": THREE}
    assert (locks.of(A), Locks(repo).of(A), Locks(repo).of(B)) == (TWO, TWO, THREE)
    assert os.listdir(repo.top) == ["mlvc.lock"]


def test_each_directory_has_its_own_file_with_paths_from_there(repo):
    (repo.top / "sub").mkdir()
    inner = stage("a", "sub")
    made = result("1", outs={"sub/x": file(), "y": file()})
    locks = Locks(repo)
    locks.record(B, ONE)
    locks.record_many([(A, ONE), (inner, made), (B, TWO)])
    assert on_disk(repo) == {"a": ONE, "b": TWO}
    assert on_disk(repo, "sub/mlvc.lock") == {"a": made}
    text = (repo.top / "sub" / "mlvc.lock").read_text()
    assert '{path = "x", ' in text
    assert '{path = "../y", ' in text
    assert Locks(repo).of(inner) == made


def test_stages_that_are_no_more_are_dropped_when_their_file_is_written(repo):
    Locks(repo).record(A, ONE)
    Locks(repo).record(B, ONE)
    fewer = Locks(repo, [B, C])
    assert fewer.of(A) == ONE
    fewer.record(C, TWO)
    assert on_disk(repo) == {"b": ONE, "c": TWO}


def test_what_somebody_else_writes_meanwhile_stays(repo):
    locks = Locks(repo)
    locks.record(A, ONE)
    locks.record(B, ONE)
    other = Locks(repo)
    other.record(C, THREE)
    other.forget(B)
    locks.record(A, TWO)
    assert on_disk(repo) == {"a": TWO, "c": THREE}
    assert locks.of(B) is None
    assert locks.of(C) == THREE


def test_a_file_that_was_removed_meanwhile_begins_anew(repo):
    locks = Locks(repo)
    locks.record(A, ONE)
    (repo.top / "mlvc.lock").unlink()
    locks.record(B, TWO)
    assert on_disk(repo) == {"b": TWO}


def test_a_conflict_that_git_leaves_meanwhile_is_not_written_over(repo):
    locks = Locks(repo)
    locks.record(A, ONE)
    conflict = b"<<<<<<< HEAD\n=======\n>>>>>>> topic\n"
    (repo.top / "mlvc.lock").write_bytes(conflict)
    with pytest.raises(FormatError, match="conflict"):
        locks.record(A, TWO)
    assert (repo.top / "mlvc.lock").read_bytes() == conflict


def test_forgetting_takes_out_one_block_and_nothing_where_there_is_none(repo):
    locks = Locks(repo)
    locks.forget(A)
    assert not (repo.top / "mlvc.lock").exists()
    locks.record(A, ONE)
    locks.record(B, TWO)
    locks.forget(A)
    assert on_disk(repo) == {"b": TWO}


def test_many_threads_lose_nothing(repo):
    locks = Locks(repo)
    stages = [stage(f"s{n}") for n in range(40)]

    def record(some: list[Stage]) -> None:
        for one in some:
            locks.record(one, result(one.name))

    threads = [threading.Thread(target=record, args=(stages[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert on_disk(repo) == {one.name: result(one.name) for one in stages}


def test_the_mode_of_the_file_stays(repo):
    place = repo.top / "mlvc.lock"
    Locks(repo).record(A, ONE)
    place.chmod(0o640)
    Locks(repo).record(A, TWO)
    assert place.stat().st_mode & 0o777 == 0o640


def test_law_12_a_link_in_the_place_of_the_file_is_not_followed(repo, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "mine"
    target.write_bytes(lock_file.encode({}, None))
    (repo.top / "mlvc.lock").symlink_to(target)
    with pytest.raises(InputError, match=r"mlvc\.lock.*symbolic link"):
        Locks(repo).of(A)
    with pytest.raises(InputError, match=r"mlvc\.lock.*symbolic link"):
        Locks(repo).record(A, ONE)
    assert target.read_bytes() == lock_file.encode({}, None)


def test_law_12_a_directory_that_is_a_link_is_not_followed(repo, tmp_path_factory):
    (repo.top / "sub").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(InputError, match="symbolic link"):
        Locks(repo).record(stage("a", "sub"), ONE)


def test_a_link_that_comes_meanwhile_is_not_followed(repo, tmp_path_factory):
    locks = Locks(repo)
    locks.record(A, ONE)
    place, target = repo.top / "mlvc.lock", tmp_path_factory.mktemp("elsewhere") / "mine"
    place.rename(target)
    place.symlink_to(target)
    before = target.read_bytes()
    with pytest.raises(InputError, match="symbolic link"):
        locks.record(A, TWO)
    assert target.read_bytes() == before


def test_a_directory_in_the_place_of_the_file_is_an_error_that_names_it(repo):
    (repo.top / "mlvc.lock").mkdir()
    with pytest.raises(InputError, match=r"cannot read mlvc\.lock"):
        Locks(repo).of(A)


def test_recording_looks_at_no_other_block(repo):
    """Each record moves the others as bytes: 2,000 stages cost one pass of copying and no parsing."""
    locks = Locks(repo)
    locks.record(A, ONE)
    locks.record(B, TWO)
    place = repo.top / "mlvc.lock"
    before = lock_file.split(place.read_bytes(), "mlvc.lock")
    locks.record(C, THREE)
    after = lock_file.split(place.read_bytes(), "mlvc.lock")
    assert {name: after[name] for name in before} == before


def test_finishing_is_harmless_at_any_time(repo):
    locks = Locks(repo)
    locks.finish()
    locks.record(A, ONE)
    locks.finish()
    (repo.top / "mlvc.lock").unlink()
    locks.record(A, ONE)
    (repo.top / "mlvc.lock").unlink()
    locks.finish()


def test_what_a_killed_writer_left_beside_the_file_is_swept_away(repo):
    ended = subprocess.Popen(["true"])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        (repo.top / f".mlvc.lock.{pid}-0a1b.tmp").write_bytes(b"half")
    (repo.top / ".mlvc.lock.old").write_bytes(b"mine")
    Locks(repo).record(A, ONE)
    left = {".mlvc.lock.old", f".mlvc.lock.{os.getpid()}-0a1b.tmp", "mlvc.lock"}
    assert set(os.listdir(repo.top)) == left

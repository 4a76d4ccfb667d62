"""Status: each data file's state, from git's index where that is proof, from the bytes where not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from support.content import UNUSUAL_NAMES, noise
from support.stubs import Stubbed

from git_mlvc.formats import pointer as pointer_format
from git_mlvc.git import attributes
from git_mlvc.git.process import Git
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings, Threshold
from git_mlvc.worktree.fill import fill
from git_mlvc.worktree.pending import Pending
from git_mlvc.worktree.status import FileStatus, State, status

DATA = noise(5000)


def _status(scene: Stubbed, settings: Settings | None = None) -> dict[str, FileStatus]:
    found = status(scene.repository, scene.store, settings or Settings())
    return {file.path.text: file for file in found}


def _states(scene: Stubbed, settings: Settings | None = None) -> dict[str, State]:
    return {name: file.state for name, file in _status(scene, settings).items()}


def test_every_state_has_its_file(scene: Stubbed) -> None:
    names = ("present", "stub", "modified", "grown", "deleted", "damaged", "conflict", "swapped")
    wanted = scene.commit({f"{name}.bin": DATA + name.encode() for name in names})
    fill(scene.repository, scene.store, wanted.items())
    stub = pointer_format.encode
    by_name = {path.text: pointer for path, pointer in wanted.items()}
    scene.repo.write_now(
        {
            "stub.bin": stub(by_name["stub.bin"]),
            "modified.bin": bytes(len(DATA + b"modified")),
            "grown.bin": DATA * 2,
            "damaged.bin": stub(by_name["damaged.bin"]) + b"appended " * 40,
            "conflict.bin": b"<<<<<<< HEAD\n" + stub(by_name["stub.bin"]) + b"=======\n",
            "swapped.bin": stub(by_name["stub.bin"]),
            "code.py": b"x = 1\n",
        }
    ).remove("deleted.bin")
    assert _states(scene) == {
        "conflict.bin": State.DAMAGED,
        "damaged.bin": State.DAMAGED,
        "deleted.bin": State.DELETED,
        "grown.bin": State.MODIFIED,
        "modified.bin": State.MODIFIED,
        "present.bin": State.PRESENT,
        "stub.bin": State.STUB,
        "swapped.bin": State.MODIFIED,
    }
    assert _status(scene)["present.bin"].size_bytes == len(DATA + b"present")


def test_a_stub_whose_data_is_gone_says_so(scene: Stubbed) -> None:
    scene.commit({"a.bin": DATA})
    scene.repo.lose_data()
    lost = Stubbed(scene.repo, type(scene.store).open(scene.store.path))
    assert _states(lost) == {"a.bin": State.MISSING}


def test_content_that_git_holds_itself_is_raw_unless_it_is_small_enough(scene: Stubbed) -> None:
    scene.repo.write_now(
        {"raw.bin": DATA, "empty.bin": b"", "raw.txt": DATA, "big/x.bin": DATA}
    ).add()
    assert _states(scene) == {"big/x.bin": State.RAW, "raw.bin": State.RAW}
    limits = Settings(thresholds=(Threshold("*", 10_000), Threshold("big/*", 10)))
    assert _states(scene, limits) == {"big/x.bin": State.RAW}


def test_pointers_count_even_where_the_attributes_no_longer_say_so(scene: Stubbed) -> None:
    scene.commit({"a.bin": DATA})
    scene.repo.remove(".gitattributes")
    assert _states(scene) == {"a.bin": State.STUB}


def test_an_edit_of_the_same_size_and_time_is_found_where_git_would_find_it(
    scene: Stubbed,
) -> None:
    wanted = scene.commit({"a.bin": DATA})
    fill(scene.repository, scene.store, wanted.items())
    place, index = scene.repo.at("a.bin"), scene.repo.git_dir / "index"
    seen = place.stat().st_mtime_ns
    place.write_bytes(bytes(len(DATA)))
    os.utime(place, ns=(seen, seen))
    os.utime(index, ns=(seen, seen))
    assert _states(scene) == {"a.bin": State.MODIFIED}


def test_a_touched_file_is_read_and_found_unmodified(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": DATA})
    fill(scene.repository, scene.store, wanted.items())
    os.utime(scene.repo.at("a.bin"))
    assert _states(scene) == {"a.bin": State.PRESENT}


def test_pending_fills_are_marked(scene: Stubbed) -> None:
    wanted = scene.commit({"a.bin": DATA, "b.bin": DATA})
    a = RepoPath(b"a.bin")
    Pending(scene.repository.state_dir).add(a, wanted[a])
    assert {name: file.is_pending for name, file in _status(scene).items()} == {
        "a.bin": True,
        "b.bin": False,
    }


def test_unusual_names_and_a_choice_of_files(scene: Stubbed) -> None:
    scene.commit(dict.fromkeys(UNUSUAL_NAMES, DATA))
    assert {os.fsencode(name) for name in _states(scene)} == set(UNUSUAL_NAMES)
    one = RepoPath(UNUSUAL_NAMES[0])
    found = status(scene.repository, scene.store, Settings(), among=[one])
    assert [file.path for file in found] == [one]


@pytest.mark.parametrize("how", ["--split-index", "--index-version=4", "--skip-worktree"])
def test_every_kind_of_index_is_read(scene: Stubbed, how: str) -> None:
    scene.commit({"a.bin": DATA, "b.bin": DATA})
    args = [how, "b.bin"] if how == "--skip-worktree" else how.split("=")
    scene.repo.git("update-index", *args)
    expected = {"a.bin": State.STUB, "b.bin": State.STUB}
    if how == "--skip-worktree":
        del expected["b.bin"]
    before = (scene.repo.git_dir / "index").read_bytes()
    assert _states(scene) == expected
    assert (scene.repo.git_dir / "index").read_bytes() == before
    assert not [path for path in scene.repo.git_dir.iterdir() if "mlvc-index" in path.name]


def test_a_status_takes_no_lock_and_starts_few_processes(scene: Stubbed) -> None:
    scene.commit({f"{n % 9}/{n}.bin": b"%d" % n for n in range(500)})
    (scene.repo.git_dir / "index.lock").touch()
    trace = scene.repo.machine.path("trace")
    scene.repo.machine.extra_env["GIT_TRACE2_EVENT"] = str(trace)
    started_s = time.monotonic()
    assert len(_states(scene)) == 500
    assert time.monotonic() - started_s < 5
    assert trace.read_text().count('"event":"start"') <= 3


@pytest.mark.parametrize("damage", ["gone", "flipped", "cut", "foreign"])
def test_what_is_remembered_of_blobs_changes_no_answer(scene: Stubbed, damage: str) -> None:
    scene.commit({f"{n}.bin": b"%d" % n for n in range(300)})
    scene.repo.write_now({"raw.bin": DATA, "code.py": b"x"}).git("add", "raw.bin", "code.py")
    first = _status(scene)
    assert first["raw.bin"].state is State.RAW
    place = scene.repository.common_dir / "mlvc" / "known-blobs-sha1"
    data = place.read_bytes()
    assert _status(scene) == first
    if damage == "gone":
        place.unlink()
    elif damage == "flipped":
        place.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    else:
        place.write_bytes(data[:-1] if damage == "cut" else b"something else")
    assert _status(scene) == first
    scene.repo.git("rm", "-q", "-f", "--cached", "7.bin")
    assert _status(scene).keys() == first.keys() - {"7.bin"}


def test_git_is_not_asked_for_the_attributes_of_pointers(
    scene: Stubbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RepoPath] = []
    ours = attributes.ours

    def noted(git: Git, paths: list[RepoPath]) -> Iterator[RepoPath]:
        asked.extend(paths)
        return ours(git, paths)

    monkeypatch.setattr(attributes, "ours", noted)
    scene.commit({f"{n}.bin": DATA for n in range(5)})
    _status(scene)
    assert [path.text for path in asked] == [".gitattributes"]

"""Earlier outs while a stage runs: out of the way, back as they were, or gone if nothing is lost by it.

MLVC_FAULTS=N asks for N kills a test instead of a few.
"""

from __future__ import annotations

import dataclasses
import os
import random
import shutil
from pathlib import Path

import pytest
from support.extent import cases
from support.killed import killed_at, steps_of
from support.outs import Place, stage

from git_mlvc.errors import FormatError, InputError
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.model import Out
from git_mlvc.pipeline.outs import set_aside
from git_mlvc.repo_path import RepoPath

KILLS = int(os.environ.get("MLVC_FAULTS", "12"))
FILES = {"model.bin": b"old model", "data/a": b"one", "data/sub/b": b"two" * 1000}
NEW = {"model.bin": b"half", "data/c": b"new"}
OUTS = ("model.bin", "data/")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "w")
    made.write(FILES)
    (made.top / "data/a").chmod(0o755)
    for name in FILES:
        os.utime(made.top / name, ns=(10**18, 10**18 + 123))
    return made


def test_the_command_starts_without_earlier_outs_and_with_their_directories(place: Place) -> None:
    aside = set_aside.begin(place.repo, stage(*OUTS, "deep/er/new.txt"), place.states)
    assert place.contents(*OUTS) == {}
    assert (place.top / "deep/er").is_dir()
    aside.bring_back()
    assert not (place.top / "deep").exists()


def test_law_11_a_failure_brings_back_everything_and_keeps_what_the_command_made(
    place: Place,
) -> None:
    before = place.seen(*OUTS)
    aside = set_aside.begin(place.repo, stage(*OUTS, "other.txt"), place.states)
    place.write({**NEW, "other.txt": b"half too"})
    kept = aside.bring_back()
    assert place.seen(*OUTS) == before
    assert not (place.top / "other.txt").exists()
    assert place.replaced() == [b"half", b"half too", b"new"]
    assert {one.path.text for one in kept} == {"model.bin", "data", "other.txt"}
    assert all(one.place.exists() for one in kept)
    assert place.asides() == []
    assert aside.bring_back() == []


def test_empty_directories_are_nothing_to_be_kept(place: Place) -> None:
    before = place.seen(*OUTS)
    aside = set_aside.begin(place.repo, stage(*OUTS, "new/"), place.states)
    (place.top / "data").mkdir()
    (place.top / "new").mkdir()
    assert aside.bring_back() == []
    assert place.seen(*OUTS) == before
    assert not (place.top / "new").exists()


def test_a_working_directory_in_an_out_is_there_for_the_command(place: Place) -> None:
    inside = dataclasses.replace(stage("data/"), wdir=RepoPath(b"data/sub"))
    before = place.seen("data")
    aside = set_aside.begin(place.repo, inside, place.states)
    assert list((place.top / "data").rglob("*")) == [place.top / "data/sub"]
    assert aside.bring_back() == []
    assert place.seen("data") == before


def test_what_comes_back_is_known_without_being_read_again(place: Place) -> None:
    aside = set_aside.begin(place.repo, stage("model.bin"), place.states)
    aside.bring_back()
    info = (place.top / "model.bin").lstat()
    state = place.states.known(RepoPath(b"model.bin"), info)
    assert state == place.states.out(stage("model.bin").outs[0])


def test_after_a_success_what_the_store_has_goes(place: Place) -> None:
    place.ingest(*FILES.values())
    aside = set_aside.begin(place.repo, stage(*OUTS), place.states)
    place.write(NEW)
    assert aside.let_go(place.elsewhere) == []
    assert place.contents(*OUTS) == NEW
    assert (place.replaced(), place.asides()) == ([], [])


def test_law_11_after_a_success_what_nobody_else_has_is_kept(place: Place) -> None:
    place.ingest(FILES["data/sub/b"])
    aside = set_aside.begin(place.repo, stage(*OUTS), place.states)
    place.write(NEW)
    kept = aside.let_go(place.elsewhere)
    assert [one.path.text for one in kept] == ["model.bin", "data/a"]
    assert place.replaced() == [b"old model", b"one"]
    assert place.contents(*OUTS) == NEW
    assert place.asides() == []


def test_law_11_a_repository_inside_an_earlier_out_is_kept_whole(place: Place) -> None:
    place.write({"data/.git/HEAD": b"ref"})
    place.ingest(*FILES.values(), b"ref")
    aside = set_aside.begin(place.repo, stage(*OUTS), place.states)
    [kept] = aside.let_go(place.elsewhere)
    assert (kept.place / ".git/HEAD").read_bytes() == b"ref"
    assert place.asides() == []


def test_law_11_a_link_inside_an_earlier_out_is_kept(place: Place) -> None:
    (place.top / "data/link").symlink_to("elsewhere")
    place.ingest(*FILES.values())
    aside = set_aside.begin(place.repo, stage(*OUTS), place.states)
    [kept] = aside.let_go(place.elsewhere)
    assert kept.place.readlink() == Path("elsewhere")
    assert place.asides() == []


def _persisting() -> tuple[Out, Out]:
    return tuple(Out(RepoPath.parse(name.rstrip("/")), persist=True) for name in OUTS)  # type: ignore[return-value]


def test_a_persist_out_is_found_by_the_command_and_its_failure_undoes_what_it_did(
    place: Place,
) -> None:
    before = place.seen(*OUTS)
    aside = set_aside.begin(place.repo, stage(*_persisting()), place.states)
    assert place.seen(*OUTS) == before
    with (place.top / "data/a").open("ab") as file:
        file.write(b" and more")
    kept = aside.bring_back()
    assert place.seen(*OUTS) == before
    assert [one.path.text for one in kept] == ["data"]  # the model was not touched: its copy goes
    assert place.replaced() == [b"one and more", FILES["data/sub/b"]]


@pytest.mark.parametrize("change", ["add", "remove", "same size and time"])
def test_any_change_to_the_copy_of_a_persist_out_is_kept(place: Place, change: str) -> None:
    aside = set_aside.begin(place.repo, stage(*_persisting()), place.states)
    inside = place.top / "data/a"
    if change == "add":
        place.write({"data/new": b"1"})
    elif change == "remove":
        inside.unlink()
    else:
        info = inside.stat()
        inside.write_bytes(b"ONE")
        os.utime(inside, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert [one.path.text for one in aside.bring_back()] == ["data"]
    assert place.contents(*OUTS) == FILES


def test_a_persist_out_that_a_success_left_as_it_is_stays(place: Place) -> None:
    place.ingest(*FILES.values())
    aside = set_aside.begin(place.repo, stage(*_persisting()), place.states)
    assert aside.let_go(place.elsewhere) == []
    assert place.contents(*OUTS) == FILES


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "way"])
def test_what_is_no_file_or_directory_is_refused_before_anything_runs(
    place: Place, kind: str
) -> None:
    before = place.seen("model.bin")
    if kind == "fifo":
        os.mkfifo(place.top / "out")
    elif kind == "way":
        (place.top / "way").symlink_to("/tmp")
    else:
        (place.top / "out").symlink_to("data" if kind == "link" else "nowhere")
    wanted = "way/out" if kind == "way" else "out"
    with pytest.raises(InputError, match="stage 'train'"):
        set_aside.begin(place.repo, stage("model.bin", wanted), place.states)
    assert place.seen("model.bin") == before
    assert place.asides() == []


def test_a_git_dir_on_another_file_system_is_no_obstacle(place: Place, second_mount: Path) -> None:
    moved = second_mount / "git"
    shutil.copytree(place.repo.git_dir, moved)
    repo = Repository(moved, moved, place.top, moved / "index", place.repo.env)
    place.repo = repo
    before = place.seen(*OUTS)
    aside = set_aside.begin(repo, stage(*OUTS), place.states)
    assert place.contents(*OUTS) == {}
    place.write(NEW)
    kept = aside.bring_back()
    assert place.seen(*OUTS) == before
    assert place.replaced() == [b"half", b"new"]
    assert all(second_mount in one.place.parents for one in kept)
    aside = set_aside.begin(repo, stage(*OUTS), place.states)
    place.write(NEW)
    assert len(aside.let_go(place.elsewhere)) == 3
    assert place.asides() == []


def test_what_a_living_process_has_set_aside_is_left_to_it(place: Place) -> None:
    aside = set_aside.begin(place.repo, stage(*OUTS), place.states)
    assert set_aside.recover(place.repo, place.states, is_alone=True) == []
    assert place.contents(*OUTS) == {}
    aside.bring_back()


def test_a_journal_that_cannot_be_read_is_reported_and_left(place: Place) -> None:
    folder = place.repo.state_dir / "aside"
    folder.mkdir(parents=True)
    (folder / "1-x.journal").write_bytes(b'{"version": 99}\n')
    (folder / "1-x-0").write_bytes(b"theirs")
    with pytest.raises(FormatError, match="version 99"):
        set_aside.recover(place.repo, place.states, is_alone=True)
    assert (folder / "1-x-0").exists()


def test_law_11_what_a_power_cut_left_without_a_journal_is_kept(place: Place) -> None:
    folder = place.repo.state_dir / "aside"
    folder.mkdir(parents=True)
    (folder / "1-x.journal").write_bytes(b'{"version": 1, "own')
    (folder / "1-x-0").write_bytes(b"theirs")
    assert set_aside.recover(place.repo, place.states) == []  # perhaps somebody is writing it
    [kept] = set_aside.recover(place.repo, place.states, is_alone=True)
    assert kept.place.read_bytes() == b"theirs"
    assert place.asides() == []


def _copy_of(place: Place, to: Path) -> Place:
    shutil.copytree(place.top, to, symlinks=True)
    return Place(to)


ENDS = [("fail", False), ("succeed", False), ("fail", True), ("succeed", True)]


@pytest.mark.parametrize(("end", "persist"), cases(ENDS, ENDS[1:3]))
def test_law_10_killed_at_every_step_nothing_is_lost(
    place: Place, tmp_path: Path, end: str, persist: bool
) -> None:
    outs = _persisting() if persist else OUTS
    place.ingest(FILES["data/a"])
    before = place.contents(*OUTS)

    def work(here: Place) -> None:
        aside = set_aside.begin(here.repo, stage(*outs), here.states)
        here.write(NEW)
        if end == "fail":
            aside.bring_back()
        else:
            aside.let_go(here.elsewhere)

    counted = _copy_of(place, tmp_path / "counted")
    steps = steps_of(lambda: work(counted))
    chosen = range(1, steps + 1)
    if len(chosen) > KILLS:
        chosen = sorted(random.Random(steps).sample(chosen, KILLS))
    for step in chosen:
        here = _copy_of(place, tmp_path / f"at-{step}")
        assert killed_at(step, lambda here=here: work(here))
        recovering = step % 3 == 0
        if recovering:  # and the one that puts it right is killed as well
            killed_at(step % 7 + 1, lambda here=here: _recover(here))
        _recover(here)
        now = here.contents(*OUTS)
        assert here.asides() == []
        if now != before:  # what is over is over: what nobody else has is kept
            assert end == "succeed"
            assert now == ({**FILES, **NEW} if persist else NEW)
            assert {FILES["model.bin"], FILES["data/sub/b"]} <= set(here.replaced())
        shutil.rmtree(here.top)


def _recover(here: Place) -> None:
    set_aside.recover(here.repo, here.states, is_alone=True)

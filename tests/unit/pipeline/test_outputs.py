"""Outs are recorded whole and come back whole; what is no out is refused; what nobody else has is kept."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.content import noise
from support.disks import FailingDisk
from support.extent import examples
from support.killed import killed_at, steps_of
from support.outs import Place, stage, state_of

from git_mlvc.errors import InputError, MlvcError, StageFailed, StoreError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats import tree
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.tree import TreeRow
from git_mlvc.git.repository import Repository
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import FileState, Inputs, Result, Stage
from git_mlvc.pipeline.outs.outputs import Outputs
from git_mlvc.repo_path import RepoPath
from git_mlvc.store import fsck
from git_mlvc.store.store import Store

KILLS = int(os.environ.get("MLVC_FAULTS", "12"))
DATA = RepoPath(b"data")
MODEL = RepoPath(b"model.bin")
FILES = {
    "model.bin": noise(300_000, 1),
    "data/a": b"one",
    "data/empty": b"",
    "data/sub/big": noise(3 << 20, 2),
    "data/sub/deep/b": b"two",
}
OUTS = stage("model.bin", "data/")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "w")
    made.write(FILES)
    (made.top / "data/a").chmod(0o755)
    return made


def record(
    place: Place, wanted: Stage = OUTS, before: Result | None = None
) -> dict[RepoPath, FileState]:
    with place.store.session() as session:
        return dict(Outputs(place.repo, place.store, session, place.states).record(wanted, before))


def outputs(place: Place, **options: object) -> Outputs:
    return Outputs(place.repo, place.store, place.store.session(), place.states, **options)  # type: ignore[arg-type]


def test_what_was_recorded_is_what_stands_there_and_comes_back(place: Place) -> None:
    made = record(place)
    assert made == {path: state_of(place.top / path.text) for path in made}
    assert list(made) == [MODEL, DATA]
    before = _without_times(place.seen("model.bin", "data"))
    shutil.rmtree(place.top / "data")
    (place.top / "model.bin").unlink()
    assert outputs(place).restore(made.items()) == []
    assert _without_times(place.seen("model.bin", "data")) == before


def test_what_is_known_and_in_the_store_is_not_read_again(place: Place) -> None:
    made = record(place)
    for name in FILES:  # nobody could read them now, if nobody were root
        info = (place.top / name).stat()
        place.states.told[RepoPath.parse(name)] = (FileState(Oid.of(b"x"), 1), info)
    assert record(place) == made  # the store does not have what the cache says: read after all
    place.ingest(b"x")
    for name in FILES:
        info = (place.top / name).stat()
        place.states.told[RepoPath.parse(name)] = (FileState(Oid.of(b"x"), 1), info)
    assert record(place)[MODEL] == FileState(Oid.of(b"x"), 1)


def test_a_content_like_the_one_before_is_compared_with_it(place: Place) -> None:
    made = record(place)
    with (place.top / "data/sub/big").open("ab") as file:
        file.write(b"appended")
    before = Result(Inputs(("true",)), tuple(made.items()))
    again = record(place, before=before)
    assert again[DATA] == state_of(place.top / "data")


def test_an_empty_directory_is_an_out(place: Place) -> None:
    (place.top / "nothing").mkdir()
    made = record(place, stage("nothing/"))
    (place.top / "nothing").rmdir()
    outputs(place).restore(made.items())
    assert list((place.top / "nothing").iterdir()) == []


def test_a_stub_is_recorded_as_what_it_stands_for_and_restored_to_it(place: Place) -> None:
    made = record(place)
    data = FILES["data/sub/big"]
    stub = pointer_format.encode(Pointer(Oid.of(data), len(data)))
    (place.top / "data/sub/big").write_bytes(stub)
    assert record(place) == made
    assert outputs(place).restore(made.items()) == []
    assert (place.top / "data/sub/big").read_bytes() == data


# -- what is refused


def _make(place: Place, kind: str) -> None:
    inside = place.top / "data/odd"
    if kind == "missing":
        (place.top / "model.bin").unlink()
    elif kind == "link":
        (place.top / "model.bin").unlink()
        (place.top / "model.bin").symlink_to("data/a")
    elif kind == "link inside":
        inside.symlink_to("a")
    elif kind == "pipe inside":
        os.mkfifo(inside)
    elif kind == "repository inside":
        (inside / ".git").mkdir(parents=True)
    elif kind == "file for a directory":
        shutil.rmtree(place.top / "data")
        (place.top / "data").write_bytes(b"1")
    elif kind == "leads out":
        shutil.rmtree(place.top / "data")
        (place.top / "data").symlink_to("/tmp")
    elif kind == "stage file":
        (place.top / "data/mlvc.toml").write_bytes(b"")
    elif kind == "damaged stub":
        inside.write_bytes(pointer_format.MAGIC + b"1\noid")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "did not make model.bin"),
        ("link", "model.bin is a symbolic link"),
        ("link inside", "data/odd is a symbolic link"),
        ("pipe inside", "data/odd is a named pipe"),
        ("repository inside", "data/odd is a git repository"),
        ("file for a directory", "made a file of data"),
        ("leads out", "data is a symbolic link"),
        ("stage file", "data/mlvc.toml would be a stage file"),
        ("damaged stub", "damaged stub"),
    ],
)
def test_what_is_no_out_is_refused_by_name(place: Place, kind: str, said: str) -> None:
    _make(place, kind)
    with pytest.raises((StageFailed, InputError)) as refused:
        record(place)
    assert said in str(refused.value)
    assert "train" in str(refused.value) or kind == "damaged stub"


def test_an_out_whose_directory_leads_out_of_the_repository_is_refused(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away/x").write_bytes(b"1")
    (place.top / "way").symlink_to(tmp_path / "away")
    with pytest.raises(StageFailed, match="could lead anywhere"):
        record(place, stage("way/x"))


class _Writer:
    """A session that somebody writes beside."""

    def __init__(self, session: object, place: Path, *, add: bool) -> None:
        self._session, self._place, self._add = session, place, add

    def ingest_bytes(self, data: bytes) -> Pointer | None:
        name = "new" if self._add else "a"
        with (self._place / name).open("ab") as file:
            file.write(b"more")
        return self._session.ingest_bytes(data)  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)


@pytest.mark.parametrize("add", [False, True])
def test_an_out_that_something_still_writes_to_is_refused(place: Place, add: bool) -> None:
    with place.store.session() as session:
        writer = _Writer(session, place.top / "data", add=add)
        with pytest.raises(StageFailed, match="changed while it was being recorded"):
            Outputs(place.repo, place.store, writer, place.states).record(stage("data/"))  # type: ignore[arg-type]


def test_law_10_a_full_disk_while_recording_leaves_a_sound_store_and_the_outs(place: Place) -> None:
    before = place.contents("model.bin", "data")
    for step in (2, 5, 9):
        disk = FailingDisk(step, errno.ENOSPC)
        store = Store.open(place.repo.state_dir / f"store-{step}", disk=disk)
        session = store.session()
        with pytest.raises(StoreError, match="No space left"):
            Outputs(place.repo, store, session, place.states).record(OUTS)
        disk.heal()
        session.close()
        assert fsck.check(store).is_sound
        with store.session() as session:
            made = Outputs(place.repo, store, session, place.states).record(OUTS)
        assert dict(made)[DATA] == state_of(place.top / "data")
    assert place.contents("model.bin", "data") == before


# -- restoring over what stands there


def test_law_11_what_nobody_else_has_is_moved_out_of_the_way(place: Place) -> None:
    made = record(place)
    place.ingest(b"known")
    place.write({"data/a": b"mine", "data/extra": b"mine too", "data/sub/c": b"known"})
    (place.top / "data/sub/deep/b").unlink()
    (place.top / "data/sub/deep").rmdir()
    (place.top / "data/sub/deep").symlink_to("/tmp")
    kept = outputs(place).restore(made.items())
    assert sorted(one.path.text for one in kept) == ["data/a", "data/extra", "data/sub/deep"]
    assert place.replaced() == [b"mine", b"mine too"]
    assert place.contents("model.bin", "data") == FILES
    assert state_of(place.top / "data") == made[DATA]


def test_what_is_right_is_not_touched_and_a_mode_is_mended(place: Place) -> None:
    made = record(place)
    (place.top / "data/a").chmod(0o644)
    (place.top / "data/sub/deep/b").chmod(0o755)
    before = {name: (place.top / name).stat().st_ino for name in FILES}
    assert outputs(place).restore(made.items()) == []
    assert {name: (place.top / name).stat().st_ino for name in FILES} == before
    assert state_of(place.top / "data") == made[DATA]


def test_files_and_directories_take_each_others_place(place: Place) -> None:
    one = record(place)
    old = place.contents("model.bin", "data")
    shutil.rmtree(place.top / "data")
    (place.top / "model.bin").unlink()
    place.write({"data/sub": b"a file now", "data/a/x": b"a directory now", "model.bin/y": b"2"})
    other = record(place, stage("model.bin", "data"))
    new = place.contents("model.bin", "data")
    for made, files in ((one, old), (other, new), (one, old)):
        assert outputs(place).restore(made.items()) == []
        assert place.contents("model.bin", "data") == files
    assert not (place.top / "data/a/x").exists()


def test_what_is_missing_is_fetched_trees_first(place: Place, tmp_path: Path) -> None:
    made = record(place)
    there = Place(tmp_path / "clone")
    asked: list[list[Pointer]] = []

    def fetch(pointers: Sequence[Pointer]) -> dict[Pointer, MlvcError]:
        asked.append(list(pointers))
        there.ingest(*(place.store.contents([p])[p] for p in pointers))  # type: ignore[arg-type]
        return {}

    assert not outputs(there).is_here(made[DATA])
    with pytest.raises(StoreError, match="cannot restore data"):
        outputs(there).restore(made.items())
    assert outputs(there, fetch=fetch).restore(made.items()) == []
    assert there.contents("model.bin", "data") == FILES
    assert asked[0] == [made[DATA].pointer]
    assert outputs(there).is_here(made[DATA])
    assert outputs(there).missing(made.values()) == []


def test_law_12_no_stage_file_comes_out_of_a_store(place: Place) -> None:
    theirs = TreeRow(b"sub/mlvc.toml", Oid.of(b"[stage.x]"), 9)
    encoded = tree.encode([theirs])
    place.ingest(b"[stage.x]", encoded)
    state = FileState(Oid.of(encoded), 9, 1, tree_size_bytes=len(encoded))
    with pytest.raises(InputError, match="a stage file"):
        outputs(place).restore([(RepoPath(b"new"), state)])
    assert not (place.top / "new").exists()


def test_law_3_damaged_data_never_reaches_an_out(place: Place) -> None:
    made = record(place)
    for pack in place.store.packs():
        path = place.store.pack_path(pack.id)
        data = bytearray(path.read_bytes())
        data[20_000] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
    (place.top / "model.bin").unlink()
    there = Place(place.top)
    with pytest.raises(StoreError, match=r"cannot restore model\.bin"):
        outputs(there).restore([(MODEL, made[MODEL])])
    assert not (place.top / "model.bin").exists()


def test_a_git_dir_on_another_file_system_is_no_obstacle(place: Place, second_mount: Path) -> None:
    made = record(place)
    moved = second_mount / "git"
    shutil.copytree(place.repo.git_dir, moved)
    place.repo = Repository(moved, moved, place.top, moved / "index", place.repo.env)
    place.write({"data/a": b"mine"})
    (place.top / "model.bin").unlink()
    [kept] = outputs(place).restore(made.items())
    assert kept.place.read_bytes() == b"mine"
    assert second_mount in kept.place.parents
    assert place.contents("model.bin", "data") == FILES


def test_law_10_killed_at_every_step_of_restoring_nothing_is_lost(
    place: Place, tmp_path: Path
) -> None:
    made = record(place)
    place.write({"data/a": b"mine", "data/extra": b"mine too", "model.bin": b"known"})
    place.ingest(b"known")
    shutil.rmtree(place.top / "data/sub")

    def copy(name: str) -> Place:
        shutil.copytree(place.top, tmp_path / name)
        return Place(tmp_path / name)

    counted = copy("counted")
    steps = steps_of(lambda: outputs(counted).restore(made.items()))
    chosen = range(1, steps + 1)
    if len(chosen) > KILLS:
        chosen = sorted(random.Random(steps).sample(chosen, KILLS))
    for step in chosen:
        here = copy(f"at-{step}")
        killed_at(step, lambda here=here: outputs(here).restore(made.items()))
        outputs(here).restore(made.items())
        assert here.contents("model.bin", "data") == FILES
        assert here.replaced() == [b"mine", b"mine too"]
        shutil.rmtree(here.top)


def _is_in_store(place: Place, data: bytes) -> bool:
    return not place.store.incomplete([Pointer(Oid.of(data), len(data))])


def _without_times(seen: dict[str, tuple[str, int, bytes]]) -> dict[str, tuple[str, bytes]]:
    return {name: (mode, data) for name, (mode, _, data) in seen.items()}


NAMES = st.sampled_from([b"a", b"b", b"c d", b"\xc3\xa9", b"\xff", b"-x", b"*"])
FILE = st.tuples(st.sampled_from([b"", b"1", b"22", b"333", b"4" * 70_000]), st.booleans())
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), FILE, max_size=6)


def _write_tree(place: Place, files: dict[bytes, tuple[bytes, bool]]) -> None:
    shutil.rmtree(place.top / "data", ignore_errors=True)
    (place.top / "data").mkdir()
    for raw, (data, is_executable) in files.items():
        path = place.top / "data" / os.fsdecode(raw)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError:  # a file is in the way of a directory, or the other way round
            continue
        path.chmod(0o755 if is_executable else 0o644)


@given(TREES, TREES)
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_directory_comes_back_over_any_other_and_law_11_nothing_is_lost_by_it(
    first: dict[bytes, tuple[bytes, bool]], second: dict[bytes, tuple[bytes, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name))
        _write_tree(place, first)
        (made,) = record(place, stage("data/")).items()
        before = place.seen("data")
        _write_tree(place, second)
        in_the_way = set(place.contents("data").values()) - {b""}
        outputs(place).restore([made])
        after = place.seen("data")
        assert _without_times(after) == _without_times(before)
        kept = set(place.replaced())
        lost = {data for data in in_the_way - kept if not _is_in_store(place, data)}
        assert not lost
        place.store.close()

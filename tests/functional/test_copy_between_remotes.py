"""git mlvc copy: from remote to remote, through a machine that keeps nothing of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.repo import Machine, Repo

FILES = {"a.bin": noise(800_000, 1), "data/b.bin": noise(300_000, 2), "c.bin": noise(2_000, 3)}
LATER = {"c.bin": noise(3_000, 4)}


def files_below(path: Path) -> dict[str, int]:
    found = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.stat().st_size for file in found}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A clone, `between`, without data of two commits, whose data is on `lab`; `archive` is empty."""
    machine = Machine(tmp_path_factory.mktemp("published") / "machine").install()
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", machine.bare().path)
    repo.set("mlvc.remote.lab.url", "../lab").set("mlvc.default", "lab")
    repo.write(FILES).add("a.bin").commit("large")
    repo.git("push", "-q", "origin", "main")  # in a pack of its own
    repo.add().commit("one")
    repo.write(LATER).add().commit("two")
    repo.git("push", "-q", "origin", "main")
    clone = machine.clone("origin.git", "between", env={"MLVC_SKIP_SMUDGE": "1"})
    clone.set("mlvc.remote.lab.url", "../lab").set("mlvc.remote.archive.url", "../archive")
    return machine


@pytest.fixture
def machine(published: Machine, tmp_path: Path) -> Machine:
    return copied(published, tmp_path / "machine")


@pytest.fixture
def between(machine: Machine) -> Repo:
    return machine.repo("between")


def test_a_copy_leaves_the_local_store_as_it_was(between: Repo, machine: Machine) -> None:
    before = files_below(between.store)
    said = between.mlvc("copy", "--from", "lab", "--to", "archive")
    assert "lab -> archive: 4 files, 1.1 MB; " in said.out
    stored = {name for name in files_below(between.store) if not name.startswith("remotes/")}
    assert stored == {name for name in before if not name.startswith("remotes/")}
    assert between.stubs() == sorted(FILES)
    shutil.rmtree(machine.path("lab"))
    between.mlvc("pull", "archive")
    for name, data in {**FILES, **LATER}.items():
        assert between.read(name) == data


def test_only_what_refs_need_is_copied_and_only_once(between: Repo, machine: Machine) -> None:
    first = json.loads(
        between.mlvc("copy", "--from", "lab", "--to", "archive", "HEAD~1", "--json").out
    )
    assert (first["kind"], first["files"], first["from"], first["to"]) == (
        "copy",
        3,
        "lab",
        "archive",
    )
    again = json.loads(
        between.mlvc("copy", "--from", "lab", "--to", "archive", "--all", "--json").out
    )
    assert again["files"] == 4
    assert 3_000 <= again["sent_bytes"] < 20_000
    nothing = between.mlvc("copy", "--from", "lab", "--to", "archive").out
    assert "all of it was there" in nothing


def test_what_the_one_lacks_is_named_and_the_rest_arrives(between: Repo, machine: Machine) -> None:
    large = max((machine.path("lab") / "packs").rglob("*"), key=lambda path: path.stat().st_size)
    large.unlink()
    said = between.mlvc("copy", "--from", "lab", "--to", "archive", check=False)
    assert said.returncode == 5
    assert said.refused_because("a.bin")
    assert "neither on remote 'lab' nor on remote 'archive'" in said.err
    between.mlvc("pull", "archive", "data")
    assert between.read("data/b.bin") == FILES["data/b.bin"]


def test_what_cannot_be_copied_is_refused_by_name(between: Repo, machine: Machine) -> None:
    between.set("mlvc.remote.same.url", str(machine.path("lab") / "."))
    said = between.mlvc("copy", "--from", "lab", "--to", "same", check=False)
    assert said.returncode == 2
    assert said.refused_because("'lab' and 'same' are the same place")
    said = between.mlvc("copy", "--from", "lab", "--to", "nowhere", check=False)
    assert said.returncode == 2 and said.refused_because("no remote is called 'nowhere'")
    between.write({"mlvc.toml": b'[remote.theirs]\nurl = "/somewhere/else"\n'})
    said = between.mlvc("copy", "--from", "lab", "--to", "theirs", check=False)
    assert said.returncode == 7 and said.refused_because("git mlvc remote trust theirs")
    between.set("mlvc.remote.web.url", "http://127.0.0.1:1/data")
    between.set("mlvc.remote.web.webdav", "false")
    said = between.mlvc("copy", "--from", "lab", "--to", "web", check=False)
    assert said.returncode == 7 and said.refused_because("cannot copy data on http://127.0.0.1:1/")


def test_a_remote_that_is_not_there_is_unknown(between: Repo, machine: Machine) -> None:
    between.mlvc("copy", "--from", "lab", "--to", "archive", "HEAD~1")
    shutil.rmtree(machine.path("lab"))
    said = between.mlvc("copy", "--from", "lab", "--to", "archive", check=False)
    assert said.returncode == 7, said

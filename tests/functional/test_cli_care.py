"""fsck and prune: damage is named and mended, and the only copy is never deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.content import noise
from support.copied import copied
from support.extent import cases
from support.one_process import answers
from support.repo import Machine, Repo

A, B = noise(300_000, 1), noise(200_000, 2)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One commit, pushed with its data."""
    machine = Machine(tmp_path_factory.mktemp("published") / "machine").install()
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", machine.bare().path)
    repo.write({"a.bin": A}).add().commit("one").git("push", "-q", "origin", "main")
    return machine


@pytest.fixture
def pushed(published: Machine, tmp_path: Path) -> Repo:
    return copied(published, tmp_path / "pushed").repo("repo")


def packs(repo: Repo) -> list[str]:
    top = repo.path / ".git" / "mlvc" / "packs"
    return sorted(str(path) for path in top.rglob("*") if path.is_file())


def grow_old(repo: Repo) -> None:
    for pack in packs(repo):
        os.utime(pack, (1_700_000_000, 1_700_000_000))


def flip_a_byte(path: str) -> None:
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))


def spoil(path: str, how: str) -> None:
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        places = {"table and a chunk": {5000: 1, size_bytes - 200: 1}, "all of it": {0: size_bytes}}
        for place, length in places.get(how, {}).items():
            file.seek(place)
            file.write(b"x" * length)
        if how == "empty":
            file.truncate(0)


def test_fsck_of_a_sound_store(pushed: Repo) -> None:
    repo = pushed
    said = repo.mlvc("fsck").out
    assert "checked 1 pack" in said and "all is sound" in said
    assert json.loads(repo.mlvc("fsck", "--remote", "--json").out)["sound"]
    assert repo.mlvc("fsck", "--remote", "origin", "a.bin").ok


def test_fsck_names_the_files_and_commits_that_damage_hurts(pushed: Repo) -> None:
    repo = pushed
    head = repo.head()
    (pack,) = packs(repo)
    flip_a_byte(pack)
    said = repo.mlvc("fsck", check=False)
    assert said.returncode == 1
    assert "a.bin" in said.out and head[:10] in said.out
    assert "moved to quarantine" in said.out
    again = repo.mlvc("fsck", check=False)
    assert again.returncode == 1 and "a.bin" in again.out, "still lost, so still told"


@pytest.mark.parametrize(
    "how",
    cases(
        ["table and a chunk", "empty", "gone", "all of it"],
        ["table and a chunk", "gone", "all of it"],
    ),
)
def test_fsck_keeps_naming_what_is_lost_until_it_is_back(
    repo: Repo, remote: Repo, how: str
) -> None:
    repo.write({"a.bin": A, "b.bin": B}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    (pack,) = packs(repo)
    if how == "gone":
        os.unlink(pack)
    else:
        spoil(pack, how)
    if how == "all of it":  # not even a segment knows what was in it
        for segment in (repo.path / ".git" / "mlvc" / "segments").iterdir():
            spoil(str(segment), how)
    for _ in range(2):
        said = repo.mlvc("fsck", check=False)
        assert said.returncode == 1, said.out
        assert "hurt: a.bin in commit " in said.out
        assert "sound" not in said.out
    repo.mlvc("fsck", "--repair")
    assert "sound" in repo.mlvc("fsck").out
    for name in ("a.bin", "b.bin"):
        (repo.path / name).unlink()
    repo.git("checkout", "-q", "--", ".")
    assert repo.read("a.bin") == A and repo.read("b.bin") == B


def test_fsck_repairs_from_a_remote(pushed: Repo) -> None:
    repo = pushed
    (pack,) = packs(repo)
    flip_a_byte(pack)
    (repo.path / "a.bin").unlink()
    said = repo.mlvc("fsck", "--repair")
    assert "repaired: a.bin" in said.out
    repo.git("checkout", "-q", "--", "a.bin")
    assert repo.read("a.bin") == A
    assert repo.mlvc("fsck").ok


def test_fsck_repairs_from_the_worktree(repo: Repo) -> None:
    repo.write({"a.bin": A}).add().commit("one")
    (pack,) = packs(repo)
    flip_a_byte(pack)
    assert "repaired: a.bin" in repo.mlvc("fsck", "--repair").out
    (repo.path / "a.bin").unlink()
    repo.git("checkout", "-q", "--", "a.bin")
    assert repo.read("a.bin") == A


def test_fsck_mends_a_damaged_format_file(repo: Repo) -> None:
    repo.write({"a.bin": A}).add().commit("one")
    file = repo.git_dir / "mlvc" / "format"
    file.chmod(0o644)
    for damaged in (b"", b"\0" * 59, file.read_bytes()[:30], file.read_bytes() + b"junk"):
        file.write_bytes(damaged)
        said, repaired, sound = answers(repo, ["fsck"], ["fsck", "--repair"], ["fsck"])
        assert said.returncode == 4
        assert "hint: git mlvc fsck --repair" in said.err
        assert repaired.ok and "format file" in repaired.out
        assert sound.ok and "all is sound" in sound.out
        file.chmod(0o644)
    file.write_bytes(b"git-mlvc store 2\nchunks x\n")
    said = repo.fails("mlvc", "fsck", "--repair")
    assert said.returncode == 4 and "hint: upgrade git-mlvc" in said.err
    assert file.read_bytes().startswith(b"git-mlvc store 2")


def test_fsck_finds_files_that_should_be_pointers(repo: Repo) -> None:
    repo.write({"a.bin": A}).add().commit("one")
    repo.git(
        "-c",
        "filter.mlvc.process=",
        "-c",
        "filter.mlvc.clean=cat",
        "-c",
        "filter.mlvc.required=false",
        "add",
        "--renormalize",
        "a.bin",
    )
    repo.commit("raw")
    said = repo.mlvc("fsck", check=False)
    assert said.returncode == 1
    assert "in git itself" in said.out and "a.bin" in said.out


def test_fsck_finds_such_files_on_other_branches_too(repo: Repo) -> None:
    repo.write({"a.bin": A}).add().commit("one")
    repo.git("checkout", "-q", "-b", "side")
    raw = repo.git("hash-object", "-w", "--no-filters", "--stdin", input=A).out.strip()
    repo.git("update-index", "--cacheinfo", f"100644,{raw},a.bin")
    repo.commit("raw")
    repo.git("checkout", "-q", "-f", "main")
    said = repo.mlvc("fsck", check=False)
    assert said.returncode == 1
    assert "not as a pointer: a.bin in commit" in said.out and "(side)" in said.out
    found = json.loads(repo.mlvc("fsck", "--json", check=False).out)["report"]["raw_committed"]
    assert [(file["path"], file["branch"]) for file in found] == [("a.bin", "side")]
    assert repo.mlvc("fsck", "other.bin", check=False).returncode != 1


def test_law_11_prune_keeps_what_is_nowhere_else(repo: Repo, remote: Repo) -> None:
    repo.write({"a.bin": A}).add().commit("one")
    grow_old(repo)
    assert "freed 0 B" in repo.mlvc("prune").out
    assert len(packs(repo)) == 1


def test_law_11_our_own_store_under_another_name_is_no_second_copy(repo: Repo) -> None:
    repo.git("remote", "add", "self", ".")
    repo.mlvc("remote", "add", "lab", str(repo.machine.path("shared")), "--default")
    repo.set("mlvc.store", str(repo.machine.path("shared")))
    repo.write({"a.bin": A}).add().commit("one")
    for place in (repo.git_dir / "mlvc", repo.machine.path("shared")):
        for pack in (place / "packs").rglob("*"):
            os.utime(pack, (0, 0))
    assert "freed 0 B" in repo.mlvc("prune").out
    repo.git("config", "--unset", "mlvc.store")
    repo.mlvc("remote", "remove", "lab")  # from now on it would be another place
    repo.write({"b.bin": B}).add().commit("two")
    grow_old(repo)
    assert "freed 0 B" in repo.mlvc("prune").out
    assert len(packs(repo)) == 1


def test_prune_frees_what_a_remote_holds_and_checkout_fetches_it_again(pushed: Repo) -> None:
    repo = pushed
    repo.write({"b.bin": B}).add().commit("not pushed")
    assert "freed 0 B" in repo.mlvc("prune").out, "too young"
    grow_old(repo)
    dry = repo.mlvc("prune", "--dry-run").out
    assert "drop pack" in dry and "would free" in dry
    assert len(packs(repo)) == 2
    answer = json.loads(repo.mlvc("prune", "--json").out)
    assert answer["outcome"]["freed_bytes"] > 290_000
    assert len(packs(repo)) == 1
    for name in ("a.bin", "b.bin"):
        (repo.path / name).unlink()
    repo.git("checkout", "-q", "--", ".")
    assert repo.read("a.bin") == A and repo.read("b.bin") == B


def test_prune_with_a_silent_remote_keeps_everything(pushed: Repo) -> None:
    repo, remote = pushed, pushed.machine.repo("origin.git")
    grow_old(repo)
    repo.set("mlvc.remote.origin.url", str(repo.machine.path("not/a/dir")))
    repo.machine.path("not").write_bytes(b"a file where a directory should be")
    os.rename(remote.path / "mlvc", remote.path / "mlvc-away")
    repo.mlvc("prune", check=False)
    assert len(packs(repo)) == 1

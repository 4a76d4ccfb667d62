"""What git holds where a pointer should be, over real history."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import noise, pointer_to
from support.repo import Machine, Repo

from git_mlvc.git import changes
from git_mlvc.git.repository import Repository
from git_mlvc.hooks import held_by_git
from git_mlvc.settings import Settings, Threshold

DAMAGED = pointer_to(b"some content") + b"and a line\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository whose filter is not configured: git holds what is written."""
    return Machine(tmp_path).init().track("*.bin").add().commit("attributes")


def found(
    repo: Repo, include: str = "HEAD", *exclude: str, **settings: object
) -> tuple[list[str], list[str]]:
    opened = Repository.discover(repo.path, repo.machine.env())
    shas = [repo.text("rev-parse", include)]
    held = held_by_git.inspect(
        opened,
        Settings(**settings),  # type: ignore[arg-type]
        changes.outgoing(opened, shas, [repo.text("rev-parse", name) for name in exclude]),
    )
    return [str(e.path) for e in held.raw], [str(e.path) for e in held.damaged]


def test_pointers_and_empty_files_and_files_of_no_concern_are_fine(repo: Repo) -> None:
    repo.write({"a.bin": pointer_to(b"x"), "empty.bin": b"", "x.py": DAMAGED}).add().commit("one")
    assert found(repo) == ([], [])


def test_raw_and_damaged_are_told_apart_at_any_size(repo: Repo) -> None:
    repo.write(
        {
            "one.bin": b"x",
            "small.bin": noise(150),
            "large.bin": noise(300_000),
            "damaged small.bin": DAMAGED,
            "damaged medium.bin": DAMAGED + noise(9_000),
            "damaged large.bin": DAMAGED + noise(300_000),
        }
    ).add().commit("one")
    raw, damaged = found(repo)
    assert sorted(raw) == ["large.bin", "one.bin", "small.bin"]
    assert sorted(damaged) == ["damaged large.bin", "damaged medium.bin", "damaged small.bin"]


def test_small_files_below_the_threshold_may_stay_in_git(repo: Repo) -> None:
    repo.write({"small.bin": noise(999), "large.bin": noise(1000)}).add().commit("one")
    assert found(repo, min_size_bytes=1000) == (["large.bin"], [])
    assert found(repo, thresholds=(Threshold("*.bin", 2000),)) == ([], [])


def test_only_what_is_new_is_looked_at(repo: Repo) -> None:
    repo.write({"a.bin": noise(10)}).add().commit("one")
    repo.write({"b.bin": noise(10)}).add().commit("two")
    repo.remove("b.bin").git("add", "-A")
    repo.commit("three")
    assert found(repo, "HEAD", "HEAD~2") == (["b.bin"], [])
    assert found(repo, "HEAD", "HEAD~1") == ([], [])
    assert found(repo, "HEAD", "HEAD") == ([], [])


def test_what_a_merge_brings_in_by_itself_is_seen(repo: Repo) -> None:
    repo.write({"a.bin": pointer_to(b"0")}).add().commit("base")
    repo.git("checkout", "-q", "-b", "theirs")
    repo.write({"a.bin": pointer_to(b"1")}).add().commit("theirs")
    repo.git("checkout", "-q", "main")
    repo.write({"a.bin": pointer_to(b"22")}).add().commit("ours")
    repo.fails("merge", "-q", "theirs")
    repo.write({"a.bin": DAMAGED}).add().commit("merged badly")
    assert found(repo, "HEAD", "HEAD^1", "HEAD^2") == ([], ["a.bin"])


def test_unusual_names_and_symbolic_links_do_no_harm(repo: Repo) -> None:
    repo.write({b"new\nline \xff.bin": noise(10), b":100644 x.bin": noise(10)})
    repo.at("link.bin").symlink_to("nowhere")
    repo.add().commit("one")
    raw, damaged = found(repo)
    assert (len(raw), damaged) == (2, [])

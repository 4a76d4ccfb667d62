"""`git mlvc add` leaves what `git add` leaves, says what it says, and does not use the filter for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.add_pair import AddPair, age
from support.content import pointer_to
from support.extent import cases
from support.repo import Repo

DATA = bytes(range(256)) * 20


def numbered(count: int, size_bytes: int = 300) -> dict[str, bytes]:
    return {f"data/{n:04}.bin": (b"%d " % n) * (size_bytes // 4) for n in range(count)}


def test_files_become_pointers_without_the_filter(pair: AddPair) -> None:
    files = numbered(300)
    pair.write({**files, "readme.txt": b"text\n"})
    pair.both(lambda repo: age(repo.at(".gitattributes")))
    assert pair.cleans(".") == []
    pair.gits.git("add", ".")
    pair.compare()
    assert pair.ours.blob(":data/0007.bin") == pointer_to(files["data/0007.bin"])
    assert pair.ours.cleans("status") == []


@pytest.mark.parametrize("count", [3, 150])
def test_blobs_are_loose_when_few_and_one_pack_when_many(repo: Repo, count: int) -> None:
    repo.write(numbered(count)).mlvc("add", ".")
    kinds = dict(line.split(": ") for line in repo.text("count-objects", "-v").splitlines())
    assert kinds["packs"] == ("1" if count > 100 else "0")
    repo.git("fsck", "--strict")


WORDS = [
    ["."],
    ["-A"],
    ["-u"],
    ["-f", "."],
    ["-v", "."],
    ["--ignore-removal", "."],
    ["--no-all", "data"],
    ["--chmod=+x", "data/new.bin"],
    ["--ignore-errors", "."],
    ["data/*.bin"],
    [":(exclude)data/new.bin", "."],
    [":(glob)**/*.bin"],
    ["data/changed.bin", "nowhere.bin"],
    ["data/new.bin", "data/ignored.bin"],
    ["nested"],
    ["-N", "data/new.bin"],
    ["-n", "."],
    ["--dry-run", "--ignore-missing", "nowhere.bin"],
    ["--refresh", "."],
    ["--renormalize", "."],
    [],
    ["-A", "-u"],
    ["--no-such-option"],
    ["-Af"],
    [""],
    ["../outside"],
]
OTHER_WORDS = [
    ["--all", "--", "data"],
    ["-u", "data"],
    ["data/ignored.bin"],
]


@pytest.mark.parametrize("words", cases(WORDS + OTHER_WORDS, WORDS), ids=" ".join)
@pytest.mark.parametrize("version", cases([2, 4], [2]))
def test_every_option_and_pathspec_is_gits_own(
    changed: AddPair, words: list[str], version: int
) -> None:
    if version != 2:
        changed.git("update-index", "--index-version", str(version))
    changed.add(*words)


@pytest.mark.parametrize(
    "words",
    cases(
        [["."], ["-A"], ["-u"], ["../readme.txt"], [":/"], ["*.bin"]],
        [["."], ["-A"], ["../readme.txt"], [":/"]],
    ),
    ids=" ".join,
)
def test_from_a_directory_below(changed: AddPair, words: list[str]) -> None:
    changed.add(*words, folder="data")


@pytest.fixture
def changed(changed_once: AddPair) -> AddPair:
    """The scene, with all that git and git-mlvc know of it as it was before anything was added."""
    for repo in (changed_once.ours, changed_once.gits):
        shutil.rmtree(repo.at(".git"))
        shutil.copytree(kept(repo), repo.at(".git"), symlinks=True)
    return changed_once


@pytest.fixture(scope="module")
def changed_once(tmp_path_factory: pytest.TempPathFactory) -> AddPair:
    pair = AddPair.start(tmp_path_factory.mktemp("scene"))
    scene(pair)
    return pair.both(lambda repo: shutil.copytree(repo.git_dir, kept(repo), symlinks=True))


def kept(repo: Repo) -> Path:
    return repo.machine.path("kept")


def scene(pair: AddPair) -> None:
    """Every kind of change there is, in one worktree: an add changes nothing of them."""
    pair.write(
        {
            "data/same.bin": DATA,
            "data/changed.bin": DATA + b"1",
            "data/touched.bin": DATA + b"2",
            "data/gone.bin": DATA + b"3",
            "data/mode.bin": DATA + b"4",
            "folder.bin/x.bin": DATA + b"5",
            "file.bin": DATA + b"6",
            "linked.bin": DATA + b"7",
            "readme.txt": b"text\n",
            ".gitignore": b"ignored.bin\nnested/ignored\n",
        }
    ).commit()
    pair.write(
        {
            "data/changed.bin": DATA + b"changed",
            "data/new.bin": DATA + b"new",
            "data/empty.bin": b"",
            "data/ignored.bin": b"i" * 5000,
            "data/soon.bin": b"soon" * 99,
            "readme.txt": b"other text\n",
            "new.txt": b"new text\n",
        }
    )

    def change(repo: Repo) -> None:
        repo.git("add", "-N", "data/soon.bin", "new.txt")
        age(repo.at("data/touched.bin"), 500)
        repo.at("data/mode.bin").chmod(0o755)
        repo.remove("data/gone.bin", "folder.bin", "file.bin", "linked.bin")
        repo.write({"folder.bin": b"now a file" * 50, "file.bin/y.bin": b"now a folder" * 50})
        repo.at("linked.bin").symlink_to("readme.txt")
        repo.at("new-link.bin").symlink_to("nowhere")
        repo.git("init", "-q", "nested")
        repo.write({"nested/inside.bin": b"inside"})
        nested = Repo(repo.path / "nested", repo.machine)
        date = "1700000000 +0000"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        nested.git("commit", "-q", "--allow-empty", "-m", "nested", env=dates)

    pair.both(change)

"""Random worktrees, random words: `git mlvc add` and `git add` leave the same, say the same, end the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.add_pair import AddPair, age
from support.extent import IN_FULL
from support.repo import Repo

ROUNDS = 6 if IN_FULL else 4
NAMES = ["a", "b", "a.bin", "b.bin", "c.bin", "t.txt", "x.dat", ".gitignore", "mlvc.toml"]
FOLDERS = ["", "", "d/", "d/e/", "a.bin/", "D/", "f.bin/g/"]
OPTIONS = [[], [], [], ["-A"], ["-u"], ["-f"], ["-v"], ["--ignore-removal"], ["-N"], ["--chmod=+x"]]
PATHSPECS = [
    ["."], ["."], ["d"], ["*.bin"], [":/"], ["a.bin"], ["d", "a.bin"], [":!d", "."], ["?.bin"], ["d/e/"], []
]  # fmt: skip
ATTRIBUTES = [
    "*.bin filter=mlvc diff=mlvc -merge -text",
    "*.dat filter=mlvc merge=mlvc",
    "d/* -filter",
    "t.txt text eol=crlf",
    "d/b.bin !filter text",
    "c.bin filter=mlvc text",
]


class Change:
    """One change, chosen once and made in both repositories."""

    def __init__(self, rng: random.Random) -> None:
        self.name = rng.choice(FOLDERS) + rng.choice(NAMES)
        self.kind = rng.choice(["write"] * 6 + ["remove", "mode", "touch", "link", "attributes"])
        size = rng.choice([0, 1, 100, 2000, 5000, 200_000])
        self.data = rng.randbytes(size)
        if rng.random() < 0.2:
            self.data = rng.choice([b"lines\r\nof text\n", b"*.dat\n", b"$Id$\n"])
        if self.name.endswith(".gitignore"):
            self.data = rng.choice([b"b.bin\n", b"*.dat\n!x.dat\n", b"e/\n", b""])
        if self.name.endswith("mlvc.toml"):
            self.data = b'[track]\nmin_size = "3kB"\n' if rng.random() < 0.5 else b""
        if self.kind == "link" and self.name.endswith((".gitignore", "mlvc.toml")):
            self.kind = "write"  # links there are refused, each by its reader
        self.mode = rng.choice([0o644, 0o755])
        self.line = rng.choice(ATTRIBUTES)
        self.age = rng.choice([2000, 1000, 0])

    def __call__(self, repo: Repo) -> None:
        path = repo.at(self.name)
        for above in reversed(path.parents):
            if above.is_relative_to(repo.path) and (above.is_symlink() or above.is_file()):
                above.unlink()
        if self.kind == "attributes":
            (repo.path / ".gitattributes").open("a").write(self.line + "\n")
        elif self.kind in ("write", "link"):
            if path.is_dir() or path.is_symlink() or path.exists():
                repo.remove(self.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if self.kind == "link":
                path.symlink_to("t.txt")
            else:
                path.write_bytes(self.data)
                age(path, self.age)
        elif path.is_symlink() or not path.exists():
            return
        elif self.kind == "remove":
            repo.remove(self.name)
        elif path.is_file():
            path.chmod(self.mode) if self.kind == "mode" else age(path, self.age + 10)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("seed", range(8 if IN_FULL else 3))
def test_random_changes_and_words(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    pair = AddPair.start(tmp_path)
    if rng.random() < 0.3:
        pair.git("config", "core.autocrlf", rng.choice(["true", "input"]))
    if rng.random() < 0.3:
        pair.git("update-index", "--split-index")
    for _ in range(ROUNDS):
        for change in [Change(rng) for _ in range(rng.randrange(1, 9))]:
            pair.both(change)
        folder = (
            "d"
            if rng.random() < 0.2 and all(r.at("d").is_dir() for r in (pair.ours, pair.gits))
            else "."
        )
        words = [*rng.choice(OPTIONS), *rng.choice(PATHSPECS)]
        pair.add(*words, folder=folder)
        if rng.random() < 0.4:
            pair.git("commit", "-qm", "x", "--allow-empty")

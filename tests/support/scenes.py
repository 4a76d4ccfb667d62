"""Small histories that many tests begin with: played once by each test process, and copied from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Concatenate, ParamSpec

import pytest
from support.content import edited, noise, table
from support.copied import copy_repository, is_plain, repositories
from support.extent import cases
from support.twin import Twin

# The commands at the heart of everything run with the limit as it comes, too: in `make faults`, and in test_story.
LIMITS = {"stubs": "1KiB", "inline": None}
_SHOWN = cases(LIMITS, ["stubs"])
both_ways = pytest.mark.parametrize(
    "twin", [LIMITS[name] for name in _SHOWN], ids=_SHOWN, indirect=True
)

# With `mlvc.inlineLimit` of 1 KiB, some are always inline and some are always filled afterwards.
A = noise(3000, 1)
B = noise(500, 2)
DEEP = noise(70_000, 3)
CODE = b"".join(b"line_%d = %d\n" % (n, n) for n in range(20))
FILES = {
    "a.bin": A,
    "b.bin": B,
    "c/deep.bin": DEEP,
    "c/table.bin": table(200),
    "empty.bin": b"",
    "code.py": CODE,
}


P = ParamSpec("P")
Scene = Callable[Concatenate[Twin, P], Twin]


@dataclass
class Kept:
    """Scenes as they stood when they had been played, in `folder` (None: nothing is kept)."""

    folder: Path | None = None

    def __post_init__(self) -> None:
        self.played: dict[object, tuple[Path, int]] = {}
        self.numbers = count()


kept = Kept()


def played_once(play: Scene[P]) -> Scene[P]:
    """Copy what was played from the same beginning before: settings, attributes, time, and no commit."""

    @wraps(play)
    def scene(twin: Twin, /, *args: P.args, **options: P.kwargs) -> Twin:
        beginning = _beginning(twin)
        if kept.folder is None or beginning is None:
            return play(twin, *args, **options)
        key = (play, args, tuple(options.items()), beginning)
        if key in kept.played:
            folder, twin.clock.now = kept.played[key]
            for repo in twin.pair:
                root = repo.machine.root
                for made in (folder / root.name).iterdir():
                    copy_repository(made, root / made.name)
            return twin
        play(twin, *args, **options)
        made = [path for repo in twin.pair for path in repositories(repo.machine.root)]
        if all(is_plain(path) for path in made):
            folder = kept.folder / str(next(kept.numbers))
            for path in made:
                copy_repository(path, folder / path.parent.name / path.name)
            kept.played[key] = folder, twin.clock.now
        return twin

    return scene


def _beginning(twin: Twin) -> object:
    """Return all that a scene's outcome depends on; None where something has been made already."""
    files = []
    for repo in twin.pair:
        if repositories(repo.machine.root) != [repo.path]:
            return None
        if sorted(path.name for path in repo.path.iterdir()) != [".git", ".gitattributes"]:
            return None
        if (repo.git_dir / "index").exists() or repo.machine.extra_env:
            return None
        config = (repo.machine.config_file, repo.git_dir / "config", repo.at(".gitattributes"))
        files += [path.read_bytes() for path in config]
    return twin.clock.now, tuple(files)


@played_once
def one_commit(twin: Twin) -> Twin:
    return twin.commit("base", FILES)


@played_once
def two_branches(twin: Twin) -> Twin:
    """`main` and `topic`, forked at the tag `base`; what they change does not overlap. HEAD is main."""
    one_commit(twin)
    twin.quietly("tag", "base")
    twin.quietly("switch", "-q", "-c", "topic")
    twin.remove("b.bin")
    twin.commit(
        "topic",
        {
            "t.bin": noise(5000, 11),
            "c/deep.bin": edited(DEEP, 11),
            "code.py": CODE.replace(b"line_2 ", b"line_two "),
        },
    )
    twin.quietly("switch", "-q", "main")
    return twin.commit(
        "main",
        {
            "a.bin": edited(A, 12),
            "m.bin": noise(40_000, 12),
            "code.py": CODE.replace(b"line_15 ", b"line_fifteen "),
        },
    )


@played_once
def rivals(twin: Twin) -> Twin:
    """As two_branches, and a branch `rival`, two commits from base, whose first conflicts with main."""
    two_branches(twin)
    twin.quietly("switch", "-q", "-c", "rival", "base")
    twin.commit("rival one", {"a.bin": edited(A, 13), "r1.bin": noise(9000, 13)})
    twin.commit("rival two", {"r2.bin": noise(9001, 14), "c/deep.bin": edited(DEEP, 14)})
    twin.quietly("switch", "-q", "main")
    return twin


@played_once
def line(twin: Twin, commits: int) -> Twin:
    """A line of commits, each changing `a.bin` and adding one file; tags c0, c1, …"""
    data = A
    for number in range(commits):
        twin.commit(f"c{number}", {"a.bin": data, f"f{number}.bin": noise(2000, 100 + number)})
        twin.quietly("tag", f"c{number}")
        data = edited(data, 20 + number)
    return twin

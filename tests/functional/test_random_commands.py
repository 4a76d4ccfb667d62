"""Random command sequences under the twin oracle: whatever git is told, the bytes are git's.

Short in `make test`, with fixed seeds; `MLVC_FAULTS=60` (`make faults`) tries more and longer ones, and
`MLVC_SEED=N` repeats one, whatever the limit. The commands that led to a failure are printed with it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from support.content import noise
from support.extent import FAULTS
from support.twin import Twin

STEPS = 2 * FAULTS
LIMITS = ("0", "1KiB", None)
SEEDS = [int(seed) for seed in os.environ.get("MLVC_SEED", "").split()]
LIVES = [(seed, limit) for seed in SEEDS for limit in LIMITS] or [
    (seed, LIMITS[(seed - 1) % len(LIMITS)]) for seed in range(1, max(1, FAULTS // 4) + 1)
]
NAMES = ("a.bin", "b.bin", "d/c.bin", "d/e/f.bin", "g.bin/h.bin", "plain.txt", "d/code.py")
# Contents are either the same or wholly different, so that git finds the same renames in both.
SIZES = (0, 300, 1023, 1025, 20_000, 70_000)


class Life:
    """What may happen to a pair of repositories, chosen by a seeded random number generator."""

    def __init__(self, twin: Twin, seed: int) -> None:
        self.twin = twin
        self.rng = random.Random(seed)
        self.told: list[str] = []
        self.branches = ["main"]
        self.count = 0

    def git(self, *args: str) -> bool:
        self.told.append("git " + " ".join(args))
        return self.twin.git(*args, check=False).ok

    def content(self) -> bytes:
        return noise(self.rng.choice(SIZES), self.rng.randrange(40))

    def some_name(self) -> str:
        return self.rng.choice(NAMES)

    def present(self) -> list[str]:
        return sorted(self.twin.plain.snapshot())

    # -- what a person does to files

    def write(self) -> None:
        name = self.some_name()
        data = self.content()
        self.told.append(f"write {name}: {len(data)} bytes")
        for repo in self.twin.pair:
            for parent in repo.at(name).relative_to(repo.path).parents:
                if (repo.path / parent).is_file():
                    repo.remove(str(parent))
            if repo.at(name).is_dir():
                repo.remove(name)
        self.twin.write_now({name: data})

    def edit(self) -> None:
        """Other bytes, same size, perhaps in the same second: only looking inside tells."""
        names = self.present()
        if names:
            name = self.rng.choice(names)
            self.told.append(f"edit {name}")
            if not self.twin.plain.at(name).is_symlink():
                size = self.twin.plain.at(name).stat().st_size
                self.twin.write_now({name: noise(size, self.rng.randrange(1000))})

    def delete(self) -> None:
        names = self.present()
        if names:
            name = self.rng.choice(names)
            self.told.append(f"rm {name}")
            self.twin.remove(name)

    def toggle_executable(self) -> None:
        names = self.present()
        if names:
            name = self.rng.choice(names)
            mode = self.rng.choice((0o755, 0o644))
            self.told.append(f"chmod {mode:o} {name}")
            self.twin.chmod(name, mode)

    def touch(self) -> None:
        for name in self.present()[:3]:
            self.twin.both(lambda repo, name=name: repo.at(name).touch())

    # -- what she tells git

    def add(self) -> None:
        self.git("add", "-A")

    def commit(self) -> None:
        self.count += 1
        self.git("commit", "-q", "-a", "-m", f"commit {self.count}")

    def add_and_commit(self) -> None:
        self.add()
        self.commit()

    def amend(self) -> None:
        self.git("commit", "-q", "-a", "--amend", "--no-edit", "--allow-empty")

    def branch(self) -> None:
        name = f"b{len(self.branches)}"
        if self.git("switch", "-q", "-c", name, self.revision()):
            self.branches.append(name)

    def revision(self) -> str:
        back = self.rng.choice(("", "", "~1", "~2"))
        known = self.twin.plain.git(
            "rev-parse", "-q", "--verify", f"HEAD{back}", check=False, tick=False
        )
        return f"HEAD{back}" if known.ok else "HEAD"

    def other(self) -> str:
        return self.rng.choice(self.branches)

    def switch(self) -> None:
        self.git("switch", "-q", self.other())

    def switch_by_force(self) -> None:
        self.git("checkout", "-q", "-f", self.other())

    def detach(self) -> None:
        self.git("checkout", "-q", "--detach", self.revision())

    def merge(self) -> None:
        if not self.git("merge", "-q", "-m", "merged", self.other()):
            self.solve("commit", "-q", "-m", "solved")
            self.git("merge", "--abort")

    def rebase(self) -> None:
        flags = self.rng.choice(([], ["--autostash"], ["--force-rebase"], ["--apply"]))
        if not self.git("rebase", "-q", *flags, self.other()):
            self.solve("rebase", "--continue")
            self.git("rebase", self.rng.choice(("--abort", "--skip")))
            self.git("rebase", "--abort")

    def cherry_pick(self) -> None:
        verb = self.rng.choice(("cherry-pick", "revert"))
        flags = ["--no-edit"] if verb == "revert" else ["--allow-empty"]
        if not self.git(verb, *flags, f"{self.other()}~{self.rng.randrange(2)}"):
            self.solve(verb, "--continue")
            self.git(verb, self.rng.choice(("--abort", "--skip")))

    def solve(self, *args: str) -> None:
        """Take one side of every conflict and go on, or do not."""
        if self.rng.random() < 0.7:
            self.git("checkout", self.rng.choice(("--ours", "--theirs")), "--", ".")
            self.git("add", "-A")
            self.git(*args)

    def stash(self) -> None:
        self.git("stash", "-q", *self.rng.choice(([], ["-u"], ["--keep-index"])))

    def pop(self) -> None:
        if not self.git("stash", "pop", "-q", *self.rng.choice(([], ["--index"]))):
            self.git("checkout", "--ours", "--", ".")

    def reset(self) -> None:
        how = self.rng.choice(("--hard", "--hard", "--keep", "--mixed", "--soft", "--merge"))
        self.git("reset", "-q", how, self.revision())

    def restore(self) -> None:
        name = self.rng.choice([*NAMES, "."])
        flags = self.rng.choice(([], ["--staged"], ["--staged", "--worktree"]))
        self.git("restore", f"--source={self.revision()}", *flags, "--", name)

    def checkout_paths(self) -> None:
        self.git("checkout", "-q", self.other(), "--", self.rng.choice([*NAMES, "."]))

    def move(self) -> None:
        names = self.present()
        if names:
            # Out of the tracked names git would ask no filter: that is another story.
            name = self.rng.choice(names)
            suffix = Path(name).suffix
            targets = [target for target in NAMES if Path(target).suffix == suffix]
            self.git("mv", "-f", name, self.rng.choice(targets))

    def remove_tracked(self) -> None:
        names = self.present()
        if names:
            self.git("rm", "-q", "-f", self.rng.choice(names))

    def clean(self) -> None:
        self.git("clean", "-f", "-d", "-q")

    def start_over(self) -> None:
        """Leave whatever is unfinished."""
        for verb in ("merge", "rebase", "cherry-pick", "revert"):
            self.git(verb, "--abort")
        self.git("reset", "-q", "--hard")

    CHOICES: tuple[tuple[int, str], ...] = (
        (8, "write"), (5, "edit"), (2, "delete"), (1, "toggle_executable"), (1, "touch"),
        (2, "add"), (3, "commit"), (6, "add_and_commit"), (2, "amend"), (3, "branch"),
        (4, "switch"), (2, "switch_by_force"), (1, "detach"), (4, "merge"), (3, "rebase"),
        (4, "cherry_pick"), (3, "stash"), (3, "pop"), (3, "reset"), (2, "restore"),
        (2, "checkout_paths"), (2, "move"), (1, "remove_tracked"), (1, "clean"), (1, "start_over"),
    )  # fmt: skip

    def step(self) -> None:
        weights = [weight for weight, _ in self.CHOICES]
        name = self.rng.choices([name for _, name in self.CHOICES], weights)[0]
        action: Callable[[], None] = getattr(self, name)
        action()


@pytest.mark.parametrize(("seed", "limit"), LIVES)
def test_any_sequence_of_commands_gives_gits_own_bytes(
    tmp_path: Path, seed: int, limit: str | None
) -> None:
    twin = Twin.start(tmp_path, limit)
    # Out of reach of reverts: without attributes git asks no filter, and pointers are text.
    for repo in twin.pair:
        repo.at(".gitattributes").rename(repo.git_dir / "info" / "attributes")
    twin.commit("first", {"a.bin": noise(20_000, 1), "d/c.bin": noise(300, 2), "plain.txt": b"x\n"})
    life = Life(twin, seed)
    try:
        for _ in range(STEPS):
            life.step()
        life.start_over()
        twin.compare_history()
    except AssertionError as exc:
        raise AssertionError(f"seed {seed}:\n" + "\n".join(life.told) + f"\n{exc}") from None

"""Which paths a sparse checkout takes: what git itself says of the same rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.git.process import Git
from git_mlvc.git.repository import Repository
from git_mlvc.git.sparse import SparseCheckout
from git_mlvc.repo_path import RepoPath

PATHS = [
    "top", "a/x", "a/y.bin", "a/b/x", "a/b/c/x", "a/d/x", "a/d/e/f/x", "b/x", "b/b/x", "c d/x", "dir*/x", "[q]/x",
]  # fmt: skip


@pytest.fixture
def full(bare_machine: Machine) -> Repo:
    repo = bare_machine.init()
    repo.write({path: path.encode() for path in PATHS}).add().commit("one")
    return repo


def opened(repo: Repo) -> Repository:
    env = repo.machine.env()
    assert Git(repo.path, env=env)
    return Repository.discover(Path(repo.path), env)


def taken_by_git(repo: Repo) -> list[str]:
    listed = repo.git("ls-files", "-t", "-z", tick=False).out.split("\0")
    return [line[2:] for line in listed if line.startswith("H ")]


def taken_by_us(repo: Repo) -> list[str]:
    sparse = SparseCheckout.of(opened(repo))
    assert sparse is not None
    return [path for path in PATHS if RepoPath(path.encode()) in sparse]


CONES = [
    (), ("a",), ("a/b",), ("a/d/e", "b/b"), ("c d",), ("--skip-checks", "dir*", "[q]"), ("a/b", "a/b/c", "b"),
]  # fmt: skip
PATTERNS = [
    ("/*", "!a"),
    ("/a/", "!/a/b/"),
    ("b",),
    ("x",),
    ("*.bin", "top"),
    ("/*", "!/a/**", "/a/d/**/x"),
    ("!/a", "/*"),
    ("# a comment", "", "/c d/x", "a/b  "),
    ("/a/b", "!x"),
    (r"/dir\*/", r"/\[q\]/"),
]


def test_cones(full: Repo) -> None:
    for directories in CONES:
        full.git("sparse-checkout", "set", "--cone", *directories)
        assert taken_by_us(full) == sorted(taken_by_git(full), key=PATHS.index), directories


def test_patterns(full: Repo) -> None:
    (full.git_dir / "info").mkdir(exist_ok=True)
    full.set("core.sparseCheckout", "true").set("core.sparseCheckoutCone", "false")
    for rules in PATTERNS:
        (full.git_dir / "info" / "sparse-checkout").write_text("\n".join(rules) + "\n")
        full.git("read-tree", "-mu", "HEAD")
        assert taken_by_us(full) == sorted(taken_by_git(full), key=PATHS.index), rules


def test_a_full_checkout_has_no_rules(full: Repo) -> None:
    assert SparseCheckout.of(opened(full)) is None
    full.git("sparse-checkout", "set", "a")
    full.git("sparse-checkout", "disable")
    assert SparseCheckout.of(opened(full)) is None

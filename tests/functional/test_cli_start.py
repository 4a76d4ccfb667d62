"""Quick starts: what is imported before anything useful happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.repo import Machine, Repo

HEAVY = {
    "click",
    "rich",
    "pygit2",
    "dulwich",
    "requests",
    "tomlkit",
    "pyfastcdc",
    "zstandard",
    "subprocess",
    "asyncio",
}


def imported(code: str, cwd: Path) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.__stderr__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=cwd, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_version_imports_next_to_nothing(tmp_path: Path) -> None:
    bare = imported("", tmp_path)
    code = "from git_mlvc.cli.main import main\nassert main(['version']) == 0"
    ours = {name for name in imported(code, tmp_path) - bare if name.startswith("git_mlvc")}
    assert ours == {
        "git_mlvc",
        "git_mlvc.cli",
        "git_mlvc.cli.invocation",
        "git_mlvc.cli.main",
        "git_mlvc.cli.output",
    }


@pytest.mark.parametrize("verb", ["hook", "merge-driver"])
def test_what_git_calls_starts_without_click(repo: Repo, verb: str) -> None:
    arguments = {"hook": ["hook", "post-checkout"], "merge-driver": ["merge-driver", "x", "x", "x"]}
    (repo.path / "x").write_bytes(b"text\n")
    code = f"from git_mlvc.cli.main import main\nmain({arguments[verb]!r})"
    found = imported(code, repo.path) & HEAVY
    assert found <= {"subprocess"}, found


def test_one_verb_imports_no_other(repo: Repo) -> None:
    code = "from git_mlvc.cli.main import main\nmain(['ls'])"
    names = imported(code, repo.path)
    commands = {name for name in names if name.startswith("git_mlvc.cli.commands.")}
    assert commands == {"git_mlvc.cli.commands.ls"}
    assert "rich" not in names


def test_git_finds_the_verbs(machine: Machine) -> None:
    assert machine.git("mlvc", "version").out.startswith("git-mlvc ")
    assert machine.git("mlvc", "--version").out == machine.git("mlvc", "version").out

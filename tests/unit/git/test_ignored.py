"""What git ignores, asked of git."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repo import Machine

from git_mlvc.git.ignored import ignored
from git_mlvc.git.process import Git

ODD = ("we[i]rd *", ":(top)x", "new\nline", "-dash")


@pytest.mark.parametrize("setting", ["", "GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS"])
def test_directories_are_meant_as_they_are_called(machine: Machine, setting: str) -> None:
    repo = machine.init()
    repo.write({".gitignore": b"*.log\n/plain\n", "other/a.log": b"", "plain/a": b""})
    for name in ODD:
        repo.write({f"{name}/a.log": b"", f"{name}/b": b""})
    git = Git(repo.path, env=machine.env() | ({setting: "1"} if setting else {}))
    expected = {f"{name}/a.log".encode() for name in ODD}
    assert ignored(git, [name.encode() for name in ODD]) == expected
    assert ignored(git) == expected | {b"other/a.log", b"plain"}
    assert ignored(git, [b"plain/deep"]) <= {b"plain"}
    assert ignored(git, [b"nothing"]) == frozenset()


def test_more_directories_than_a_command_line_holds_are_all_of_them(machine: Machine) -> None:
    repo = machine.init()
    repo.write({".gitignore": b"*.log\n", "other/a.log": b"", "other/b": b""})
    git = Git(Path(repo.path), env=machine.env())
    many = [b"%d/" % number + b"x" * 200 for number in range(1000)]
    assert ignored(git, many) == {b"other/a.log"}

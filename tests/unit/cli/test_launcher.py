"""The words by which git starts us again."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from git_mlvc.cli.launcher import launcher


def test_console_script_is_named_with_its_whole_path(tmp_path: Path) -> None:
    program = tmp_path / "a place" / "git-mlvc"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert launcher(str(program), {}) == shlex.quote(str(program))
    assert launcher("git-mlvc", {"PATH": str(program.parent)}) == shlex.quote(str(program))


def test_symbolic_link_is_kept_because_it_survives_an_upgrade(tmp_path: Path) -> None:
    (tmp_path / "real-1.0").write_text("")
    link = tmp_path / "git-mlvc"
    link.symlink_to("real-1.0")
    assert launcher(str(link), {}) == str(link)


def test_module_is_started_through_the_interpreter() -> None:
    words = launcher("/lib/git_mlvc/__main__.py", {})
    assert shlex.split(words) == [sys.executable, "-I", "-m", "git_mlvc"]

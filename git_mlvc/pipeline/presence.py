"""Whether a repository has stages at all, found out without what reads them: most have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError
from git_mlvc.fs import structured
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from pathlib import Path

    from git_mlvc.git.process import Git

NAME = "mlvc.toml"
_LISTING = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", "--")
_WORD = b"stage"  # however it is written, [stage.x] or stage = {…}, it has this word


def files_called(git: Git, name: str) -> list[RepoPath]:
    """Return every file of this name that git tracks or would add, sorted; some may have been deleted."""
    found = git.records(*_LISTING, name, f":(glob)**/{name}")
    return sorted({RepoPath(path) for path in found if not path.endswith(b"/")})


def may_have_stages(top: Path, git: Git) -> bool:
    """False only if no stage file speaks of stages. One that cannot be read may."""
    return any(_speaks_of_stages(top / file.text) for file in files_called(git, NAME))


def _speaks_of_stages(path: Path) -> bool:
    try:
        return _WORD in structured.read_settings(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except ConfigError:
        return True

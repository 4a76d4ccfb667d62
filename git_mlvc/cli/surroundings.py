"""What `git mlvc env` shows: versions, paths and settings, as needed for a report of a problem."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib import metadata

from git_mlvc import __version__
from git_mlvc.errors import MlvcError
from git_mlvc.git import config
from git_mlvc.git.process import Git
from git_mlvc.git.repository import version
from git_mlvc.secret_text import shown_option, without_secrets
from git_mlvc.workspace import Workspace

_LIBRARIES = (
    "blake3",
    "click",
    "dulwich",
    "obstore",
    "pyfastcdc",
    "pygit2",
    "requests",
    "zstandard",
)
_SECTIONS = ("mlvc.", "filter.mlvc.", "merge.mlvc.", "hook.mlvc-")
_VARIABLES = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL")


def versions(git: Git) -> dict[str, str]:
    """Return the versions of everything that takes part."""
    found = {
        "git-mlvc": __version__,
        "git": ".".join(map(str, version(git))),
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def paths(workspace: Workspace | None, launcher: str) -> dict[str, str]:
    """Return where things are; outside of a repository only the program."""
    found = {"launcher": launcher, "interpreter": sys.executable}
    if workspace is not None:
        repo = workspace.repository
        found |= {
            "worktree": str(repo.worktree or "none (bare)"),
            "git dir": str(repo.git_dir),
            "common dir": str(repo.common_dir),
        }
        try:
            found["store"] = str(workspace.store_path)
        except MlvcError as failure:
            found["store"] = f"unknown ({failure})"
    return found


def settings(git: Git, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is set for us in git's configuration and in the environment, without secrets."""
    found = {
        key: ", ".join(shown_option(key.rpartition(".")[2], value) for value in values)
        for key, values in sorted(config.read(git).items())
        if key.startswith(_SECTIONS) or key == "core.hookspath"
    }
    for name in sorted(environment):
        if name.startswith("MLVC_") or name in _VARIABLES:
            found[f"${name}"] = without_secrets(environment[name])
    return found

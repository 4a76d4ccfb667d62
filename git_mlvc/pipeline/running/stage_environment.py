"""What a stage's commands find in their environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from git_mlvc.git.process import LOCAL_VARIABLES
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.fingerprint import environment
from git_mlvc.pipeline.model import Stage

# Settings of the user's, and not a repository that git was in when it started us.
_KEPT = frozenset({"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"})
_OURS = re.compile(
    r"MLVC_(?:STAGE|ROOT|ITEM(?:_.*)?)\Z"
)  # slots of a stage are for all that it starts
_SLOT = "MLVC_SLOT_"
_NO_NAME = re.compile(r"[^A-Za-z0-9]")


def user_environment(repo: Repository) -> dict[str, str]:
    """Return the environment that we were started in, fit for commands of a stage.

    Git tells its hooks where its repository and index are, relative to a directory: a command of a stage
    that runs git would write the wrong index. Only a repository that is not to be found from the worktree
    without being named stays named.
    """
    env = {
        name: value
        for name, value in repo.env.items()
        if (name in _KEPT or name not in LOCAL_VARIABLES) and not _OURS.match(name)
    }
    if repo.worktree is not None and not _is_found(repo, env):
        env["GIT_DIR"] = str(repo.git_dir)
        env["GIT_WORK_TREE"] = str(repo.worktree)
    # A pipe makes Python programs keep their output back, so that nobody sees what they are doing.
    env.setdefault("PYTHONUNBUFFERED", "1")
    return env


def stage_environment(
    base: Mapping[str, str], top: Path, stage: Stage, slots: Mapping[str, Sequence[int]]
) -> dict[str, str]:
    """Return `base` with what the stage sets and what it is told: of its item, of its slots.

    `slots`: by resource the numbers, from 0, that are the stage's own.
    """
    env = {**base, **dict(environment(stage)), "MLVC_STAGE": stage.address, "MLVC_ROOT": str(top)}
    for name, numbers in slots.items():
        env[f"{_SLOT}{_NO_NAME.sub('_', name).upper()}"] = ",".join(map(str, numbers))
    return env


def slot_numbers(env: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """Return the slots of the stage in which we were started, if we were, by resource."""
    found = {}
    for name, value in env.items():
        numbers = value.split(",") if name.startswith(_SLOT) else [""]
        if all(number.isascii() and number.isdigit() for number in numbers):
            resource = name.removeprefix(_SLOT).lower().replace("_", "-")
            found[resource] = tuple(map(int, numbers))
    return found


def _is_found(repo: Repository, env: Mapping[str, str]) -> bool:
    if not repo.env.get("GIT_DIR"):
        return True
    from git_mlvc.errors import UsageError

    assert repo.worktree is not None
    try:
        return Repository.discover(repo.worktree, env).git_dir == repo.git_dir
    except UsageError:
        return False

"""Commands of stages find the user's environment, and none of what git tells its hooks."""

import subprocess

from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.running.stage_environment import user_environment


def made(tmp_path):
    top = tmp_path / "r"
    subprocess.run(["git", "init", "-q", top], check=True)
    return top


def test_what_git_tells_a_hook_does_not_reach_a_stage(tmp_path):
    top = made(tmp_path)
    env = {
        "GIT_DIR": ".git",
        "GIT_INDEX_FILE": ".git/index.lock",
        "GIT_PREFIX": "sub/",
        "GIT_CONFIG_COUNT": "0",
        "HOME": "/h",
        "MLVC_STAGE": "outer",
        "MLVC_ITEM_LR": "1",
        "MLVC_SLOT_GPU": "1",
        "MLVC_STORE": "/s",
    }
    assert user_environment(Repository.discover(top, env)) == {
        "GIT_CONFIG_COUNT": "0",
        "HOME": "/h",
        "MLVC_SLOT_GPU": "1",  # it belongs to all that the outer stage starts
        "MLVC_STORE": "/s",
        "PYTHONUNBUFFERED": "1",
    }


def test_a_repository_that_has_to_be_named_stays_named(tmp_path):
    top = made(tmp_path)
    (top / ".git").rename(tmp_path / "dotfiles.git")
    env = {"GIT_DIR": "../dotfiles.git", "GIT_WORK_TREE": ".", "PYTHONUNBUFFERED": ""}
    assert user_environment(Repository.discover(top, env)) == {
        "GIT_DIR": str(tmp_path / "dotfiles.git"),
        "GIT_WORK_TREE": str(top),
        "PYTHONUNBUFFERED": "",
    }

"""What `git mlvc doctor` finds out about one repository's hooks and what may stand in their way.

Values only: the command shows them. Nothing in the repository is changed; hooks are tried in a
repository made for it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.git.process import Git
from git_mlvc.hooks import config_hooks, hook_files, install, install_state, shim
from git_mlvc.hooks.install_state import Choice

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.settings import Settings

LARGE_INLINE_BYTES = 256 << 20
_STALE_S = 600
_NULL = "0" * 40


class Verdict(Enum):
    """How a check ended; a note is not a fault."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `mend` is the command that settles it."""

    name: str
    verdict: Verdict
    says: str
    mend: str = ""


def hooks(repo: Repository, git: Git, *, git_version: tuple[int, ...]) -> Iterator[Check]:
    """Yield one finding for each hook that is missing or does not do its work, or one for all."""
    state = install_state.read(repo.common_dir)
    if state is not None and state.choice is Choice.DECLINED:
        says = "taken out on purpose; large files go through git's memory and pushes send no data"
        yield Check("hooks", Verdict.BAD, says, "git mlvc install --local")
        return
    directory = install.hooks_directory(repo, git)
    own = config_hooks.directory(repo.common_dir)
    by_config = git_version >= config_hooks.SINCE and (own / "pre-push").exists()
    missing, failing = [], []
    for name in shim.HOOKS:
        found = own if by_config else directory
        if not _runs(repo, git, found, name, by_config):
            missing.append(name)
            continue
        trouble = trial(git, found / name, name)
        if trouble:
            failing.append(Check(f"hook {name}", Verdict.BAD, trouble, "git mlvc install --local"))
        if by_config and name != install.FIRST and hook_files.runs(directory, name):
            says = f"runs twice: from git's configuration and from {directory / name}"
            failing.append(Check(f"hook {name}", Verdict.NOTE, says, "git mlvc install --local"))
    if missing:
        is_own = by_config or install.is_own(repo, directory)
        mend = "git mlvc install --local" if is_own else install.mending(repo, directory)
        says = f"git will not run them ({directory}): {', '.join(missing)}"
        yield Check("hooks", Verdict.BAD, says, mend)
    yield from failing
    if not missing and not failing:
        where = "git's configuration" if by_config else str(directory)
        says = f"{len(shim.HOOKS)} in {where}, each runs from an empty environment"
        yield Check("hooks", Verdict.OK, says)


def surroundings(repo: Repository, git: Git, settings: Settings) -> Iterator[Check]:
    """Yield what stands in the way of filter and hooks; nothing when all is well."""
    asked = git.run("rev-parse", "--git-dir", check=False)
    if b"dubious ownership" in asked.stderr:
        mend = f"git config --global --add safe.directory {shim.quote(str(repo.top))}"
        yield Check("ownership", Verdict.BAD, "git refuses it: it belongs to somebody else", mend)
    lock = repo.git_dir / "index.lock"
    age_s = _age_s(lock)
    if age_s is not None:
        says = (
            f"{lock} is {age_s:.0f} seconds old; while it is there nothing can be added or filled"
        )
        is_stale = age_s > _STALE_S
        mend = f"if no git is running: rm {shim.quote(str(lock))}"
        yield Check("index.lock", Verdict.BAD if is_stale else Verdict.NOTE, says, mend)
    if repo.worktree is not None and (repo.worktree / ".gitattributes").is_symlink():
        says = ".gitattributes is a symbolic link, and git (>= 2.32) does not follow it"
        yield Check("attributes", Verdict.BAD, says, "put a regular file in its place")
    if settings.inline_limit_bytes > LARGE_INLINE_BYTES:
        says = (
            f"git holds files up to {settings.inline_limit_bytes >> 20} MiB in memory on checkout"
        )
        yield Check("mlvc.inlineLimit", Verdict.NOTE, says, "git config --unset mlvc.inlineLimit")
    yield from _lists(repo)


def trial(git: Git, hook: Path, name: str) -> str:
    """Run our lines of one hook file in a repository of their own, as git would from an empty
    environment, with something to do; return what went wrong, "" if nothing did.

    Other people's lines in the file are not run.
    """
    import tempfile

    try:
        lines = shim.own_lines(hook.read_bytes())
    except OSError as exc:
        return f"{hook} cannot be read: {exc.strerror}"
    if lines is None:
        return f"our lines in {hook} have been edited"
    program = shutil.which(git.program, path=git.env.get("PATH")) or git.program
    with tempfile.TemporaryDirectory(prefix="git-mlvc-") as made:
        top = Path(made)
        bare = Git(top, env={}, program=program)
        try:
            bare.run("init", "-q", "--template=", ".")
        except MlvcError as exc:
            return str(exc)
        script = top / "hook"
        script.write_bytes(b"#!/bin/sh\n" + lines)
        work = top / ".git" / "mlvc"
        work.mkdir()
        noted = {"pre-commit": "damaged", "pre-push": ""}.get(name, "pending")
        if noted:
            (work / noted).write_bytes(b"trial\0")
        # As an alias, it gets from git the PATH that a hook gets.
        alias = 'alias.mlvc-trial=!sh ./hook "$@" #'
        arguments = ["origin", "."] if name == "pre-push" else []
        told = f"(delete) {_NULL} refs/heads/trial {_NULL}\n".encode()
        done = bare.run("-c", alias, "mlvc-trial", *arguments, input=told, check=False)
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        if done.returncode != 0 or (noted and (work / noted).exists()):
            return said[-1] if said else "its program did not do its work and gave no reason"
    return ""


def _runs(repo: Repository, git: Git, directory: Path, name: str, by_config: bool) -> bool:
    if not by_config:
        return hook_files.runs(directory, name)
    from git_mlvc.git import config

    return config_hooks.runs(config.read(git), repo.common_dir, name)


def _is_stub(repo: Repository, path: RepoPath, pointer: Pointer) -> bool:
    """True if that stub stands in the worktree now: a pull may have filled it since it was listed."""
    from git_mlvc.formats import pointer as pointer_format

    if repo.worktree is None:
        return False
    try:
        with open(os.path.join(os.fsencode(repo.worktree), path.raw), "rb") as file:
            head = file.read(pointer_format.MAX_POINTER_BYTES + 1)
    except OSError:
        return False
    return pointer_format.sniff(head) == pointer


def _lists(repo: Repository) -> Iterator[Check]:
    from git_mlvc.worktree.pending import Pending

    pending = len(Pending(repo.state_dir).read())
    if pending and not repo.is_sequencing():
        says = f"{pending} wait to be filled"
        yield Check("stubs", Verdict.NOTE, says, "git mlvc fill")
    listed = Pending(repo.state_dir, "absent").read()
    absent = sum(_is_stub(repo, path, pointer) for path, pointer in listed.items())
    if absent:
        yield Check("stubs", Verdict.NOTE, f"{absent} lack their data", "git mlvc pull")
    if _age_s(repo.state_dir / "damaged") is not None:
        says = "a damaged stub has been added to git"
        yield Check("stubs", Verdict.NOTE, says, "git mlvc status")


def _age_s(path: Path) -> float | None:
    try:
        return max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError:
        return None

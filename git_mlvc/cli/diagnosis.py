"""What `git mlvc doctor` looks at: whether git, as any GUI would start it, can run our filter and hooks.

Each check is tried for real where that changes nothing: the filter is run by git from an empty
environment, on content that stores nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from git_mlvc.errors import MlvcError
from git_mlvc.git import config
from git_mlvc.git.process import Git
from git_mlvc.git.repository import version
from git_mlvc.hooks import config_hooks, hook_files, install, shim
from git_mlvc.settings import without_secrets
from git_mlvc.workspace import Workspace

OLDEST_GIT = (2, 27)
_PROBE = ".git-mlvc-doctor-probe"
_INSTALL = "git mlvc install"
_INSTALL_LOCAL = "git mlvc install --local"


class Verdict(Enum):
    """How a check ended; UNKNOWN is not a fault, but nothing is proved."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding; `mend` is the command that settles it."""

    name: str
    verdict: Verdict
    says: str
    mend: str = ""


def diagnose(git: Git, workspace: Workspace | None) -> Iterator[Check]:
    """Yield every finding, cheapest first. `workspace` is None outside of a repository."""
    yield _git_version(git)
    yield _on_path(git)
    settings = config.read(git)
    yield from _filter(git, settings)
    if workspace is None:
        return
    yield from _hooks(workspace)
    yield from _other_tools(workspace)
    yield from _data(workspace)


def _git_version(git: Git) -> Check:
    found = version(git)
    text = ".".join(map(str, found))
    if found < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        return Check("git", Verdict.BAD, f"version {text} is older than {oldest}", "upgrade git")
    return Check("git", Verdict.OK, f"version {text}")


def _on_path(git: Git) -> Check:
    found = shutil.which("git-mlvc", path=git.env.get("PATH"))
    if found is None:
        mend = "put the directory of git-mlvc on PATH, or run install.sh"
        return Check("command", Verdict.BAD, "git does not find `git mlvc` on PATH", mend)
    return Check("command", Verdict.OK, f"`git mlvc` is {found}")


def _filter(git: Git, settings: dict[str, list[str]]) -> Iterator[Check]:
    process = config.last(settings, "filter.mlvc.process")
    if process is None:
        yield Check("filter", Verdict.BAD, "git does not know the filter", _INSTALL)
        return
    program = shim.program_of(process)
    if not os.path.isabs(program):
        says = f"{program} is not an absolute path; programs with another PATH cannot run it"
        yield Check("filter", Verdict.BAD, says, _INSTALL)
        return
    if config.last(settings, "filter.mlvc.required") != "true":
        says = "filter.mlvc.required is not true; git would commit raw content after a failure"
        yield Check("filter", Verdict.BAD, says, _INSTALL)
        return
    trouble = _filter_fails(git, settings)
    if trouble:
        yield Check("filter", Verdict.BAD, f"does not run: {trouble}", _INSTALL)
    else:
        says = f"{program} cleans and smudges from an empty environment"
        yield Check("filter", Verdict.OK, says)


def _filter_fails(git: Git, settings: dict[str, list[str]]) -> str:
    """Let git run the filter with nothing in the environment; return what went wrong."""
    program = shutil.which(git.program, path=git.env.get("PATH")) or git.program
    bare = Git(git.cwd, env={}, program=program)
    given = []
    for key in ("process", "clean", "smudge", "required"):
        value = config.last(settings, f"filter.mlvc.{key}")
        if value is not None:
            given += ["-c", f"filter.mlvc.{key}={value}"]
    with _probe_attributes() as attributes:
        given += ["-c", f"core.attributesFile={attributes}"]
        cleaned = bare.run(*given, "hash-object", f"--path={_PROBE}", "--stdin", check=False)
        if cleaned.returncode != 0:
            return _last_line(cleaned.stderr)
        empty = cleaned.stdout.decode("ascii").strip()
        smudged = bare.run(*given, "cat-file", "--filters", f"--path={_PROBE}", empty, check=False)
        if smudged.returncode != 0:
            return _last_line(smudged.stderr)
    return ""


@contextmanager
def _probe_attributes() -> Iterator[str]:
    """A file of attributes by which the probe's path goes through the filter."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", prefix="git-mlvc-", suffix=".attributes") as file:
        file.write(f"{_PROBE} filter=mlvc\n")
        file.flush()
        yield file.name


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "git gave no reason"


def _hooks(workspace: Workspace) -> Iterator[Check]:
    repo, git = workspace.repository, workspace.git
    if repo.worktree is None:
        yield Check("hooks", Verdict.OK, "a bare repository needs none")
        return
    by_config = version(git) >= config_hooks.SINCE
    directory = config_hooks.directory(repo.common_dir) if by_config else repo.hooks_dir(git)
    missing = []
    for name in shim.HOOKS:
        works = (
            config_hooks.runs(workspace.config, repo.common_dir, name)
            if by_config
            else hook_files.runs(directory, name)
        )
        if not works:
            missing.append(name)
    if missing:
        mend = (
            _INSTALL_LOCAL if install.is_own(repo, directory) else install.mending(repo, directory)
        )
        says = f"not installed or not runnable in {directory}: {', '.join(missing)}"
        yield Check("hooks", Verdict.BAD, says, mend)
    else:
        says = f"{len(shim.HOOKS)} in {directory}"
        yield Check("hooks", Verdict.OK, says)
    yield _hook_program(directory, git)


def _hook_program(directory: Path, git: Git) -> Check:
    """Start the program the hooks name, with nothing in the environment."""
    try:
        program = shim.program_in((directory / shim.HOOKS[0]).read_bytes())
    except OSError:
        program = None
    if program is None:
        return Check("hook program", Verdict.UNKNOWN, "no hook of ours names one", _INSTALL_LOCAL)
    git_program = shutil.which(git.program, path=git.env.get("PATH")) or git.program
    bare = Git(git.cwd, env={}, program=git_program)
    alias = f"alias.mlvc-probe=!{shim.quote(program)} version"
    done = bare.run("-c", alias, "mlvc-probe", check=False)
    if done.returncode != 0:
        return Check("hook program", Verdict.BAD, _last_line(done.stderr), _INSTALL_LOCAL)
    said = done.stdout.decode("utf-8", "replace").strip()
    return Check("hook program", Verdict.OK, f"{program} runs from an empty environment ({said})")


def _other_tools(workspace: Workspace) -> Iterator[Check]:
    repo = workspace.repository
    top = repo.worktree
    hooks_path = config.last(workspace.config, "core.hookspath")
    if hooks_path:
        yield Check("core.hooksPath", Verdict.NOTE, f"leads git to {hooks_path}")
    if top is not None and (top / ".husky").is_dir():
        says = "husky is here; it sets core.hooksPath when packages are installed"
        yield Check("husky", Verdict.NOTE, says, "after its installation: git mlvc install --local")
    if top is not None and (top / ".pre-commit-config.yaml").exists():
        says = "the pre-commit tool is here; its hooks and ours run one after the other"
        yield Check("pre-commit", Verdict.NOTE, says)
    for key in ("filter.mlvc.process", "filter.mlvc.clean"):
        values = workspace.config.get(key, [])
        if len(set(values)) > 1:
            says = f"{key} is set to different programs; the last one counts: {values[-1]}"
            yield Check("settings", Verdict.NOTE, says, _INSTALL_LOCAL)


def _data(workspace: Workspace) -> Iterator[Check]:
    try:
        places = workspace.reading_places()
        settings = workspace.settings
    except MlvcError as failure:
        yield Check("settings", Verdict.BAD, str(failure), failure.hint)
        return
    for place in places:
        if not workspace.is_trusted(place):
            says = f"came with the repository and is not contacted: {without_secrets(place.url)}"
            mend = f"git mlvc remote trust {place.name}"
            yield Check(f"remote {place.name}", Verdict.NOTE, says, mend)
    if not places:
        says = "no place for data beside this clone"
        yield Check("remotes", Verdict.NOTE, says, "git mlvc remote add NAME URL --default")
    if settings.skip_smudge:
        yield Check("checkout", Verdict.NOTE, "leaves stubs on purpose", "git mlvc pull")
    try:
        packs = workspace.store.packs()
    except MlvcError as failure:
        yield Check("store", Verdict.BAD, str(failure), failure.hint or "git mlvc fsck")
        return
    yield Check("store", Verdict.OK, f"{len(packs)} packs in {workspace.store_path}")

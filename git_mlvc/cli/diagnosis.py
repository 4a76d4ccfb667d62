"""What `git mlvc doctor` looks at: whether git, as any GUI would start it, can run our filter and hooks.

The filter and each hook are tried for real, from an empty environment, in a repository made for it; the
user's own is only looked at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from git_mlvc.errors import GitError, MlvcError
from git_mlvc.git import config
from git_mlvc.git.process import Git
from git_mlvc.git.repository import version
from git_mlvc.hooks import checks, shim
from git_mlvc.hooks.checks import Check, Verdict
from git_mlvc.settings import without_secrets
from git_mlvc.workspace import Workspace

OLDEST_GIT = (2, 27)
_PROBE = "probe.bin"
_CONTENT = b"git-mlvc doctor was here\n" * 20
_INSTALL = "git mlvc install"
_INSTALL_LOCAL = "git mlvc install --local"


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
    """Let git run the filter with nothing in the environment; return what went wrong.

    In a repository made for it: content is cleaned, stored and smudged back.
    """
    import tempfile

    program = shutil.which(git.program, path=git.env.get("PATH")) or git.program
    given = []
    for key in ("process", "clean", "smudge", "required"):
        value = config.last(settings, f"filter.mlvc.{key}")
        if value is not None:
            given += ["-c", f"filter.mlvc.{key}={value.replace(' --skip-smudge', '')}"]
    with tempfile.TemporaryDirectory(prefix="git-mlvc-") as made:
        top = Path(made)
        bare = Git(top, env={}, program=program)
        (top / ".gitattributes").write_text(f"{_PROBE} filter=mlvc\n")
        try:
            bare.run("init", "-q", "--template=", ".")
            asked = (*given, "hash-object", "-w", f"--path={_PROBE}", "--stdin")
            blob = bare.run(*asked, input=_CONTENT).stdout.decode("ascii").strip()
            smudged = bare.run(*given, "cat-file", "--filters", f"--path={_PROBE}", blob)
        except GitError as failure:
            return _last_line(failure.stderr)
    return "" if smudged.stdout == _CONTENT else "what went in did not come out again"


def _last_line(stderr: str) -> str:
    lines = stderr.strip().splitlines()
    return lines[-1] if lines else "git gave no reason"


def _hooks(workspace: Workspace) -> Iterator[Check]:
    repo, git = workspace.repository, workspace.git
    if repo.worktree is None:
        yield Check("hooks", Verdict.OK, "a bare repository needs none")
        return
    yield from checks.hooks(repo, git, git_version=version(git))


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
    yield from checks.surroundings(workspace.repository, workspace.git, settings)
    if settings.skip_smudge:
        yield Check("checkout", Verdict.NOTE, "leaves stubs on purpose", "git mlvc pull")
    try:
        packs = workspace.store.packs()
    except MlvcError as failure:
        yield Check("store", Verdict.BAD, str(failure), failure.hint or "git mlvc fsck")
        return
    yield Check("store", Verdict.OK, f"{len(packs)} packs in {workspace.store_path}")

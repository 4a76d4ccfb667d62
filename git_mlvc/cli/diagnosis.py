"""What `git mlvc doctor` looks at: whether git, as any GUI would start it, can run our filter and hooks.

Filter and hooks are tried for real, from an empty environment, in a repository made for it. What concerns
the hooks is found out by `hooks/checks.py`.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.git import attributes, config
from git_mlvc.git.objects import as_path
from git_mlvc.git.process import Git
from git_mlvc.git.repository import version
from git_mlvc.hooks import checks, shim
from git_mlvc.hooks.checks import Check, Verdict
from git_mlvc.pipeline.lock_files.locks import MERGE_DRIVER
from git_mlvc.settings import without_secrets
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.workspace import Workspace

OLDEST_GIT = (2, 27)
_PROBE = "probe.bin"
_CONTENT = b"git mlvc doctor\n" * 5000  # several packets
_INSTALL = "git mlvc install"
_INSTALL_LOCAL = "git mlvc install --local"


def diagnose(git: Git, workspace: Workspace | None) -> Iterator[Check]:
    """Yield every finding. `workspace` is None outside of a repository."""
    found = version(git)
    yield _git_version(found)
    yield _on_path(git)
    settings = config.read(git)
    yield from _filter(git, settings)
    if workspace is None:
        return
    repo = workspace.repository
    if repo.worktree is None:
        yield Check("hooks", Verdict.OK, "a bare repository needs none")
    else:
        yield from checks.hooks(repo, workspace.git, git_version=found)
    yield from _other_tools(workspace)
    yield from _lock_files(workspace, settings)
    yield from _data(workspace)


def _git_version(found: tuple[int, ...]) -> Check:
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


# -- the filter


def _filter(git: Git, settings: Mapping[str, Sequence[str]]) -> Iterator[Check]:
    process = config.last(settings, "filter.mlvc.process")
    if process is None:
        yield Check("filter", Verdict.BAD, "git does not know the filter", _INSTALL)
        return
    program = shim.program_of(process)
    if not os.path.isabs(program):
        says = f"{program} is not an absolute path; programs with another PATH cannot run it"
        yield Check("filter", Verdict.BAD, says, _INSTALL)
    elif config.last(settings, "filter.mlvc.required") != "true":
        says = "filter.mlvc.required is not true: after a failure git would commit raw content"
        yield Check("filter", Verdict.BAD, says, _INSTALL)
    else:
        trouble = _filter_fails(git, settings)
        if trouble:
            yield Check("filter", Verdict.BAD, f"does not work: {trouble}", _INSTALL)
        else:
            says = f"{program} cleans and smudges from an empty environment"
            yield Check("filter", Verdict.OK, says)
    for key in ("filter.mlvc.process", "filter.mlvc.clean"):
        values = settings.get(key, [])
        if len(set(values)) > 1:
            says = f"{key} is set to different programs; this one counts: {values[-1]}"
            yield Check("settings", Verdict.NOTE, says, _INSTALL_LOCAL)


def _filter_fails(git: Git, settings: Mapping[str, Sequence[str]]) -> str:
    """Let git clean and smudge with nothing in the environment; return what went wrong."""
    import tempfile

    program = shutil.which(git.program, path=git.env.get("PATH")) or git.program
    given = []
    for key in ("process", "clean", "smudge", "required"):
        value = config.last(settings, f"filter.mlvc.{key}")
        if value is not None:
            given += ["-c", f"filter.mlvc.{key}={value.replace(' --skip-smudge', '')}"]
    with tempfile.TemporaryDirectory(prefix="git-mlvc-") as made:
        bare = Git(Path(made), env={}, program=program)
        try:
            bare.run("init", "-q", "--bare", "--template=", ".")
            (Path(made) / "info").mkdir()
            (Path(made) / "info" / "attributes").write_text(f"{_PROBE} filter=mlvc\n")
            words = ("hash-object", "-w", f"--path={_PROBE}", "--stdin")
            name = bare.run(*given, *words, input=_CONTENT).stdout.decode("ascii").strip()
            stored = bare.run("cat-file", "blob", name).stdout
            words = ("cat-file", "--filters", f"--path={_PROBE}", name)
            given_back = bare.run(*given, *words).stdout
        except MlvcError as failure:
            lines = failure.why.strip().splitlines()
            return lines[-1] if lines else failure.what
    if stored == _CONTENT:
        return "git stored the content itself and no pointer"
    return "" if given_back == _CONTENT else "what came back is not what went in"


# -- around them


def _other_tools(workspace: Workspace) -> Iterator[Check]:
    top = workspace.repository.worktree
    hooks_path = config.last(workspace.config, "core.hookspath")
    if hooks_path:
        yield Check("core.hooksPath", Verdict.NOTE, f"leads git to {hooks_path}")
    if top is not None and (top / ".husky").is_dir():
        says = "is here, and sets core.hooksPath when its packages are installed"
        yield Check("husky", Verdict.NOTE, says, f"after that: {_INSTALL_LOCAL}")
    if top is not None and (top / ".pre-commit-config.yaml").exists():
        says = "is here; its hooks and ours run one after the other"
        yield Check("pre-commit", Verdict.NOTE, says)


def _lock_files(workspace: Workspace, settings: Mapping[str, Sequence[str]]) -> Iterator[Check]:
    """Whether `mlvc.lock` is merged stage by stage: git knows the driver, and an attribute names it."""
    repo = workspace.repository
    listed = repo.git.records("ls-files", "-z", "--", "mlvc.lock", "**/mlvc.lock")
    tracked = [path for path in map(as_path, listed) if path is not None]
    if not tracked:
        return
    if config.last(settings, f"merge.{MERGE_DRIVER}.driver") is None:
        says = f"git does not know the driver that merges {count_text(len(tracked), 'lock file')}"
        yield Check("merging", Verdict.BAD, says, _INSTALL)
    for path, values in attributes.check(repo.git, tracked, ("merge",)):
        if values["merge"] != MERGE_DRIVER:
            says = f"git merges {path} as text: no attribute names the driver for it"
            mend = f"add this line to .gitattributes: mlvc.lock merge={MERGE_DRIVER}"
            yield Check("merging", Verdict.NOTE, says, mend)


def _data(workspace: Workspace) -> Iterator[Check]:
    try:
        settings = workspace.settings
    except MlvcError as failure:
        yield Check("settings", Verdict.BAD, str(failure), failure.hint)
        return
    yield from checks.surroundings(workspace.repository, workspace.git, settings)
    yield from _remotes(workspace)
    if settings.skip_smudge:
        yield Check("checkout", Verdict.NOTE, "leaves stubs on purpose", "git mlvc pull")
    try:
        packs = workspace.store.packs()
    except MlvcError as failure:
        yield Check("store", Verdict.BAD, str(failure), failure.hint or "git mlvc fsck")
        return
    yield Check("store", Verdict.OK, f"{count_text(len(packs), 'pack')} in {workspace.store_path}")


def _remotes(workspace: Workspace) -> Iterator[Check]:
    """What is wrong with definitions; none of them is contacted."""
    settings, places = workspace.settings, workspace.places
    try:
        found = places.for_reading()
    except MlvcError as failure:
        yield Check("remotes", Verdict.BAD, str(failure), failure.hint)
        found = list(settings.remotes.values())
    for place in found:
        problem = places.problem(place)
        if problem is not None:
            yield Check(f"remote {place.name}", Verdict.BAD, str(problem), problem.hint)
        elif not places.is_trusted(place):
            says = f"came with the repository, is not contacted: {without_secrets(place.url)}"
            mend = f"git mlvc remote trust {shlex.quote(place.name)}"
            yield Check(f"remote {place.name}", Verdict.NOTE, says, mend)
    for route in settings.routes:
        if not places.knows(route.remote):
            says = f"the data of {route.pattern} belongs there, and it is not defined"
            mend = f"git mlvc remote add {shlex.quote(route.remote)} URL"
            yield Check(f"remote {route.remote}", Verdict.BAD, says, mend)
    if not found:
        says = "there is none: all data is in this clone only"
        yield Check("remotes", Verdict.NOTE, says, "git mlvc remote add NAME URL --default")

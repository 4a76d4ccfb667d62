"""Installing: the filter into git's configuration, the hooks into one repository; and taking both out.

Every function can be run twice, takes out exactly what was put in, copes with half of it being there,
and returns a `Report` that says what it did.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.fs.atomic import Permissions
from git_mlvc.hooks import hook_files, install_state, shim
from git_mlvc.hooks.install_state import Choice, Installed
from git_mlvc.values import value_class

if TYPE_CHECKING:
    from git_mlvc.git.process import Git
    from git_mlvc.git.repository import Repository

FIRST = "post-index-change"  # fires after every command that may leave a stub
_UMASK = Permissions()


@value_class
class Report:
    """What was done, one line each for people; `conflicts` are things only the user can settle."""

    lines: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    def __add__(self, other: Report) -> Report:
        return Report(self.lines + other.lines, self.conflicts + other.conflicts)


def filter_settings(launcher: str, *, skip_smudge: bool = False) -> dict[str, str]:
    """Return git's configuration for the filter and the merge driver.

    `launcher`: absolute shell words. Git expands `%` in all of these but `process`.
    """
    expanded = launcher.replace("%", "%%")
    skip = " --skip-smudge" if skip_smudge else ""
    return {
        "filter.mlvc.process": f"{launcher} filter-process{skip}",
        "filter.mlvc.clean": f"{expanded} clean -- %f",
        "filter.mlvc.smudge": f"{expanded} smudge{skip} -- %f",
        "filter.mlvc.required": "true",
        "merge.mlvc.name": "git-mlvc: pointers by their oid, all else as git merges text",
        "merge.mlvc.driver": f"{expanded} merge-driver %O %A %B %L %P %S %X %Y",
    }


# -- all repositories of one user


def install_global(git: Git, launcher: str, *, skip_smudge: bool = False) -> Report:
    """Tell git of the filter, for all repositories of this user. Touches no repository.

    Raises GitError when the user's configuration cannot be written.
    """
    wanted = filter_settings(launcher, skip_smudge=skip_smudge)
    return _put_settings(_outside(git), wanted, "global")


def uninstall_global(git: Git) -> Report:
    """Take out what `install_global` put in. Raises GitError."""
    return _take_settings(_outside(git), "global")


# -- one repository


def install_local(
    repo: Repository,
    git: Git,
    launcher: str,
    *,
    skip_smudge: bool = False,
    shared_hooks: bool = False,
    git_version: tuple[int, ...] | None = None,
    permissions: Permissions = _UMASK,
) -> Report:
    """Tell git of the filter and of the hooks, for this repository only.

    A hooks directory that is not the repository's own (`core.hooksPath` leads into the worktree, or to a
    place shared by several repositories) is written to only with `shared_hooks`; without, it is a
    conflict. `git_version`: when the caller knows it. Raises GitError, InputError.
    """
    wanted = filter_settings(launcher, skip_smudge=skip_smudge)
    report = _put_settings(git, wanted, "local")
    return report + _put_hooks(repo, git, launcher, shared_hooks, git_version, permissions)


def uninstall_local(repo: Repository, git: Git, *, permissions: Permissions = _UMASK) -> Report:
    """Take out what `install_local` put in, and remember it: the filter will not bring it back.

    Raises GitError, InputError.
    """
    from git_mlvc.hooks import config_hooks

    report = _take_settings(git, "local")
    try:
        lines = _take_hook_files(repo, git)
        if config_hooks.take_out(git, repo.common_dir):
            lines += ("hooks: removed from this repository's git configuration",)
        install_state.write(repo.common_dir, Installed(Choice.DECLINED), permissions)
    except OSError as exc:
        raise _cannot("take the hooks out", exc) from exc
    return report + Report(lines)


def ensure_installed(
    repo: Repository, git: Git, launcher: str, environment: Mapping[str, str]
) -> Report:
    """Install the hooks if this repository lacks them; for the filter, each time it starts.

    When all is well this reads a few small files and starts nothing. Does nothing where the user has said
    no, in bare repositories, and while `git clone` guards against hooks that appear during it. Never
    raises: a repository without our hooks is served inline.
    """
    if repo.worktree is None or environment.get("GIT_CLONE_PROTECTION_ACTIVE"):
        return Report()
    state = install_state.read(repo.common_dir)
    try:
        if state is not None and _is_settled(repo, git, state, launcher):
            return Report()
        # Where files are they stay, so that an older git on the same machine (a GUI's own) finds them.
        version = (0,) if state is not None and state.choice is Choice.FILES else None
        return _put_hooks(repo, git, launcher, False, version, _UMASK)
    except (MlvcError, OSError):
        return Report()


def verified(repo: Repository, git: Git, *, git_version: tuple[int, ...] | None = None) -> bool:
    """True if the git that runs now will run our post-index-change shim after this command.

    Asks git, with the environment we were started with, so that `-c core.hooksPath=…` counts. Never
    raises: what cannot be settled is not verified.
    """
    try:
        if hook_files.runs(hooks_directory(repo, git), FIRST):
            return True
        if not (repo.common_dir / "mlvc" / "hooks" / FIRST).exists():
            return False
        from git_mlvc.git import config
        from git_mlvc.hooks import config_hooks

        return _version(git, git_version) >= config_hooks.SINCE and config_hooks.runs(
            config.read(git), repo.common_dir, FIRST
        )
    except (MlvcError, OSError):
        return False


def hooks_directory(repo: Repository, git: Git) -> Path:
    """Return where git looks for hook files. A relative core.hooksPath starts where hooks start."""
    return repo.hooks_dir(git if git.cwd == repo.top else repo.git)


def is_own(repo: Repository, directory: Path) -> bool:
    """True if hooks in `directory` are this repository's alone and not tracked by it."""
    return Path(os.path.realpath(directory)).is_relative_to(os.path.realpath(repo.common_dir))


def mending(repo: Repository, directory: Path) -> str:
    """Return the command that settles a hooks directory which is not the repository's own."""
    if repo.worktree is not None and Path(os.path.realpath(directory)).is_relative_to(
        os.path.realpath(repo.worktree)
    ):
        return "git mlvc install --local --shared-hooks  (then commit the hooks, or ignore them)"
    return "git mlvc install --local --shared-hooks"


# -- hooks


def _put_hooks(
    repo: Repository,
    git: Git,
    launcher: str,
    shared_hooks: bool,
    git_version: tuple[int, ...] | None,
    permissions: Permissions,
) -> Report:
    from git_mlvc.hooks import config_hooks

    try:
        if _version(git, git_version) >= config_hooks.SINCE:
            changed = config_hooks.put(git, repo.common_dir, launcher, permissions)
            lines = _take_hook_files(repo, git, keep=FIRST)
            changed = _put_first(repo, git, launcher, permissions) or changed
            folder = config_hooks.directory(repo.common_dir)
            state = Installed(Choice.CONFIG, launcher, str(folder))
            said = "written to this repository's git configuration" if changed else "as they were"
            report = Report((*lines, f"hooks: {said}"))
        else:
            directory = hooks_directory(repo, git)
            if not shared_hooks and not is_own(repo, directory):
                report = Report(conflicts=(_conflict(repo, directory),))
                state = Installed(Choice.CONFLICT, launcher, str(directory))
            else:
                config_hooks.take_out(git, repo.common_dir)
                report = _put_hook_files(directory, launcher, permissions)
                state = Installed(Choice.FILES, launcher, str(directory))
        if install_state.read(repo.common_dir) != state:
            install_state.write(repo.common_dir, state, permissions)
    except OSError as exc:
        raise _cannot("install the hooks", exc) from exc
    return report


def _put_first(repo: Repository, git: Git, launcher: str, permissions: Permissions) -> bool:
    """Put the one hook that must work at once also into a file: a git that runs already (`git clone`,
    whose filter we are) has read its configuration. Run twice, it finds nothing to do the second time.
    """
    from git_mlvc.fs.atomic import make_dirs

    directory = hooks_directory(repo, git)
    if not is_own(repo, directory):
        return False
    make_dirs(directory, permissions)
    return bool(hook_files.put(directory, FIRST, launcher))


def _put_hook_files(directory: Path, launcher: str, permissions: Permissions) -> Report:
    from git_mlvc.fs.atomic import make_dirs

    make_dirs(directory, permissions)
    said = [hook_files.put(directory, name, launcher) for name in shim.HOOKS]
    done = [line for line in said if line]
    if not done:
        return Report((f"hooks: as they were, in {directory}",))
    installed = [line for line in done if line.endswith(": installed")]
    rest = [f"hook {line}" for line in done if line not in installed]
    if installed:
        names = ", ".join(line.removesuffix(": installed") for line in installed)
        rest.insert(0, f"hooks: installed in {directory}: {names}")
    return Report(tuple(rest))


def _take_hook_files(repo: Repository, git: Git, keep: str = "") -> tuple[str, ...]:
    """Take ours out of where git looks, of where it would look by default, and of where we put them."""
    directories = [repo.common_dir / "hooks", hooks_directory(repo, git)]
    state = install_state.read(repo.common_dir)
    if state is not None and state.directory and state.choice is Choice.FILES:
        directories.append(Path(state.directory))
    lines = []
    for directory in dict.fromkeys(directories):
        for name in shim.HOOKS:
            line = hook_files.take_out(directory, name) if name != keep else ""
            if line:
                lines.append(f"hook {line}")
    return tuple(lines)


def _conflict(repo: Repository, directory: Path) -> str:
    return (
        f"hooks: not installed; core.hooksPath leads git to {directory}, which is not this repository's"
        f" own. To have them there: {mending(repo, directory)}"
    )


def _is_settled(repo: Repository, git: Git, state: Installed, launcher: str) -> bool:
    """True if there is nothing to mend. Starts git only for config hooks (it may be an older git now)
    and after a conflict (it may be gone)."""
    if state.choice is Choice.DECLINED:
        return True
    if state.choice is Choice.CONFLICT:
        return not is_own(repo, hooks_directory(repo, git))
    if state.launcher != launcher and os.access(shim.program_of(state.launcher or "?"), os.X_OK):
        # Two installations of git-mlvc take turns; the one that was there first keeps the hooks.
        launcher = state.launcher
    if state.choice is Choice.FILES:
        directory = Path(state.directory)
        return all(hook_files.is_current(directory, name, launcher) for name in shim.HOOKS)
    from git_mlvc.hooks import config_hooks

    folder = config_hooks.directory(repo.common_dir)
    current = all(hook_files.is_current(folder, name, launcher) for name in shim.HOOKS)
    # The configuration holds absolute paths: a repository that has been moved needs new ones.
    return current and state.directory == str(folder) and _version(git, None) >= config_hooks.SINCE


def _version(git: Git, known: tuple[int, ...] | None) -> tuple[int, ...]:
    if known is not None:
        return known
    from git_mlvc.git.repository import version

    return version(git)


# -- settings


def _put_settings(git: Git, wanted: Mapping[str, str], scope: str) -> Report:
    from git_mlvc.git import config

    where = _where(scope)
    present = config.read(git, scope)
    missing = {key: value for key, value in wanted.items() if present.get(key) != [value]}
    for key, value in missing.items():
        config.set_value(git, key, value, scope=scope)
    if not missing:
        return Report((f"filter: as it was, in {where}",))
    return Report((f"filter: written to {where}",))


def _take_settings(git: Git, scope: str) -> Report:
    from git_mlvc.git import config

    present = config.read(git, scope)
    removed = [
        key for key in filter_settings("") if key in present and config.unset(git, key, scope=scope)
    ]
    where = _where(scope)
    if not removed:
        return Report((f"filter: was not in {where}",))
    return Report((f"filter: removed from {where}",))


def _where(scope: str) -> str:
    return "your git configuration" if scope == "global" else "this repository's git configuration"


def _outside(git: Git) -> Git:
    """Git for the user's own configuration: whatever repository is around does not matter."""
    return git.at(Path(os.sep), clean=True)


def _cannot(what: str, exc: OSError) -> MlvcError:
    where = os.fsdecode(exc.filename) if exc.filename else "the repository"
    return InputError(
        f"cannot {what}", why=f"{where}: {exc.strerror}", hint="check who may write there"
    )

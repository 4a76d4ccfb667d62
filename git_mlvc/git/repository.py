"""Where a repository keeps its things: git dir, common dir, worktree, index.

Filter and hooks start here, so the usual layouts are found by looking at files, as git does it
(setup.c), and no process is started. What cannot be settled that way is asked of `git rev-parse`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, UsageError
from git_mlvc.values import field, value_class

if TYPE_CHECKING:
    from git_mlvc.git.process import Git

_VERSION = re.compile(r"git version (\d+)\.(\d+)(?:\.(\d+))?")
_SEQUENCER_DIRS = ("rebase-merge", "rebase-apply", "sequencer")
_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)\s*(?:"(?:[^"\\]|\\.)*")?\s*\]')
_TRUE = {"true", "yes", "on", "1"}


@value_class(slots=False)
class Repository:
    """The paths of one worktree (or bare repository). All absolute.

    `git_dir` is the worktree's own; `common_dir` is shared by all worktrees of a clone; `worktree` is
    None when there are no files to look at. `index_path` honours GIT_INDEX_FILE, which git sets to a
    temporary index during stash and partial commits.
    """

    git_dir: Path
    common_dir: Path
    worktree: Path | None
    index_path: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def discover(cls, cwd: Path, env: Mapping[str, str]) -> Repository:
        """Find the repository that git would use in `cwd`. Raises UsageError when there is none."""
        cwd = Path(os.path.abspath(cwd))
        found = _explicit(cwd, env) if env.get("GIT_DIR") else _walk_up(cwd, env)
        if found is None:
            raise UsageError(
                f"{cwd} is not inside a git repository", hint="git init, or change directory"
            )
        git_dir, worktree = found
        common_dir = _common_dir(git_dir, cwd, env)
        index = env.get("GIT_INDEX_FILE")
        index_path = _join(worktree or cwd, index) if index else git_dir / "index"
        return cls(git_dir, common_dir, worktree, index_path, env)

    @cached_property
    def git(self) -> Git:
        """Git run at the top, so that paths it takes and gives are those of the repository."""
        from git_mlvc.git.process import Git

        env = dict(self.env)
        if env.get("GIT_DIR"):  # relative ones meant the directory we were started in
            env["GIT_DIR"] = str(self.git_dir)
            if self.worktree is not None:
                env["GIT_WORK_TREE"] = str(self.worktree)
        elif env.get("GIT_WORK_TREE"):
            env["GIT_WORK_TREE"] = str(self.top)
        if env.get("GIT_COMMON_DIR"):
            env["GIT_COMMON_DIR"] = str(self.common_dir)
        if env.get("GIT_INDEX_FILE"):
            env["GIT_INDEX_FILE"] = str(self.index_path)
        env.pop("GIT_PREFIX", None)
        return Git(self.top if self.worktree else self.git_dir, env=env)

    @property
    def state_dir(self) -> Path:
        """Where we keep what concerns this worktree only."""
        return self.git_dir / "mlvc"

    @property
    def top(self) -> Path:
        """The worktree, or for bare repositories the repository itself."""
        return self.worktree or self.common_dir

    def needed_worktree(self, refusal: str) -> Path:
        """Return the worktree. Raises InputError with `refusal` where there is none to be seen."""
        if self.worktree is not None:
            return self.worktree
        if self.git_dir.name == ".git":
            raise InputError(
                refusal,
                why=f"{self.git_dir} is the inside of a repository, not its worktree",
                hint=f"cd {shlex.quote(str(self.git_dir.parent))}",
            )
        raise InputError(refusal, why="a bare repository has no worktree")

    @cached_property
    def object_format(self) -> str:
        """The hash that names git's objects: "sha1" or "sha256"."""
        return _quick_config(self.common_dir / "config").get("extensions.objectformat", "sha1")

    @property
    def hash_size(self) -> int:
        """Bytes of an object name."""
        return 32 if self.object_format == "sha256" else 20

    def is_sequencing(self) -> bool:
        """True while a rebase, am, cherry-pick or revert of several commits is under way."""
        git_dir = str(self.git_dir)
        return any(os.path.isdir(os.path.join(git_dir, name)) for name in _SEQUENCER_DIRS)

    def is_partial(self) -> bool:
        """True if objects may be promised by a remote and not be here (partial clone)."""
        try:
            names = os.listdir(self.common_dir / "objects" / "pack")
        except OSError:
            return False
        return any(name.endswith(".promisor") for name in names)

    def hooks_dir(self, git: Git) -> Path:
        """Return the directory in which git will look for hooks (`core.hooksPath`, `-c` included)."""
        shown = git.run("rev-parse", "--git-path", "hooks").stdout
        raw = shown.removesuffix(b"\n").decode("utf-8", "surrogateescape")
        return _join(Path(os.path.abspath(git.cwd or Path.cwd())), raw)


def version(git: Git) -> tuple[int, ...]:
    """Return git's version, e.g. (2, 39, 5); (0, 0, 0) if it does not say."""
    found = _VERSION.match(git.text("version"))
    return tuple(int(part or 0) for part in found.groups()) if found else (0, 0, 0)


def _join(base: Path, raw: str) -> Path:
    return Path(os.path.normpath(os.path.join(base, raw)))


def _explicit(cwd: Path, env: Mapping[str, str]) -> tuple[Path, Path | None] | None:
    """GIT_DIR is set: the worktree is GIT_WORK_TREE, core.worktree, or the current directory."""
    git_dir = _join(cwd, env["GIT_DIR"])
    git_dir = _read_gitfile(git_dir) or git_dir
    if not _is_git_dir(git_dir, _common_dir(git_dir, cwd, env), env):
        return None
    return git_dir, _worktree(git_dir, cwd, env, implicit=cwd)


def _walk_up(cwd: Path, env: Mapping[str, str]) -> tuple[Path, Path | None] | None:
    try:
        device = os.stat(cwd).st_dev
    except OSError:
        return None
    ceilings = _ceilings(env)
    across = env.get("GIT_DISCOVERY_ACROSS_FILESYSTEM", "").lower() in _TRUE
    here = str(cwd)
    while True:
        dot_git = Path(here, ".git")
        linked = _read_gitfile(dot_git)
        git_dir = linked or dot_git
        if _is_git_dir(git_dir, _common_dir(git_dir, cwd, env), env):
            return git_dir, _worktree(git_dir, cwd, env, implicit=Path(here))
        bare = Path(here)
        if _is_git_dir(bare, _common_dir(bare, cwd, env), env):
            return bare, _worktree(bare, cwd, env, implicit=None)
        parent = os.path.dirname(here)
        if parent == here or parent in ceilings:
            return None
        if not across and os.stat(parent).st_dev != device:
            return None
        here = parent


def _ceilings(env: Mapping[str, str]) -> set[str]:
    raw = env.get("GIT_CEILING_DIRECTORIES", "")
    return {os.path.realpath(part) for part in raw.split(os.pathsep) if os.path.isabs(part)} | {
        os.path.normpath(part) for part in raw.split(os.pathsep) if os.path.isabs(part)
    }


def _is_git_dir(path: Path, common: Path, env: Mapping[str, str]) -> bool:
    """As git's is_git_directory: a HEAD, a place for objects, a place for refs."""
    if not os.path.lexists(path / "HEAD"):
        return False
    objects = env.get("GIT_OBJECT_DIRECTORY") or str(common / "objects")
    return os.path.isdir(objects) and os.path.isdir(common / "refs")


def _read_gitfile(path: Path) -> Path | None:
    """Follow a `.git` file of a submodule or linked worktree."""
    try:
        with open(path, "rb") as file:
            data = file.read(8192)
    except (IsADirectoryError, FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return None
    if not data.startswith(b"gitdir: "):
        return None
    target = os.fsdecode(data[8:].rstrip(b"\r\n"))
    return _join(path.parent, target)


def _common_dir(git_dir: Path, cwd: Path, env: Mapping[str, str]) -> Path:
    if env.get("GIT_COMMON_DIR"):
        return _join(cwd, env["GIT_COMMON_DIR"])
    try:
        with open(git_dir / "commondir", "rb") as file:
            return _join(git_dir, os.fsdecode(file.read(8192).rstrip(b"\r\n")))
    except OSError:
        return git_dir


def _worktree(
    git_dir: Path, cwd: Path, env: Mapping[str, str], *, implicit: Path | None
) -> Path | None:
    if env.get("GIT_WORK_TREE"):
        return _join(cwd, env["GIT_WORK_TREE"])
    common = _common_dir(git_dir, cwd, env)
    settings = _quick_config(common / "config")
    applies = common == git_dir
    if settings.get("extensions.worktreeconfig", "").lower() in _TRUE:
        settings |= _quick_config(git_dir / "config.worktree")
        applies = True
    # In a linked worktree git ignores the main worktree's core.bare and core.worktree.
    if applies:
        if settings.get("core.worktree"):
            return _join(git_dir, settings["core.worktree"])
        if settings.get("core.bare", "").lower() in _TRUE:
            return None
    if env.get("GIT_DIR") and env.get("GIT_IMPLICIT_WORK_TREE", "1").lower() in ("0", "false"):
        return None
    return implicit


def _quick_config(path: Path) -> dict[str, str]:
    """Return the few settings git reads before it knows its repository; includes do not count here.

    Only `[core]` and `[extensions]`; enough of the syntax for what those sections hold.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    section = ""
    for line in lines:
        text = line.strip()
        header = _SECTION.match(text)
        if header is not None:
            section = "" if '"' in header[0] else header[1].lower()
            text = text[header.end() :].strip()
        if section not in ("core", "extensions") or not text or text[0] in "#;":
            continue
        key, equals, value = text.partition("=")
        found[f"{section}.{key.strip().lower()}"] = _config_value(value) if equals else "true"
    return found


def _config_value(raw: str) -> str:
    """Undo quotes, escapes and comments of one configuration value."""
    out: list[str] = []
    kept = 0
    quoted = False
    escaped = False
    for char in raw.lstrip():
        if escaped:
            out.append({"n": "\n", "t": "\t", "b": "\b"}.get(char, char))
            escaped = False
        elif char == "\\":
            escaped = True
            continue
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "#;":
            break
        else:
            out.append(char)
            if not quoted and char.isspace():
                continue
        kept = len(out)
    return "".join(out[:kept])

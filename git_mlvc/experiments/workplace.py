"""Where an experiment is made: a git worktree of its own under the git common dir, gone at the end.

Its HEAD is the baseline, its files those of the snapshot. Data are stubs there: the engine fills what a stage
that runs needs. It shares objects, refs and the store with the user's worktree, and nothing else.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError, InputError, MlvcError, UsageError
from git_mlvc.experiments import claims
from git_mlvc.fs import safe_path
from git_mlvc.git.process import LOCAL_VARIABLES, NO_HOOKS, UNDER_US
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.repro_lock import ReproLock
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.experiments.snapshot import Snapshot

# Without the filter pointers are written as they are: no process is started, no content looked for.
STUBS = (
    *("-c", "filter.mlvc.process=", "-c", "filter.mlvc.smudge=", "-c", "filter.mlvc.clean="),
    *("-c", "filter.mlvc.required=false"),
)
# Settings of the user's for this command, not the repository that it was called in.
_KEPT = frozenset({"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"})


@dataclass(frozen=True, slots=True)
class Workplace:
    """A worktree to run in. `links`: paths in it that lead into the user's own worktree."""

    name: str
    repo: Repository
    links: tuple[RepoPath, ...]


def folder(repo: Repository) -> Path:
    """Return the directory that all workplaces of a clone are in."""
    return claims.home(repo) / "work"


@contextmanager
def opened(
    repo: Repository, name: str, snapshot: Snapshot, links: tuple[str, ...], store: Path | None
) -> Iterator[Workplace]:
    """Give a worktree with the files of the snapshot, under a name that this process has claimed.

    `links`: paths from the top of the user's worktree; one that is not there is left out. `store`: where the data
    is, if not in its usual place. Raises ConfigError for links to what git tracks, GitError.
    """
    place = folder(repo) / name
    try:
        _remove(repo, place)  # what stands there is nobody's: the claim is ours
        place.parent.mkdir(parents=True, exist_ok=True)
        add = ("worktree", "add", "--quiet", "--detach", "--no-checkout")
        repo.git.run(*NO_HOOKS, *add, place, snapshot.baseline, env_extra=UNDER_US)
        own = Repository.discover(place, _environment(repo.env, store))
        own.git.run(
            *NO_HOOKS, *STUBS, "read-tree", "--reset", "-u", snapshot.tree, env_extra=UNDER_US
        )
        yield Workplace(name, own, tuple(_lend(repo, own, links)))
    finally:
        _remove(repo, place)


def sweep(repo: Repository) -> list[str]:
    """Remove what killed processes left; return the names. Never what is somebody's who may live."""
    dead = [name for name in claims.claimed(repo) if not claims.is_held(repo, name)]
    for name in dead:
        _wait_for_guardian(folder(repo) / name, repo.env)
        with claims.locked(repo):
            if not claims.is_held(repo, name):
                _remove(repo, folder(repo) / name)
                claims.release(repo, name)
    return dead


# -- inside


def _environment(env: Mapping[str, str], store: Path | None) -> dict[str, str]:
    kept = {
        name: value for name, value in env.items() if name in _KEPT or name not in LOCAL_VARIABLES
    }
    if store is not None:  # `mlvc.store` may be relative to the top of a worktree
        kept["MLVC_STORE"] = str(store)
    return kept


def _lend(user: Repository, own: Repository, links: tuple[str, ...]) -> Iterator[RepoPath]:
    """Link what git does not track to the user's own."""
    source_top, top = user.needed_worktree(""), own.needed_worktree("")
    for link in links:
        path = RepoPath.parse(link)
        source = source_top / link
        if not os.path.lexists(source):
            continue
        place = safe_path.resolve_inside(top, path)
        with suppress(OSError):
            os.rmdir(place)  # the empty directory of a submodule
        if os.path.lexists(place):
            raise ConfigError(
                f"mlvc.toml: exp.link: git tracks {path}",
                why="what it tracks is there in any case; a link would change the user's own files",
                hint=f"take '{link}' out of [exp] link",
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(source, place, target_is_directory=source.is_dir())
        yield path


def _wait_for_guardian(place: Path, env: Mapping[str, str]) -> None:
    """A killed run's commands are being stopped by somebody who still holds its lock."""
    try:
        own = Repository.discover(place, _environment(env, None))
    except UsageError:
        return  # it was not finished, or half of it is gone already
    if own.worktree == place and own.state_dir.is_dir():
        with suppress(MlvcError), ReproLock(own):
            pass


def _remove(repo: Repository, place: Path) -> None:
    """Remove a worktree and what git knows of it. Links are removed, not what they lead to.

    Raises InputError when it cannot be removed.
    """
    if not os.path.lexists(place) and not _is_known(repo, place):
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(place, onerror=_made_writable)
    repo.git.run(*NO_HOOKS, "worktree", "remove", "--force", "--force", place, check=False)
    if os.path.lexists(place):
        raise InputError(f"cannot remove {place}", hint=f"remove it: rm -rf {place}")


def _is_known(repo: Repository, place: Path) -> bool:
    """True if git has a worktree there: its own directory is named after the last part of the path."""
    return (repo.common_dir / "worktrees" / place.name).is_dir()


def _made_writable(function: Callable[[str], object], path: str, info: object) -> None:
    """A stage may have made directories that not even their owner may write."""
    for one in (os.path.dirname(path), path):
        with suppress(OSError):
            if not os.path.islink(one):
                os.chmod(one, os.stat(one).st_mode | stat.S_IRWXU)
    with suppress(OSError):
        if function is os.rmdir or (os.path.isdir(path) and not os.path.islink(path)):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)

"""The refs of experiments between clones: which the other side has, sending them, bringing them.

Refs are git's affair and their data the usual one's: when refs are sent the data is there already (law 1); when
they are brought it follows them. A plain `git push` or `git fetch` carries none of these refs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from git_mlvc.errors import RemoteRefused, UsageError
from git_mlvc.experiments.refs import PREFIX
from git_mlvc.git import config as git_config
from git_mlvc.git import remote_urls
from git_mlvc.git.objects import NO_LAZY_FETCH
from git_mlvc.git.remote_failure import failure
from git_mlvc.settings import without_secrets

if TYPE_CHECKING:
    from git_mlvc.git.process import Git

Names = Mapping[str, str]
"""Experiments by name, each with its commit."""
_TOGETHER = 500  # refs in one command line


def usual_remote(config: Mapping[str, Sequence[str]], git: Git, *, for_push: bool) -> str:
    """Return the git remote that git itself would choose: the branch's, `origin`, the only one.

    Raises UsageError where there is none, or several and nothing says which.
    """
    branch = git.run("symbolic-ref", "-q", "--short", "HEAD", check=False).stdout
    own = f"branch.{branch.decode('utf-8', 'surrogateescape').strip()}."
    keys = [own + "pushremote", "remote.pushdefault"] if for_push else []
    for key in [*keys, own + "remote"]:
        named = git_config.last(config, key)
        if named and named != ".":
            return named
    known = remote_urls.names(config)
    if "origin" in known or len(known) == 1:
        return "origin" if "origin" in known else known[0]
    raise UsageError(
        "there is no git remote to exchange experiments with"
        if not known
        else f"which git remote is meant: {', '.join(sorted(known))}?",
        hint="git remote add origin URL"
        if not known
        else f"name it, or: git config remote.pushDefault {known[0]}",
    )


def is_remote(config: Mapping[str, Sequence[str]], word: str) -> bool:
    """True if a word names a remote of git, or is an address or a directory: no experiment is called so."""
    return bool(remote_urls.fetched_from(config, word)) or "/" in word or ":" in word


def listed(git: Git, remote: str) -> dict[str, str]:
    """Return the experiments that a git remote has. Raises RemoteError: what is not answered is unknown (law 9)."""
    shown = without_secrets(remote)
    done = git.run("ls-remote", "--refs", "--", remote, PREFIX + "*", check=False)
    if done.returncode != 0:
        raise failure(done, f"cannot see the experiments of {shown}", shown)
    found = {}
    for line in done.stdout.decode("utf-8", "surrogateescape").splitlines():
        sha, _, ref = line.partition("\t")
        name = ref.removeprefix(PREFIX)
        if "/" not in name:
            found[name] = sha
    return found


def send(git: Git, remote: str, names: Names, there: Names) -> dict[str, str]:
    """Give the remote these refs, where it has still what it had (`there`); return why it did not take some.

    The data is there already, so our own hook need not look again; the user's hooks are asked. Raises RemoteError.
    """
    refused: dict[str, str] = {}
    rest = iter(sorted(names.items()))
    while some := list(islice(rest, _TOGETHER)):
        leases = [f"--force-with-lease={PREFIX}{name}:{there.get(name, '')}" for name, _ in some]
        done = git.run(
            "push",
            "--porcelain",
            "--no-follow-tags",
            "--recurse-submodules=no",
            *leases,
            "--",
            remote,
            *(f"{sha}:{PREFIX}{name}" for name, sha in some),
            check=False,
            env_extra={"MLVC_SKIP_PUSH": "1"},
        )
        verdicts = dict(_verdicts(done.stdout.decode("utf-8", "surrogateescape")))
        refused.update({name: why for name, why in verdicts.items() if why})
        if done.returncode != 0 and not any(verdicts.values()):
            shown = without_secrets(remote)
            raise failure(done, f"cannot push experiments to {shown}", shown)
    return refused


def bring(git: Git, remote: str, names: Names, *, overwrites: bool = False) -> None:
    """Take over these refs from the remote. Refs that are here stay, unless `overwrites`. Raises RemoteError."""
    rest = iter(sorted(names))
    force = "+" if overwrites else ""
    while some := list(islice(rest, _TOGETHER)):
        done = git.run(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
            "--",
            remote,
            *(f"{force}{PREFIX}{name}:{PREFIX}{name}" for name in some),
            check=False,
            env_extra=NO_LAZY_FETCH,
        )
        if done.returncode != 0:
            shown = without_secrets(remote)
            raise failure(done, f"cannot fetch experiments from {shown}", shown)


def differing(mine: Names, theirs: Names) -> list[str]:
    """Return the names under which both sides have something else."""
    return sorted(name for name in mine.keys() & theirs.keys() if mine[name] != theirs[name])


def refusal(name: str, remote: str, here: str, there: str, *, is_push: bool) -> RemoteRefused:
    """Return the error for a name that means one experiment here and another one there."""
    shown = without_secrets(remote)
    again, wins = ("push", "yours replace theirs") if is_push else ("pull", "theirs replace yours")
    return RemoteRefused(
        f"'{name}' is one experiment here and another one on {shown}",
        why=f"here it is {here[:10]}, there {there[:10]}",
        hint=f"git mlvc exp rename {name} OTHER, then {again} again; or with -f {wins}",
    )


def _verdicts(said: str) -> Iterator[tuple[str, str]]:
    """Yield each ref that `git push --porcelain` speaks of, and why it was not taken, if it was not."""
    for line in said.splitlines():
        flag, tab, rest = line.partition("\t")
        if not tab or len(flag) != 1:
            continue
        names, _, summary = rest.partition("\t")
        ref = names.rpartition(":")[2]
        if ref.startswith(PREFIX):
            yield ref.removeprefix(PREFIX), summary if flag == "!" else ""

"""Whether what we last saw of a git remote is what stands where this push goes.

Refs below `refs/remotes/NAME` say what NAME had once: at another URL before `git remote set-url`, at
another of its push URLs, or before it was made anew. They are believed if the data of the commits
that the pushed ones are built on is at the place this push goes to; else all of history is looked at.

What the remote itself says it has is not doubted, whoever pushed it, unless the place is untouched: a
repository made by `git clone --bare` has the commits and none of the data.

Where files are routed to several places, each is judged by its own files; data that was sent to the usual place
before they were routed counts as sent.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from git_mlvc.errors import GitError, RemoteError

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.objects import DataFile
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.settings import RemoteSetting
    from git_mlvc.transfer.routes import Share
    from git_mlvc.workspace import Workspace

_MOST_COMMITS = 20
_MOST_FILES = 2000  # of each commit: enough to tell one place from another


def are_believable(
    workspace: Workspace, share: Share, name: str, include: Sequence[str], has: Sequence[str]
) -> bool:
    """True if `--remotes=NAME` may be left out of a push of `include` to the place of `share`.

    `has`: commits that the remote itself says it has. A place that does not answer cannot contradict.
    """
    from git_mlvc.git import objects
    from git_mlvc.hooks import push_runs

    repo = workspace.repository
    try:
        known = objects.existing(repo, has)
        edge = [sha for sha in _edge(workspace, name, include, known) if sha not in known]
        for sha in edge[:_MOST_COMMITS]:
            files = share.of(objects.data_files(repo, sha))
            if not _holds_all(workspace, share, files):
                files = push_runs.without_kept(workspace, files)
                if not _holds_all(workspace, share, files):
                    return False
    except (GitError, RemoteError):
        return True
    return True


def is_place_untouched(workspace: Workspace, share: Share, has: Sequence[str]) -> bool:
    """True if nothing was ever put at the place of `share`, although commits the remote has need data of it."""
    from git_mlvc.git import objects

    try:
        known = objects.existing(workspace.repository, has) if share.place is not None else []
        if share.place is None or not known:
            return False
        view = workspace.view(share.place)
        if view.was_used_before:
            return False
        view.refresh()
        if view.has_format or view.segment_ids:
            return False
        for sha in known[:_MOST_COMMITS]:
            files = [
                file.pointer for file in share.of(objects.data_files(workspace.repository, sha))
            ]
            if files and not _was_sent_earlier(workspace, share, [p.oid.digest for p in files]):
                return True
    except (GitError, RemoteError):
        pass
    return False


def bases(
    workspace: Workspace, include: Sequence[str], exclude: Sequence[str], paths: Container[RepoPath]
) -> Iterator[Pointer]:
    """Yield what `paths` were in the commits of `exclude` that the pushed ones are built on.

    `exclude`: commits and at most one `--remotes=NAME`, of whose data it is taken that the remote has it.
    """
    from git_mlvc.git import objects

    repo = workspace.repository
    commits = [sha for sha in exclude if not sha.startswith("--")]
    tracking = [option for option in exclude if option.startswith("--remotes=")]
    try:
        known = objects.existing(repo, commits)
        for sha in _boundary(workspace, include, known, tracking)[0][:_MOST_COMMITS]:
            for file in objects.data_files(repo, sha):
                if file.path in paths:
                    yield file.pointer
    except GitError:
        return


def _edge(
    workspace: Workspace, name: str, include: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Return the commits at which what is pushed meets what the remote is said to have."""
    edge, is_new = _boundary(workspace, include, known, [f"--remotes={name}"])
    return edge if is_new else list(include)


def _boundary(
    workspace: Workspace, include: Sequence[str], known: Sequence[str], tracking: Sequence[str]
) -> tuple[list[str], bool]:
    """Return the commits on which those of `include` are built that nothing else reaches; are there any?"""
    from git_mlvc.git import objects

    fed = [f"{sha}\n".encode("ascii") for sha in include]
    fed += [f"^{sha}\n".encode("ascii") for sha in known]
    options = ["--boundary", *(["--not", *tracking, "--not"] if tracking else []), "--stdin"]
    listed = workspace.repository.git.records(
        "rev-list", *options, input=fed, separator=b"\n", env_extra=objects.NO_LAZY_FETCH
    )
    is_new = False
    edge = []
    for line in listed:
        if line.startswith(b"-"):
            edge.append(line[1:].decode("ascii"))
        else:
            is_new = True
    return edge, is_new


def _holds_all(workspace: Workspace, share: Share, files: Sequence[DataFile]) -> bool:
    return not files or _holds(workspace, share, [file.pointer.oid.digest for file in files])


def _holds(workspace: Workspace, share: Share, digests: Sequence[bytes]) -> bool:
    if share.place is None:
        return True
    lacking = _not_named(workspace, share.place, digests)
    return not lacking or _was_sent_earlier(workspace, share, lacking)


def _was_sent_earlier(workspace: Workspace, share: Share, digests: Sequence[bytes]) -> bool:
    """True if the place that was the usual one before these files were routed has their data."""
    if share.earlier is None:
        return False
    return not _not_named(workspace, share.earlier, digests)


def _not_named(workspace: Workspace, place: RemoteSetting, digests: Sequence[bytes]) -> list[bytes]:
    view = workspace.view(place)
    view.refresh(from_index=True)
    # A remote too large to be known in full is asked for one: it tells one place from another.
    few = digests[: 1 if view.unseen_bytes else _MOST_FILES]
    named = view.named(few)
    return [digest for digest in few if digest not in named]

"""The remote that `exp push`, `exp pull` and `exp list --remote` speak of, and where the data beside it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError, RemoteRefused, UsageError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.transfer.remote_view import RemoteView
    from git_mlvc.workspace import Workspace


@dataclass(frozen=True)
class GitRemote:
    """`name`: as git is told, a name or an address; `urls`: where it pushes to, one at least; `shown`: for messages."""

    name: str
    urls: tuple[str, ...]
    shown: str

    @property
    def fetch_key(self) -> str:
        return self.urls[0]


def parted(
    invocation: Invocation, words: Sequence[str], *, for_push: bool
) -> tuple[GitRemote, Sequence[str]]:
    """Return the remote that is named first, else the usual one, and the other words. Raises UsageError."""
    from git_mlvc.experiments import travel
    from git_mlvc.git import remote_urls
    from git_mlvc.settings import without_secrets

    workspace = invocation.workspace
    config = workspace.config
    if words and travel.is_remote(config, words[0]):
        name, rest = _absolute(invocation, words[0]), words[1:]
    elif words and words[0] in workspace.settings.remotes:
        raise UsageError(
            f"'{words[0]}' takes data, and no refs",
            why="experiments go to a remote of git, and their data where it belongs",
            hint=f"git mlvc exp {'push' if for_push else 'pull'} origin",
        )
    else:
        name, rest = travel.usual_remote(config, workspace.repository.git, for_push=for_push), words
    urls = remote_urls.pushed_to(config, name) or [remote_urls.rewritten(config, name)]
    return GitRemote(name, tuple(urls), without_secrets(name)), rest


def _absolute(invocation: Invocation, word: str) -> str:
    """Return a directory as it is meant from where the user stands: git itself starts at the top."""
    from git_mlvc.git import remote_urls

    if remote_urls.fetched_from(invocation.workspace.config, word):
        return word
    path = invocation.cwd / word
    return str(path.resolve()) if ":" not in word and path.is_dir() else word


class DataPlaces:
    """Where the data beside a git remote may be; opened when something is asked."""

    def __init__(self, workspace: Workspace, remote: GitRemote, invocation: Invocation) -> None:
        self._workspace = workspace
        self._remote = remote
        self._progress = invocation.output.progress
        self._opened: tuple[list[RemoteView], list[MlvcError]] | None = None

    @property
    def views(self) -> list[RemoteView]:
        return self._open()[0]

    def fetch(self, pointers: Sequence[Pointer]) -> Mapping[Pointer, MlvcError]:
        """Bring contents into the store; return what could not be had, and why."""
        from git_mlvc.transfer.fetch import fetch

        views, failures = self._open()
        if not views:
            why = failures[0] if failures else _nowhere()
            return dict.fromkeys(pointers, why)
        report = fetch(self._workspace.store, views, pointers, progress=self._progress)
        if not report.failed:
            return {}
        # Perhaps beside the remotes of our remotes, as for any other fetch.
        further: Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError]]
        further = self._workspace.fetcher(self._progress)
        failed = further(list(report.failed))
        return {p: failures[0] if failures else report.failed[p] for p in failed}

    def fetch_runs(self, keys: Sequence[bytes]) -> int:
        """Bring the records of runs; return how many came. Raises RemoteError."""
        from git_mlvc.pipeline.runs import run_travel

        if not keys or not self.views:
            return 0
        return run_travel.bring(self._workspace.store, self.views, keys, self._progress)

    def _open(self) -> tuple[list[RemoteView], list[MlvcError]]:
        if self._opened is None:
            views, failures = self._workspace.views_for_reading()
            place = self._workspace.places.push_target(self._remote.name, self._remote.fetch_key)
            if place is not None:
                try:
                    view = self._workspace.view(place)
                    views = [view, *(other for other in views if other is not view)]
                except MlvcError as failure:
                    failures.append(failure)
            self._opened = views, failures
        return self._opened


def _nowhere() -> MlvcError:
    return RemoteRefused(
        "there is no remote to fetch data from", hint="git mlvc remote add NAME URL --default"
    )

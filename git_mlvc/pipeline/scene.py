"""All that one `repro` looks at, opened once: stages, locks, what stands there, what was made before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.pipeline import discovery
from git_mlvc.pipeline.facts import WorktreeFacts
from git_mlvc.pipeline.lock_files.locks import Locks
from git_mlvc.pipeline.model import DepKind, FileState, Stage, UrlState
from git_mlvc.pipeline.outs.elsewhere import Elsewhere
from git_mlvc.pipeline.plan import Options, Planner, Step
from git_mlvc.pipeline.runs.run_cache import RunCache
from git_mlvc.pipeline.standing.states import States
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from pathlib import Path

    from git_mlvc.backend.base import Backend
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.standing.urls import UrlStates
    from git_mlvc.settings import Settings
    from git_mlvc.store.store import Store
    from git_mlvc.transfer.remote_view import RemoteView

Fetch = Callable[[Sequence["Pointer"]], Mapping["Pointer", MlvcError] | None]


@dataclass(frozen=True, slots=True)
class Remotes:
    """Who may have data and earlier runs, and why some who may have them cannot be asked."""

    views: tuple[RemoteView, ...] = ()
    unasked: tuple[MlvcError, ...] = ()


@dataclass(frozen=True)
class Means:
    """What whoever calls has opened.

    `fetch` and `remotes` are used with --pull only; the latter raises MlvcError where nobody can be asked. `host` names this machine; `has_modes`: its file system keeps
    the modes of files (git's `core.fileMode`).
    `open_folder` opens any address; without it no server is asked, and what is at a URL counts as unchanged.
    `logs`: the directory for what stages write; None: the worktree's own. `called`: what those who wait for us are told
    of where we run; empty: the path of the worktree.
    """

    repo: Repository
    store: Store
    settings: Settings
    fetch: Fetch | None = None
    remotes: Callable[[], Remotes] | None = None
    progress: Progress = field(default_factory=Silent)
    host: str = ""
    open_folder: Callable[[str], Backend] | None = None
    has_modes: bool = True
    logs: Path | None = None
    called: str = ""


class Scene:
    """One worktree as a planner and those who carry out its plan see it. `close` it."""

    def __init__(self, means: Means, pipeline: discovery.Pipeline, *, pulls: bool) -> None:
        self.repo = means.repo
        self.store = means.store
        self.settings = means.settings
        self.progress = means.progress
        self.host = means.host
        self.fetch = means.fetch if pulls else None
        self._remotes = means.remotes if pulls else None
        self.pipeline = pipeline
        graph = pipeline.graph
        self.locks = Locks(self.repo, pipeline.stages)
        self.states = States(
            self.repo,
            deps=[dep for stage in pipeline.stages for dep in stage.deps],
            outs=[out for stage in pipeline.stages for out in stage.outs],
            read_tree=self._tree,
            url_state=self._url_state,
            has_modes=means.has_modes,
        )
        self.elsewhere = Elsewhere(self.repo, self.store)
        self.run_cache = RunCache(self.store)
        self.facts = WorktreeFacts(
            self.repo,
            self.store,
            reader=pipeline.params,
            locks=self.locks,
            states=self.states,
            elsewhere=self.elsewhere,
            run_cache=self.run_cache,
            asks_servers=means.open_folder is not None,
        )
        self.planner = Planner(graph, self.facts)
        self._asked_for: set[bytes] = set()
        self._open_folder = means.open_folder
        self._urls: UrlStates | None = None

    def choose(self, options: Options, chosen: frozenset[str]) -> Scene:
        """Say which stages this is about."""
        self.planner.options, self.planner.chosen = options, chosen
        self.facts.allows_missing = options.allow_missing
        return self

    def only_looks(self) -> Scene:
        """Say that nothing is put right first: what a killed run has set aside counts as if it were back."""
        from git_mlvc.pipeline.outs.coming_back import coming_back

        self.facts.coming_back = coming_back(self.repo)
        return self

    def fetch_runs(self) -> bool:
        """Fetch the runs that the plan asked for in vain; False if some came, and the plan may change."""
        new = self.facts.unknown_keys - self._asked_for
        if self._remotes is None or not new:
            return True
        from git_mlvc.pipeline.runs import run_travel

        self._asked_for |= new
        return not run_travel.bring(self.store, self._remotes().views, new, self.progress)

    def wanting(self, steps: Iterable[Step]) -> list[tuple[RepoPath, FileState]]:
        """Return those outs of the steps' results that do not stand in the worktree already, stub or not.

        What git holds of them is in the store then.
        """
        graph = self.pipeline.graph
        wanted = [
            (out.path, state)
            for step in steps
            if step.result is not None
            for out in graph[step.stage].outs
            if (state := step.result.out(out.path)) is not None and self.facts.out(out) != state
        ]
        self.facts.take_from_git(wanted)
        return wanted

    def look_for(self, steps: Sequence[Step]) -> bool:
        """As `Doing.obtain`, but ask only whether the data is to be had; only lists of files come.

        Raises RemoteError where a remote does not say, and as the fetch would where one may not be asked.
        """
        is_certain = self.fetch_runs()
        wanted = [state for _, state in self.wanting(steps)]
        if self.fetch is None or self._remotes is None or not self.elsewhere.missing(wanted):
            return is_certain
        from git_mlvc.worktree.exchange import verified_on

        trees = [state.pointer for state in wanted if state.is_directory and state.pointer]
        self.fetch(self.store.incomplete(trees))
        remotes = self._remotes()
        held = verified_on(remotes.views, self.elsewhere.missing(wanted))
        lost = {one.oid for one in wanted if not held.issuperset(self.elsewhere.missing([one]))}
        if lost and remotes.unasked:
            raise remotes.unasked[0]  # law 9: who cannot be asked may have it
        self.planner.lost |= lost
        return is_certain and not lost

    def has_remotes(self) -> bool:
        """True if there is anybody to ask for data. Raises MlvcError where nobody may be asked."""
        return self._remotes is not None and bool(self._remotes().views)

    def forget_urls(self, stage: Stage) -> None:
        """Ask servers again, where the stage reads from some."""
        if self._urls is not None and any(dep.kind is DepKind.URL for dep in stage.deps):
            self._urls.forget()

    def close(self) -> None:
        self.states.save()

    def _url_state(self, url: str) -> UrlState | None:
        if self._urls is None and self._open_folder is not None:
            from git_mlvc.pipeline.standing.urls import UrlStates

            self._urls = UrlStates(self._open_folder, self.states.contents)
        return None if self._urls is None else self._urls.state(url)

    def _tree(self, state: FileState) -> bytes | None:
        pointer = state.pointer
        if pointer is None:
            return b""
        found = self.store.contents([pointer])[pointer]
        return None if isinstance(found, MlvcError) else found

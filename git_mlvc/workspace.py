"""The composition: opens git, settings, store and remotes on demand, for the doors above.

It only opens; it is never asked to do. Everything is opened at most once and nothing before it is
needed, because git starts us for every filter and hook.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError, RemoteRefused
from git_mlvc.git.process import Git
from git_mlvc.git.repository import Repository
from git_mlvc.settings import RemoteSetting, Settings, from_sources

if TYPE_CHECKING:
    from git_mlvc.backend.base import Backend
    from git_mlvc.backend.meter import Traffic
    from git_mlvc.backend.opening import Opening
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.fs.atomic import Permissions
    from git_mlvc.git.process import Begun
    from git_mlvc.git.remote import GitRemote
    from git_mlvc.progress import Progress
    from git_mlvc.store.store import Store
    from git_mlvc.transfer.places import Places
    from git_mlvc.transfer.queue import Lanes
    from git_mlvc.transfer.remote_view import RemoteView

TRACKED_SETTINGS = "mlvc.toml"
_COMMITTED = (f":{TRACKED_SETTINGS}", f"HEAD:{TRACKED_SETTINGS}")
_ASK_COMMITTED = ("cat-file", "--batch")
_COMMITTED_NAMES = "".join(f"{name}\n" for name in _COMMITTED).encode()


class Workspace:
    """One repository, as seen from one process."""

    def __init__(self, repository: Repository, git: Git, environment: Mapping[str, str]) -> None:
        self.repository = repository
        self.git = git
        self.environment = environment
        self._finish_config: Callable[[], dict[str, list[str]]] | None = None
        self._committed: Begun | None = None
        self._views: dict[tuple[str, str], RemoteView] = {}

    @classmethod
    def open(cls, cwd: Path, environment: Mapping[str, str]) -> Workspace:
        """Find the repository around `cwd`. Raises UsageError when there is none."""
        return cls(Repository.discover(cwd, environment), Git(cwd, env=environment), environment)

    def ask_ahead(self) -> None:
        """Have git tell now what `settings` will want: it answers while other things are imported."""
        from git_mlvc.git import config

        self._finish_config = config.begin_reading(self.git)
        top = self.repository.worktree
        if top is None or not os.path.lexists(top / TRACKED_SETTINGS):
            self._committed = self.git.begin(*_ASK_COMMITTED, input=_COMMITTED_NAMES)

    @cached_property
    def config(self) -> dict[str, list[str]]:
        from git_mlvc.git import config

        return config.read(self.git) if self._finish_config is None else self._finish_config()

    @cached_property
    def settings(self) -> Settings:
        return from_sources(self.config, self._tracked_settings(), self.environment)

    @cached_property
    def permissions(self) -> Permissions:
        from git_mlvc.git import config

        return config.shared_permissions(self.config)

    @cached_property
    def store_path(self) -> Path:
        configured = self.settings.store
        if configured is None:
            return self.repository.common_dir / "mlvc"
        if configured == "~" or configured.startswith("~/"):
            configured = self._home + configured[1:]
        return (self._top / os.path.expanduser(configured)).resolve()

    @cached_property
    def store(self) -> Store:
        from git_mlvc.store.store import Store

        return Store.open(self.store_path, permissions=self.permissions)

    def second_store(self) -> Store:
        """Open the same store once more, for another thread."""
        from git_mlvc.store.store import Store

        return Store.open(self.store_path, permissions=self.permissions)

    @cached_property
    def places(self) -> Places:
        """Where data may be, and which of these places may be asked."""
        from git_mlvc.transfer.places import Places

        return Places(
            self.settings,
            self.config,
            top=self._top,
            git_dir=self.repository.git_dir,
            home=self._home,
        )

    @cached_property
    def traffic(self) -> Traffic:
        """What passes between this process and all remotes: its limit, and who watches."""
        from git_mlvc.backend.meter import Traffic

        return Traffic(self.settings.limit_rate)

    def backend(self, place: RemoteSetting) -> Backend:
        """Open the driver of a place. Raises RemoteRefused until the user trusts it (law 12), ConfigError."""
        return self._connected(place)[0]

    def driver(self, place: RemoteSetting, *, connect_timeout_s: float | None = None) -> Backend:
        """As `backend`, without retries: for whoever wants an answer at once."""
        from git_mlvc.backend import registry

        self.places.check_allowed(place)
        opening = self._opening(place.options, connect_timeout_s)
        return registry.open(self.places.absolute_url(place.url), opening)

    def folder(self, url: str) -> Backend:
        """Open any address for reading what is below it, with the options of the remote that it is part of.

        Its data is not ours and goes into no store; who asks has been asked for it (law 12). Raises ConfigError.
        """
        from git_mlvc.backend import registry
        from git_mlvc.backend.wrap.retry import Retry

        driver = registry.open(url, self._opening(self.places.options_for(url), None))
        return Retry(driver, on_pause=self.traffic.pausing)

    def _opening(self, options: Mapping[str, str], connect_timeout_s: float | None) -> Opening:
        from git_mlvc.backend.opening import CONNECT_TIMEOUT_S, Opening
        from git_mlvc.git.credentials import GitCredentials
        from git_mlvc.git.web_settings import WebSettings

        return Opening(
            permissions=self.permissions,
            options=options,
            environment=self._driver_environment,
            meter=self.traffic.meter,
            connect_timeout_s=connect_timeout_s or CONNECT_TIMEOUT_S,
            idle_timeout_s=self.settings.timeout_s,
            scratch=self.store_path / "tmp",
            git_remote=self._git_remote,
            credentials=GitCredentials(self.git),
            web_settings=WebSettings(self.git, self.config),
        )

    def _connected(self, place: RemoteSetting) -> tuple[Backend, Lanes]:
        from git_mlvc.backend.wrap.retry import Retry
        from git_mlvc.transfer.queue import Lanes

        lanes = Lanes(self.settings.jobs)
        backend = Retry(
            self.driver(place), on_pause=self.traffic.pausing, on_throttled=lanes.throttled
        )
        return backend, lanes

    @property
    def _driver_environment(self) -> Mapping[str, str]:
        """The environment, with what git's configuration says of ssh where its variables are not set."""
        from git_mlvc.git.config import last

        found = dict(self.environment)
        for variable, key in (
            ("GIT_SSH_COMMAND", "core.sshcommand"),
            ("GIT_SSH_VARIANT", "ssh.variant"),
        ):
            value = last(self.config, key)
            if value and not found.get(variable):
                found[variable] = value
        return found

    def _git_remote(self, url: str) -> GitRemote:
        from git_mlvc.git.remote import GitRemote

        home = self.repository.common_dir / "mlvc" / "remotes"
        return GitRemote(
            self.repository, self.config, url, home, idle_timeout_s=self.settings.timeout_s
        )

    def view(self, place: RemoteSetting) -> RemoteView:
        """Open a place, once. Raises RemoteRefused until the user trusts it (law 12), ConfigError."""
        from blake3 import blake3

        from git_mlvc.backend.address import local_path
        from git_mlvc.transfer.remote_view import RemoteView

        url = self.places.absolute_url(place.url)
        steering = "".join(f"\n{name}={value}" for name, value in sorted(place.options.items()))
        known = self._views.get((place.name, url + steering))
        if known is not None:
            return known
        backend, lanes = self._connected(place)
        name = blake3((url + steering).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        cache = self.repository.common_dir / "mlvc" / "remotes" / name
        view = RemoteView(
            backend,
            cache,
            name=place.name,
            directory=local_path(url),
            lanes=lanes,
            traffic=self.traffic,
        )
        self._views[place.name, url + steering] = view
        return view

    def views_for_reading(
        self, git_remote: str | None = None
    ) -> tuple[list[RemoteView], list[MlvcError]]:
        """Open every place that can be opened; what could not be is returned beside."""
        views: list[RemoteView] = []
        failures: list[MlvcError] = []
        for place in self.places.elsewhere(self.store_path, git_remote):
            try:
                views.append(self.view(place))
            except MlvcError as failure:
                failures.append(failure)
        return views, failures

    def views_to_fetch_from(self, name: str | None) -> tuple[list[RemoteView], list[MlvcError]]:
        """Open the remote a user names, or every place to look for data; and say which could not be.

        Raises when there is none to ask.
        """
        if name is not None:
            return [self.view(self.places.named(name))], []
        views, failures = self.views_for_reading()
        if not views:
            raise failures[0] if failures else _nowhere()
        return views, failures

    def fetcher(
        self, progress: Progress, git_remote: str | None = None
    ) -> Callable[[Sequence[Pointer]], dict[Pointer, MlvcError]]:
        """Return a function that brings content into the store and says what could not be had."""

        opened: list[tuple[list[RemoteView], list[MlvcError]]] = []

        def fetch(pointers: Sequence[Pointer]) -> dict[Pointer, MlvcError]:
            from git_mlvc.transfer.fetch import fetch as transfer_fetch

            if not opened:  # once: where git allows no delay, this is called for every file
                opened.append(self.views_for_reading(git_remote))
            views, failures = opened[0]
            if not views:
                reason = failures[0] if failures else _nowhere()
                return dict.fromkeys(pointers, reason)
            failed = dict(transfer_fetch(self.store, views, pointers, progress=progress).failed)
            beyond = self.places.beyond(git_remote, self.store_path) if failed else []
            if beyond:
                views = [self.view(place) for place in beyond]
                again = transfer_fetch(self.store, views, list(failed), progress=progress).failed
                failed = {pointer: failed[pointer] for pointer in again}
            return {p: failures[0] if failures else why for p, why in failed.items()}

        return fetch

    # -- where things are

    @property
    def _top(self) -> Path:
        return self.repository.worktree or self.repository.common_dir

    @property
    def _home(self) -> str:
        return self.environment.get("HOME", "~")

    def _tracked_settings(self) -> dict[str, object]:
        """The worktree's `mlvc.toml`, else the index's, else HEAD's.

        One in which a merge has left both sides is not there yet: git has to compare and show files until
        somebody has put it right, with the settings from before the merge.
        """
        from git_mlvc.fs import structured

        unmerged: MlvcError | None = None
        for name, data in self._settings_files():
            try:
                return structured.parse_toml(data, name)
            except structured.LeftByMerge as exc:
                unmerged = unmerged or exc
        if unmerged is not None:
            raise unmerged
        return {}

    def _settings_files(self) -> Iterator[tuple[str, bytes]]:
        from git_mlvc.fs import structured

        if self.repository.worktree is not None:
            path = self.repository.worktree / TRACKED_SETTINGS
            with suppress(FileNotFoundError):
                yield TRACKED_SETTINGS, structured.read_settings(path)
        for name in _COMMITTED:
            data = self._committed_settings.get(name)
            if data is not None:
                yield name, data

    @cached_property
    def _committed_settings(self) -> dict[str, bytes]:
        """What the index and HEAD hold, from one git: this is on the filter's way to its first answer."""
        said = None if self._committed is None else self._committed.answer()
        if said is None:
            said = self.git.run(*_ASK_COMMITTED, input=_COMMITTED_NAMES, check=False).stdout
        rest = said
        found = {}
        for name in _COMMITTED:
            head, _, rest = rest.partition(b"\n")
            kind, _, size = head.rpartition(b" ")
            if kind.endswith(b" blob"):
                found[name] = rest[: int(size)]
            if size.isdigit():
                rest = rest[int(size) + 1 :]
        return found


def _nowhere() -> MlvcError:
    return RemoteRefused(
        "there is no remote to fetch data from",
        hint="git mlvc remote add NAME URL --default, or add a git remote that is a directory",
    )

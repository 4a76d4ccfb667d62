"""The composition: opens git, settings, store and remotes on demand, for the doors above.

It only opens; it is never asked to do. Everything is opened at most once and nothing before it is
needed, because git starts us for every filter and hook.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, UsageError
from git_mlvc.git.process import Git
from git_mlvc.git.repository import Repository
from git_mlvc.settings import Origin, RemoteSetting, Settings, from_sources

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.fs.atomic import Permissions
    from git_mlvc.git.process import Begun
    from git_mlvc.progress import Progress
    from git_mlvc.store.store import Store
    from git_mlvc.transfer.remote_view import RemoteView

TRACKED_SETTINGS = "mlvc.toml"
_COMMITTED = (f":{TRACKED_SETTINGS}", f"HEAD:{TRACKED_SETTINGS}")
_ASK_COMMITTED = ("cat-file", "--batch")
_COMMITTED_NAMES = "".join(f"{name}\n" for name in _COMMITTED).encode()
_MOST_STEPS = 3  # from remote to remote of remote
_FETCHED = 100  # lines of FETCH_HEAD that are looked at


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
        return (self._top / self._from_home(configured)).resolve()

    @cached_property
    def store(self) -> Store:
        from git_mlvc.store.store import Store

        return Store.open(self.store_path, permissions=self.permissions)

    def push_target(self, git_remote: str, git_url: str) -> RemoteSetting | None:
        """Return where the data of a push to `git_remote` must be: the first place that is set."""
        candidates = self._candidates(git_remote, git_url)
        return candidates[0] if candidates else None

    def reading_places(self, git_remote: str | None = None) -> list[RemoteSetting]:
        """Return every place to look for data, the likeliest first, each once."""
        names = [git_remote] if git_remote else self._git_remotes_by_likelihood()
        places: list[RemoteSetting] = []
        for name in names:
            places += self._candidates(name, self._git_url(name))
        places += self.settings.remotes.values()
        if git_remote is None:
            places += self._beside_last_fetch()
        by_url: dict[str, RemoteSetting] = {}
        for place in places:
            by_url.setdefault(place.url, place)
        return list(by_url.values())

    def place(self, name: str) -> RemoteSetting:
        """Return the data remote a user names: ours, or what stands beside git's remote.

        Raises UsageError with the known names.
        """
        candidates = self._candidates(name, self._git_url(name))
        if name in self.settings.remotes:
            return self.settings.remotes[name]
        if self._git_url(name) and candidates:
            return candidates[0]
        known = sorted({*self.settings.remotes, *self._git_remotes_by_likelihood()})
        raise UsageError(
            f"no remote is called '{name}'",
            why=f"known remotes: {', '.join(known)}" if known else "no remote is set up",
            hint="git mlvc remote add NAME URL",
        )

    def view(self, place: RemoteSetting) -> RemoteView:
        """Open a place, once. Raises RemoteRefused until the user trusts it (law 12), ConfigError."""
        from blake3 import blake3

        from git_mlvc.backend import registry
        from git_mlvc.backend.wrap.retry import Retry
        from git_mlvc.transfer.remote_view import RemoteView

        if not self.is_trusted(place):
            raise RemoteRefused(
                f"remote '{place.name}' is not contacted",
                why=f"its address {place.url} came with the repository and is not trusted yet",
                hint=f"git mlvc remote trust {place.name}",
            )
        url = self.absolute_url(place.url)
        known = self._views.get((place.name, url))
        if known is not None:
            return known
        backend = Retry(registry.open(url, permissions=self.permissions))
        cache = (
            self.repository.common_dir / "mlvc" / "remotes" / blake3(url.encode()).hexdigest()[:16]
        )
        view = RemoteView(backend, cache, name=place.name, directory=registry.local_path(url))
        self._views[place.name, url] = view
        return view

    def is_trusted(self, place: RemoteSetting) -> bool:
        """Tracked addresses need the user's word, unless they lie beside a git remote."""
        if place.origin is not Origin.TRACKED or place.url in self.settings.trusted_urls:
            return True
        return any(
            self._lies_beside(self.absolute_url(place.url), self._git_url(name))
            for name in self._git_remotes_by_likelihood()
        )

    def absolute_url(self, url: str) -> str:
        """Relative paths in settings start at the top of the worktree, `~` at the user's home."""
        if ":" in url.split("/", 1)[0] or url.startswith("-"):
            return url  # a scheme, or host:path; a path is anything else
        return str(self._top / self._from_home(url))

    def views_for_reading(
        self, git_remote: str | None = None
    ) -> tuple[list[RemoteView], list[MlvcError]]:
        """Open every place that can be opened; what could not be is returned beside."""
        views: list[RemoteView] = []
        failures: list[MlvcError] = []
        for place in self.reading_places(git_remote):
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
            return [self.view(self.place(name))], []
        views, failures = self.views_for_reading()
        if not views:
            raise failures[0] if failures else _nowhere()
        return views, failures

    def knows_place(self, name: str) -> bool:
        """True if a user can name a data remote, or a git remote with data beside it, by this."""
        return name in self.settings.remotes or self._git_url(name) is not None

    def place_to_push_to(self, name: str | None) -> RemoteSetting:
        """Return the remote a user names, or where a plain `git push` would put data first."""
        if name is not None:
            return self.place(name)
        places = self.reading_places()
        if not places:
            raise RemoteRefused(
                "there is no remote to push data to",
                hint="git mlvc remote add NAME URL --default, or add a git remote that is a directory",
            )
        return places[0]

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
            beyond = self._views_beyond(git_remote) if failed else []
            if beyond:
                again = transfer_fetch(self.store, beyond, list(failed), progress=progress).failed
                failed = {pointer: failed[pointer] for pointer in again}
            return {p: failures[0] if failures else why for p, why in failed.items()}

        return fetch

    def _views_beyond(self, git_remote: str | None) -> list[RemoteView]:
        """Open the places beside the remotes of our remotes on this machine: only to fetch from.

        Never to verify a copy before anything is deleted (law 11): our own store may be among them.
        """
        from dataclasses import replace

        from git_mlvc.transfer import beside

        known = {place.url for place in self.reading_places(git_remote)}
        known.add(str(self.store_path))
        step = [p for p in self.reading_places(git_remote) if p.origin is Origin.BESIDE]
        views: list[RemoteView] = []
        for _ in range(_MOST_STEPS):
            found = {url: p for p in step for url in beside.beyond(p.url) if url not in known}
            known.update(found)
            step = [replace(place, url=url) for url, place in found.items()]
            views += [self.view(place) for place in step]
        return views

    # -- where things are

    @property
    def _top(self) -> Path:
        return self.repository.worktree or self.repository.common_dir

    def _from_home(self, path: str) -> str:
        if path == "~" or path.startswith("~/"):
            # Law 6: the home of the environment we were handed, not of this process.
            return self.environment.get("HOME", "~") + path[1:]
        return os.path.expanduser(path)  # ~name: the system's list of users

    def _beside(self, git_url: str | None) -> str | None:
        from git_mlvc.transfer import beside

        return beside.default_url(self._from_home(git_url), self._top) if git_url else None

    def _tracked_settings(self) -> dict[str, object]:
        """The worktree's `mlvc.toml`, else the index's, else HEAD's."""
        from git_mlvc.fs import structured

        if self.repository.worktree is not None:
            path = self.repository.worktree / TRACKED_SETTINGS
            try:
                return structured.parse_toml(structured.read_settings(path), TRACKED_SETTINGS)
            except FileNotFoundError:
                pass
        for name in _COMMITTED:
            data = self._committed_settings.get(name)
            if data is not None:
                return structured.parse_toml(data, name)
        return {}

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

    def _git_url(self, git_remote: str) -> str | None:
        urls = self.config.get(f"remote.{git_remote}.url")
        return urls[0] if urls else None

    def _git_remotes_by_likelihood(self) -> list[str]:
        names = [
            key[len("remote.") : -len(".url")]
            for key in self.config
            if key.startswith("remote.") and key.endswith(".url")
        ]
        return sorted(names, key=lambda name: (name != self._upstream, name != "origin", name))

    def _beside_last_fetch(self) -> list[RemoteSetting]:
        """`git pull PATH` needs no remote: git notes in FETCH_HEAD where the commits came from."""
        try:
            text = (self.repository.git_dir / "FETCH_HEAD").read_bytes()
        except OSError:
            return []
        notes = (line.split(b"\t", 2)[-1] for line in text.splitlines()[:_FETCHED])
        urls = dict.fromkeys(os.fsdecode(note.rpartition(b" of ")[2]) for note in notes)
        found = ((url, self._beside(url)) for url in urls)
        return [RemoteSetting(url, place, Origin.BESIDE) for url, place in found if place]

    @cached_property
    def _upstream(self) -> str | None:
        try:
            head = (self.repository.git_dir / "HEAD").read_text("utf-8", "surrogateescape")
        except OSError:
            return None
        branch = head.removeprefix("ref: refs/heads/").rstrip("\n")
        configured = self.config.get(f"branch.{branch}.remote")
        return configured[-1] if configured else None

    def _candidates(self, git_remote: str, git_url: str | None) -> list[RemoteSetting]:
        """The order of docs/formats: R's own setting, the default data remote, beside R."""
        from dataclasses import replace

        found: list[RemoteSetting] = []
        own = self.settings.remotes.get(git_remote)
        if own is not None:
            found.append(own)
        default = self.settings.default_remote
        if default is not None and default != git_remote:
            setting = self.settings.remotes.get(default)
            if setting is None:
                raise ConfigError(
                    f"the default data remote '{default}' has no address",
                    hint=f"git mlvc remote add {default} URL",
                )
            found.append(setting)
        url = self._beside(git_url)
        if url is not None:
            found.append(RemoteSetting(git_remote, url, Origin.BESIDE))
        return [replace(place, name=place.name or place.url) for place in found]

    def _lies_beside(self, url: str, git_url: str | None) -> bool:
        """True if `url` names a place inside the directory that is the git remote `git_url`."""
        from git_mlvc.backend import registry

        home = self._beside(git_url)
        try:
            here = registry.local_path(url)
        except ConfigError:
            return False
        if home is None or here is None:
            return False
        return here.resolve().is_relative_to(Path(home).resolve().parent)


def _nowhere() -> MlvcError:
    return RemoteRefused(
        "there is no remote to fetch data from",
        hint="git mlvc remote add NAME URL --default, or add a git remote that is a directory",
    )

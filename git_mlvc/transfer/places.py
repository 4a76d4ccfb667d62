"""Which places may hold data, in which order they are asked, and which may be asked at all.

A place is a remote of the settings or what stands beside a git remote. Says where; opening is the workspace's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from shlex import quote

from git_mlvc.backend import address, registry
from git_mlvc.errors import ConfigError, MlvcError, RemoteRefused, UsageError
from git_mlvc.git import remote_urls
from git_mlvc.settings import Origin, RemoteSetting, Settings, without_secrets
from git_mlvc.transfer import beside

_MOST_STEPS = 3  # from remote to remote of remote
_FETCHED = 100  # lines of FETCH_HEAD that are looked at


class Places:
    """The places of one repository. Contacts nothing.

    `config`: git's configuration. `top`: where relative paths start. `home`: what `~` stands for (law 6: that of
    the environment we were handed, not of this process).
    """

    def __init__(
        self,
        settings: Settings,
        config: Mapping[str, Sequence[str]],
        *,
        top: Path,
        git_dir: Path,
        home: str,
    ) -> None:
        self.settings = settings
        self._config = config
        self._top = top
        self._git_dir = git_dir
        self._home = home

    # -- in which order

    def push_target(self, git_remote: str, git_url: str) -> RemoteSetting | None:
        """Return where the data of a push to `git_remote` must be: the first place that is set."""
        candidates = self._candidates(git_remote, git_url)
        return candidates[0] if candidates else None

    def to_push_to(self, name: str | None) -> RemoteSetting:
        """Return the remote a user names, or where a plain `git push` would put data first."""
        if name is not None:
            return self.named(name)
        usual = self.usual()
        if usual is None:
            raise RemoteRefused(
                "there is no remote to push data to",
                hint="git mlvc remote add NAME URL --default, or add a git remote that is a directory",
            )
        return usual

    def usual(self) -> RemoteSetting | None:
        """Return where a plain `git push` would put data that is not routed elsewhere, if there is a place."""
        return next(iter(self.for_reading()), None)

    def for_mirrors(self) -> list[RemoteSetting]:
        """Return all remotes that are defined, and the usual place, each once and that first.

        Raises RemoteRefused when there is none.
        """
        usual = self.to_push_to(None)
        found = [usual]
        for name in self.settings.remotes:
            place = self.named(name)
            if not any(self.is_same(place, known) for known in found):
                found.append(place)
        return found

    def for_reading(self, git_remote: str | None = None) -> list[RemoteSetting]:
        """Return every place to look for data, the likeliest first, each once."""
        # Without a git remote the default counts all the same.
        names = [git_remote] if git_remote else self.git_remotes or [""]
        places: list[RemoteSetting] = []
        for name in names:
            places += self._candidates(name, self.git_url(name))
        for remote in self.settings.remotes.values():
            places += self._at_git_remotes(remote)
        if git_remote is None:
            places += self._beside_last_fetch()
        by_address: dict[str, RemoteSetting] = {}
        for place in places:
            by_address.setdefault(place.address, place)
        return list(by_address.values())

    def elsewhere(self, own_store: Path, git_remote: str | None = None) -> list[RemoteSetting]:
        """Return every place to look for data, each once, without our own store under another name.

        Law 11: what only our store holds has no second copy in it.
        """
        found: list[RemoteSetting] = []
        for place in self.for_reading(git_remote):
            here = self._directory(place)
            is_own = here is not None and _is_same_directory(here, own_store)
            if not is_own and not any(self.is_same(place, known) for known in found):
                found.append(place)
        return found

    def beyond(self, git_remote: str | None, own_store: Path) -> list[RemoteSetting]:
        """Return the places beside the remotes of our remotes on this machine: only to fetch from.

        Never to verify a copy before anything is deleted (law 11): our own store may be among them.
        """
        known = {place.url for place in self.for_reading(git_remote)}
        known.add(str(own_store))
        step = [p for p in self.for_reading(git_remote) if p.origin is Origin.BESIDE]
        found: list[RemoteSetting] = []
        for _ in range(_MOST_STEPS):
            urls = {url: p for p in step for url in beside.beyond(p.url) if url not in known}
            known.update(urls)
            step = [replace(place, url=url) for url, place in urls.items()]
            found += step
        return found

    def named(self, name: str) -> RemoteSetting:
        """Return the data remote a user names: ours, or what stands beside git's remote.

        Raises UsageError with the known names.
        """
        git_url = self.git_url(name)
        if name in self.settings.remotes:
            return self._at_git_remotes(self.settings.remotes[name], git_url)[0]
        candidates = self._candidates(name, git_url)
        if git_url and candidates:
            return candidates[0]
        known = sorted({*self.settings.remotes, *self.git_remotes})
        raise UsageError(
            f"no remote is called '{name}'",
            why=f"known remotes: {', '.join(known)}" if known else "no remote is set up",
            hint="git mlvc remote add NAME URL",
        )

    def knows(self, name: str) -> bool:
        """True if a user can name a data remote, or a git remote with data beside it, by this."""
        return name in self.settings.remotes or self.git_url(name) is not None

    # -- may it be asked

    def is_trusted(self, place: RemoteSetting) -> bool:
        """Tracked addresses need the user's word, unless they are on a git remote's own server or beside it.

        What is private to her (a profile, a token) goes to no tracked address without that word: she may keep
        it in her own configuration for another remote of this name.
        """
        if place.origin is not Origin.TRACKED:
            return True
        if {place.address, self._as_written(place).address} & self.settings.trusted_urls:
            return True
        if place.tracked_options or place.has_private_options:
            return False  # options may lead elsewhere than the address says
        if place.url == address.LFS:
            return True  # there is no git remote yet, and so nobody to ask
        url = self.absolute_url(place.url)
        return any(
            place.url == f"{address.LFS}:{git_url}"
            or address.is_on_server(url, git_url)
            or self._lies_beside(url, git_url)
            for git_url in self._named_by_git
        )

    def problem(self, place: RemoteSetting) -> ConfigError | None:
        """Return why a place cannot be used whatever the user trusts: no driver, option or home of it is known,
        or a clone may not define its kind (law 12).
        """
        try:
            registry.check_options(place.url, place.options)
        except ConfigError as wrong:
            return wrong
        if place.url.startswith("~") and self.from_home(place.url).startswith("~"):
            return ConfigError(
                f"nobody knows where {place.url} is",
                why="HOME is not set"
                if place.url[1:2] in ("", "/")
                else "there is no such user here",
                hint=f"write the whole path; or ./{place.url} for a directory of that name",
            )
        kind = registry.kind_of(place.url)
        if place.origin is not Origin.TRACKED:
            return None
        for option in sorted(kind.private_options & place.tracked_options.keys()):
            key = quote(f"mlvc.remote.{place.name}.{option}")
            return ConfigError(
                f"option '{option}' of remote '{place.name}' names a program, and came with the repository",
                why="such options are only taken from private configuration",
                hint=f"take it out of mlvc.toml; if you know it: git config {key} VALUE",
            )
        if not kind.is_private:
            return None
        return ConfigError(
            f"remote '{place.name}' starts a program, and came with the repository",
            why="such remotes are only taken from private configuration",
            hint=f"if you know it: git config {quote(f'mlvc.remote.{place.name}.url')} {quote(place.url)}",
        )

    def check_allowed(self, place: RemoteSetting) -> None:
        """Raise RemoteRefused for what is not trusted, ConfigError for what is a `problem` (law 12)."""
        problem = self.problem(place)
        if problem is not None:
            raise problem
        if not self.is_trusted(place):
            shown = without_secrets(self._as_written(place).address)
            why = f"its address {shown} came with the repository and is not trusted yet"
            if place.has_private_options and not place.tracked_options:
                why += "; what you keep private for it would be sent there"
            raise RemoteRefused(
                f"remote '{place.name}' is not contacted",
                why=why,
                hint=f"git mlvc remote trust {quote(place.name)}",
            )

    def options_for(self, url: str) -> Mapping[str, str]:
        """Return the options that go with any address: those of a remote on the same server or in the same
        bucket, if it may be asked; of several, the one that has most of the path in common.
        """
        best: tuple[int, Mapping[str, str]] = (0, {})
        wanted = url.split("/")
        for place in self.settings.remotes.values():
            parts = place.url.split("/")
            shared = sum(
                1
                for _ in takewhile(
                    lambda pair: pair[0] == pair[1], zip(parts, wanted, strict=False)
                )
            )
            # "scheme:", "", "server or bucket"
            if "://" not in url or shared < 3 or shared <= best[0]:
                continue
            if self.problem(place) is None and self.is_trusted(place):
                best = (shared, place.options)
        return best[1]

    # -- where it is

    def absolute_url(self, url: str) -> str:
        """Relative paths in settings start at the top of the worktree, `~` at the user's home."""
        if address.scheme_of(url) is not None or url.startswith("-"):
            return url
        return str(self._top / self.from_home(url))

    def is_same(self, one: RemoteSetting, other: RemoteSetting) -> bool:
        """True if both are known to be one place: an address, or two names of a directory."""
        paths = self._directory(one), self._directory(other)
        if paths[0] is not None and paths[1] is not None:
            return paths[0] == paths[1]
        urls = self.absolute_url(one.url), self.absolute_url(other.url)
        return urls[0].rstrip("/") == urls[1].rstrip("/") and one.options == other.options

    def _directory(self, place: RemoteSetting) -> Path | None:
        try:
            path = address.local_path(self.absolute_url(place.url))
            return None if path is None else path.resolve()
        except (MlvcError, OSError, RuntimeError):
            return None

    def from_home(self, path: str) -> str:
        if path == "~" or path.startswith("~/"):
            return self._home + path[1:]
        return os.path.expanduser(path)  # ~name: the system's list of users

    def git_url(self, git_remote: str) -> str | None:
        """Return the address that git itself fetches from, `insteadOf` and all."""
        return remote_urls.fetched_from(self._config, git_remote)

    @cached_property
    def git_remotes(self) -> list[str]:
        """The names of git's remotes, the likeliest first."""
        names = remote_urls.names(self._config)
        return sorted(names, key=lambda name: (name != self._upstream, name != "origin", name))

    # -- inside

    def _candidates(self, git_remote: str, git_url: str | None) -> list[RemoteSetting]:
        """The order of docs/formats: R's own setting, the default data remote, beside R."""
        found: list[RemoteSetting] = []
        own = self.settings.remotes.get(git_remote)
        if own is not None:
            found += self._at_git_remotes(own, git_url)
        default = self.settings.default_remote
        if default is not None and default != git_remote:
            setting = self.settings.remotes.get(default)
            if setting is None:
                raise ConfigError(
                    f"the default data remote '{default}' has no address",
                    hint=f"git mlvc remote add {default} URL",
                )
            found += self._at_git_remotes(setting, git_url)
        url = self._beside(git_url)
        if url is not None:
            found.append(RemoteSetting(git_remote, url, Origin.BESIDE))
        return [replace(place, name=place.name or place.url) for place in found]

    def _at_git_remotes(
        self, remote: RemoteSetting, git_url: str | None = None
    ) -> list[RemoteSetting]:
        """Return the remote; one that is `lfs` alone with the address of each git remote, or of `git_url`."""
        if remote.url != address.LFS:
            return [remote]
        urls = [git_url] if git_url else [self.git_url(name) for name in self.git_remotes]
        return [replace(remote, url=f"{address.LFS}:{url}") for url in urls if url] or [remote]

    def _as_written(self, place: RemoteSetting) -> RemoteSetting:
        """Return the setting that a place was made from: `lfs` stands for the git remote's server."""
        return self.settings.remotes.get(place.name, place)

    @cached_property
    def _named_by_git(self) -> list[str]:
        """The addresses that the user has let git fetch from or push to."""
        found = []
        for name in self.git_remotes:
            found += [self.git_url(name) or "", *remote_urls.pushed_to(self._config, name)]
        return list(dict.fromkeys(filter(None, found)))

    def _beside(self, git_url: str | None) -> str | None:
        return beside.default_url(self.from_home(git_url), self._top) if git_url else None

    def _lies_beside(self, url: str, git_url: str) -> bool:
        """True if `url` names the place for data beside the git remote `git_url`, or a directory inside.

        Nothing else that is in the directory of a git remote: what git keeps there is not for us to write.
        """
        home = self._beside(git_url)
        try:
            here = address.local_path(url)
        except MlvcError:
            return False
        if home is None or here is None:
            return False
        try:
            return here.resolve().is_relative_to(Path(home).resolve())
        except (OSError, RuntimeError):  # links that lead in a circle
            return False

    def _beside_last_fetch(self) -> list[RemoteSetting]:
        """`git pull PATH` needs no remote: git notes in FETCH_HEAD where the commits came from."""
        try:
            text = (self._git_dir / "FETCH_HEAD").read_bytes()
        except OSError:
            return []
        notes = (line.split(b"\t", 2)[-1] for line in text.splitlines()[:_FETCHED])
        urls = dict.fromkeys(os.fsdecode(note.rpartition(b" of ")[2]) for note in notes)
        found = ((url, self._beside(url)) for url in urls)
        return [RemoteSetting(url, place, Origin.BESIDE) for url, place in found if place]

    @cached_property
    def _upstream(self) -> str | None:
        try:
            head = (self._git_dir / "HEAD").read_text("utf-8", "surrogateescape")
        except OSError:
            return None
        branch = head.removeprefix("ref: refs/heads/").rstrip("\n")
        configured = self._config.get(f"branch.{branch}.remote")
        return configured[-1] if configured else None


def _is_same_directory(one: Path, other: Path) -> bool:
    """True for two names, or two mounts, of one directory."""
    try:
        return one == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError):
        return False

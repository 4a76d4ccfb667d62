"""Where the data of a path belongs: on the remote that the last fitting pattern names, else at the usual place.

`[track."models/**"] remote = "archive"` in mlvc.toml. Only what is sent follows routes: who reads looks everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, Protocol, TypeVar

from git_mlvc.errors import ConfigError, UsageError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.attribute_patterns import matches
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import RemoteSetting, Route
from git_mlvc.transfer.bundles import Bundle
from git_mlvc.transfer.places import Places


class HasPath(Protocol):
    """Something that stands at a path."""

    @property
    def path(self) -> RepoPath: ...


class Use(HasPath, Protocol):
    """A content that is used at a path."""

    @property
    def pointer(self) -> Pointer: ...


_Use = TypeVar("_Use", bound=HasPath)


def remote_for(routes: Sequence[Route], path: RepoPath) -> str | None:
    """Return the name of the remote for the data at `path`; None: the usual place."""
    found = None
    for route in routes:
        if matches(route.pattern, path):
            found = route.remote
    return found


def likely(routes: Sequence[Route], uses: Iterable[Use]) -> dict[Pointer, str]:
    """Return the remotes to be asked first for contents whose paths are routed."""
    found = {}
    for use in uses if routes else ():
        name = remote_for(routes, use.path)
        if name is not None:
            found[use.pointer] = name
    return found


@dataclass(frozen=True)
class Share:
    """A place and the files whose data belongs there: those routed to one of `names` (None: not routed).

    `place` is None where there is no usual place. `earlier`: where data of these files may be that was sent before
    they were routed.
    """

    place: RemoteSetting | None
    names: frozenset[str | None]
    routes: tuple[Route, ...] = ()
    earlier: RemoteSetting | None = None

    def serves(self, path: RepoPath) -> bool:
        return not self.routes or remote_for(self.routes, path) in self.names

    def of(self, uses: Iterable[_Use]) -> list[_Use]:
        return [use for use in uses if self.serves(use.path)]

    @cached_property
    def is_routed(self) -> bool:
        return None not in self.names


def portion(share: Share, bundles: Iterable[Bundle]) -> list[Bundle]:
    """Return what of bundles belongs to the place of `share`: contents by their paths, records to the usual place."""
    if not share.routes:
        return list(bundles)
    found = []
    for bundle in bundles:
        contents = tuple(share.of(bundle.contents))
        if contents or not share.is_routed:
            found.append(bundle.part(contents, has_record=not share.is_routed))
    return found


def shares(places: Places, usual: RemoteSetting | None) -> list[Share]:
    """Return where data goes, the usual place first; a place that has two names comes once.

    Raises ConfigError for a route to a remote that nobody knows.
    """
    routes = places.settings.routes
    if not routes:
        return [Share(usual, frozenset([None]))]
    found: list[tuple[RemoteSetting | None, set[str | None]]] = [(usual, {None})]
    for route in routes:
        target = _target(places, route)
        for place, names in found:
            if place is not None and places.is_same(place, target):
                names.add(route.remote)
                break
        else:
            found.append((target, {route.remote}))
    return [
        Share(place, frozenset(names), routes, None if None in names else usual)
        for place, names in found
    ]


class Part(NamedTuple, Generic[_Use]):
    """What a plain push puts at one place."""

    place: RemoteSetting
    uses: list[_Use]
    bundles: list[Bundle]


def parted(
    places: Places, uses: Sequence[_Use], bundles: Sequence[Bundle] = ()
) -> list[Part[_Use]]:
    """Return the places where a plain push puts what; where there is nothing, the usual one.

    Raises RemoteRefused for what has no place, ConfigError as `shares`.
    """
    all_shares = shares(places, places.usual())
    found = [(share, share.of(uses), portion(share, bundles)) for share in all_shares]
    chosen = [one for one in found if one[1] or one[2]] or found[:1]
    return [
        Part(share.place or places.to_push_to(None), meant, with_them)
        for share, meant, with_them in chosen
    ]


def pushed_to(places: Places) -> list[RemoteSetting]:
    """Return the places where data goes from here, the usual one first, each once.

    Raises RemoteRefused when there is none, ConfigError as `shares`.
    """
    found = [share.place for share in shares(places, places.usual()) if share.place is not None]
    return found or [places.to_push_to(None)]


def _target(places: Places, route: Route) -> RemoteSetting:
    try:
        return places.named(route.remote)
    except UsageError as exc:
        raise ConfigError(
            f'mlvc.toml: track."{route.pattern}".remote: {exc.what}',
            why=exc.why,
            hint=f"git mlvc remote add {route.remote} URL, or git mlvc untrack '{route.pattern}'",
        ) from exc

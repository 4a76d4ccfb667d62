"""Which stage needs what which stage makes: edges, order, and the mistakes that make no order possible. Pure.

An edge goes from the maker of a path to whoever needs that path, something below it, or a directory it is in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from git_mlvc.nearest import nearest
from git_mlvc.pipeline.model import Dep, DepKind, Out, PipelineError, Stage, address_of
from git_mlvc.pipeline.standing.globs import glob
from git_mlvc.repo_path import RepoPath


class Graph:
    """All stages of a repository, by address, in an order in which makers come before those that need them.

    Raises PipelineError: two stages of one address or out, an out inside another, a cycle.
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._by_address: dict[str, Stage] = {}
        for stage in stages:
            if stage.address in self._by_address:
                raise PipelineError(f"two stages are called '{stage.address}'")
            self._by_address[stage.address] = stage
        self._outs = _Outs(self._by_address.values())
        self._needs: dict[str, dict[str, tuple[Out, ...]]] = {
            stage.address: self._makers(stage) for stage in self._by_address.values()
        }
        self.order: tuple[str, ...] = tuple(self._sorted())

    def __getitem__(self, address: str) -> Stage:
        return self._by_address[address]

    def __contains__(self, address: str) -> bool:
        return address in self._by_address

    def __iter__(self) -> Iterator[Stage]:
        return (self._by_address[address] for address in self.order)

    def __len__(self) -> int:
        return len(self._by_address)

    def makers(self, address: str) -> Mapping[str, tuple[Out, ...]]:
        """Return who makes what a stage needs, and which of their outs those are."""
        return self._needs[address]

    @cached_property
    def users(self) -> Mapping[str, tuple[str, ...]]:
        """Which stages need what a stage makes, in order."""
        found: dict[str, list[str]] = {address: [] for address in self.order}
        for address in self.order:
            for maker in self._needs[address]:
                found[maker].append(address)
        return {address: tuple(users) for address, users in found.items()}

    def maker_of(self, path: RepoPath) -> Stage | None:
        """Return the stage that makes a path, or the directory it is in."""
        owned = self._outs.around(path)
        return None if owned is None else self._by_address[owned.stage]

    def makers_of(self, stage: Stage, dep: Dep) -> list[tuple[str, Out]]:
        """Return who makes (a part of) one of the things that a stage needs."""
        return [(owned.stage, owned.out) for owned in self._outs.meant_by(dep)]

    def upstream(self, addresses: Iterable[str]) -> set[str]:
        """Return these stages and all that they need, directly or not."""
        return _closure(addresses, lambda address: self._needs[address])

    def downstream(self, addresses: Iterable[str]) -> set[str]:
        """Return these stages and all that need them, directly or not."""
        return _closure(addresses, lambda address: self.users[address])

    def in_order(self, addresses: Iterable[str]) -> list[str]:
        chosen = set(addresses)
        return [address for address in self.order if address in chosen]

    def resolve(self, names: Sequence[str], folder: RepoPath | None = None) -> list[str]:
        """Return the addresses that are meant, in order: of the file in `folder` first, else from the top.

        "train" means each `train@…` too. Raises PipelineError with the nearest name.
        """
        chosen: set[str] = set()
        for name in names:
            chosen.update(self._meant(name, folder))
        return self.in_order(chosen)

    # -- inside

    def _meant(self, name: str, folder: RepoPath | None) -> list[str]:
        local = [] if folder is None or ":" in name else [address_of(folder, name)]
        for address in (*local, name.removeprefix(":")):
            if address in self._by_address:
                return [address]
            variants = [one for one in self._by_address if one.startswith(address + "@")]
            if variants:
                return variants
        groups = {address.partition("@")[0] for address in self._by_address}
        near = nearest(name, groups | self._by_address.keys())
        raise PipelineError(
            f"there is no stage '{name}'",
            hint=f"did you mean '{near}'?" if near else "git mlvc stage list",
        )

    def _makers(self, stage: Stage) -> dict[str, tuple[Out, ...]]:
        found: dict[str, list[Out]] = {}
        needed = [*stage.deps, *(Dep(param.file.text) for param in stage.params)]
        for dep in needed:
            for owned in self._outs.meant_by(dep):
                if owned.stage == stage.address:
                    raise PipelineError(
                        f"stage '{stage.address}' needs what it makes itself: {owned.out.path}",
                        why=f"{stage.file}, line {stage.line}",
                        hint="take it out of `deps`; `persist = true` lets a command find its last output",
                    )
                outs = found.setdefault(owned.stage, [])
                if owned.out not in outs:
                    outs.append(owned.out)
        return {maker: tuple(outs) for maker, outs in found.items()}

    def _sorted(self) -> Iterator[str]:
        """Yield makers first; among equals, as they were written."""
        waiting = {address: len(makers) for address, makers in self._needs.items()}
        users: dict[str, list[str]] = {address: [] for address in self._needs}
        for address, makers in self._needs.items():
            for maker in makers:
                users[maker].append(address)
        ready = deque(address for address, count in waiting.items() if not count)
        left = len(waiting)
        while ready:
            address = ready.popleft()
            left -= 1
            yield address
            for user in users[address]:
                waiting[user] -= 1
                if not waiting[user]:
                    ready.append(user)
        if left:
            self._refuse_cycle({address for address, count in waiting.items() if count})

    def _refuse_cycle(self, among: set[str]) -> None:
        path = [min(among)]
        while True:
            maker = min(one for one in self._needs[path[-1]] if one in among)
            if maker in path:
                break
            path.append(maker)
        cycle = [*path[path.index(maker) :], maker]
        steps = [
            f"{user} needs {self._needs[user][made][0].path} of {made}"
            for user, made in pairwise(cycle)
        ]
        first = self._by_address[cycle[0]]
        raise PipelineError(
            f"stages wait for each other in a circle: {' -> '.join(cycle)}",
            why="; ".join(steps),
            hint=f"take one of these out of `deps`, in {first.file}",
        )


@dataclass(frozen=True, slots=True)
class _Owned:
    stage: str
    out: Out


class _Outs:
    """Every path that some stage makes."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._by_path: dict[bytes, _Owned] = {}
        for stage in stages:
            for out in stage.outs:
                other = self._by_path.get(out.path.raw)
                if other is not None:
                    raise _two_makers(other, _Owned(stage.address, out))
                self._by_path[out.path.raw] = _Owned(stage.address, out)
        self._sorted = sorted(self._by_path)
        for raw, owned in self._by_path.items():
            for parent in _parents(raw):
                if parent in self._by_path:
                    raise _two_makers(self._by_path[parent], owned)

    def around(self, path: RepoPath) -> _Owned | None:
        for raw in (path.raw, *_parents(path.raw)):
            owned = self._by_path.get(raw)
            if owned is not None:
                return owned
        return None

    def meant_by(self, dep: Dep) -> Iterator[_Owned]:
        if dep.kind is DepKind.URL:
            return
        if dep.kind is DepKind.GLOB:
            yield from self._matched(dep.text)
            return
        owned = self.around(dep.path)
        if owned is not None:
            yield owned
        else:
            yield from self._below(dep.path.raw)

    def _below(self, folder: bytes) -> Iterator[_Owned]:
        prefix = folder + b"/" if folder else b""
        for at in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            raw = self._sorted[at]
            if not raw.startswith(prefix):
                return
            yield self._by_path[raw]

    def _matched(self, pattern: str) -> Iterator[_Owned]:
        """Of directories any that may hold a match: their content is not known yet."""
        meant = glob(pattern)
        around = self.around(RepoPath(meant.folder)) if meant.folder else None
        if around is not None:
            yield around
            return
        for owned in self._below(meant.folder):
            raw = owned.out.path.raw
            if meant.matches(raw) or (owned.out.is_directory and meant.may_match_below(raw)):
                yield owned


def _parents(raw: bytes) -> Iterator[bytes]:
    at = raw.rfind(b"/")
    while at > 0:
        yield raw[:at]
        at = raw.rfind(b"/", 0, at)


def _two_makers(one: _Owned, other: _Owned) -> PipelineError:
    """Of one path, or `other` of a path inside `one`'s."""
    is_same = one.out.path == other.out.path
    if one.stage == other.stage:
        return PipelineError(
            f"stage '{one.stage}' names {other.out.path} twice among what it makes",
            why="" if is_same else f"{one.out.path} holds it",
        )
    if is_same:
        what = f"stages '{one.stage}' and '{other.stage}' both make {one.out.path}"
    else:
        what = f"stage '{other.stage}' makes {other.out.path}, which is in {one.out.path} of '{one.stage}'"
    return PipelineError(
        what,
        why="nobody could tell whose content it is",
        hint="give each stage a path of its own",
    )


def _closure(start: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    found = set(start)
    waiting = list(found)
    while waiting:
        for address in following(waiting.pop()):
            if address not in found:
                found.add(address)
                waiting.append(address)
    return found

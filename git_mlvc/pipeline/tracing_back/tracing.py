"""Following results back to what they were made from, by comparing contents. Pure; `lineage.py` says what comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from git_mlvc.formats.tree import TreeRow
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Result, Run, State
from git_mlvc.pipeline.standing.directory import inside
from git_mlvc.pipeline.standing.globs import glob
from git_mlvc.pipeline.tracing_back.lineage import Lineage, Link, Making, Need, Sight, Sure
from git_mlvc.repo_path import RepoPath


def trace(path: RepoPath, sight: Sight) -> Lineage:
    """Return the lineage of a path. Where nothing is known of it, all of its fields say so."""
    return _Tracer(sight).trace(path)


class _Tracer:
    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._made = _Made(sight.results())
        self._ids: dict[tuple[str, int], int] = {}
        self._found: list[tuple[str, Result, Run | None]] = []  # by id; results are kept alive here

    def trace(self, path: RepoPath) -> Lineage:
        standing = self._sight.standing(path)
        links = self._links(Dep(path.text), standing)
        made, is_changed = standing, any(link.sure is Sure.EARLIER for link in links)
        if standing is None or (is_changed and next(self._made.around(path), None) is not None):
            # Nothing, or something else: what the stage made last is told all the same.
            links, made = self._last(path)
        commit = None if links else self._sight.commit(Dep(path.text))
        makings = tuple(self._makings())
        return Lineage(path, standing, made if links else None, links, is_changed, commit, makings)

    def _last(self, path: RepoPath) -> tuple[tuple[Link, ...], FileState | None]:
        for out, address, result, state in self._made.around(path):
            is_known, part = self._part(state, path.raw[len(out.raw) + 1 :])
            sure = Sure.EXACT if is_known else Sure.LIKELY
            return (self._link(address, result, sure),), part
        return self._below(Dep(path.text)), None

    def _makings(self) -> Iterator[Making]:
        at = 0
        while at < len(self._found):  # grows while needs are looked at
            address, result, run = self._found[at]
            needs = tuple(self._need(dep, state) for dep, state in result.inputs.deps)
            run = run or self._sight.run_of(address, result)
            files = dict.fromkeys(param.file for param, _ in result.inputs.params)
            of_params = [link for file in files for link in self._links(Dep(file.text), None)]
            yield Making(at, address, result, needs, run, tuple(dict.fromkeys(of_params)))
            at += 1

    def _need(self, dep: Dep, state: State) -> Need:
        if not isinstance(state, FileState) or dep.kind is DepKind.URL:
            return Need(dep, state, is_source=True)
        same = self._sight.is_as(dep, state)  # first: then the files of what stands there are known
        rows = self._sight.rows(state) if state.is_directory else None
        links = self._links(dep, state, rows)
        names = None if rows is None else tuple(_path_of(dep, row) for row in rows)
        is_source = not links or (names is not None and any(map(self._is_source, names)))
        changed = None if same is None else not same
        commit = self._sight.commit(dep) if is_source else None
        return Need(dep, state, links, is_source, changed, commit, names)

    def _is_source(self, path: RepoPath) -> bool:
        return next(iter(self._made.around(path)), None) is None

    # -- who made it

    def _links(
        self, dep: Dep, state: FileState | None, rows: Sequence[TreeRow] | None = None
    ) -> tuple[Link, ...]:
        """Return who made a thing, or parts of it. With `state` None: whatever its content."""
        if dep.kind is not DepKind.GLOB:
            link = self._whole(dep.path, state)
            if link is not None:
                return (link,)
        if state is None:
            return ()
        if rows is None and state.is_directory:
            rows = self._sight.rows(state)
        if rows is None:
            return self._below(dep)
        return self._parts(dep, rows)

    def _whole(self, path: RepoPath, state: FileState | None) -> Link | None:
        likely: Link | None = None
        last = ""
        for out, address, result, made in self._made.around(path):
            is_known, part = self._part(made, path.raw[len(out.raw) + 1 :])
            if state is not None and is_known and part == state:
                return self._link(address, result, Sure.EXACT)
            if state is None or not is_known:
                likely = likely or self._link(address, result, Sure.LIKELY)
            last = last or address
        if state is not None:
            for out in _around(path):
                for run in self._sight.runs_making(out):
                    is_known, part = self._part(run.result.out(out), path.raw[len(out.raw) + 1 :])
                    if is_known and part == state:
                        return self._link(run.stage, run.result, Sure.EXACT, run)
        if likely is None and last:
            return Link(last, Sure.EARLIER)
        return likely

    def _parts(self, dep: Dep, rows: Iterable[TreeRow]) -> tuple[Link, ...]:
        """Return who made the files of a directory or glob; each out is asked about once, by its first file."""
        found: dict[tuple[str, int | None], Link] = {}
        owners: set[bytes | None] = set()
        for row in rows:
            path = _path_of(dep, row)
            owner = next((out.raw for out, *_ in self._made.around(path)), None)
            if owner is not None and owner not in owners:
                state = FileState(row.oid, row.size_bytes, None, row.is_executable)
                link = self._whole(path, state)
                if link is not None:
                    found[link.stage, link.made_by] = link
            owners.add(owner)
        is_part = len(found) > 1 or None in owners
        return tuple(replace(link, is_part=is_part) for link in found.values())

    def _below(self, dep: Dep) -> tuple[Link, ...]:
        """Return who makes something in a directory, or what may match a glob, of unknown files."""
        if dep.kind is DepKind.GLOB:
            pattern = glob(dep.text)
            folder = pattern.folder
            rows = list(self._made.around(RepoPath(folder))) if folder else []
            for row in self._made.below(folder):
                raw = row[0].raw
                is_directory = row[3] is not None and row[3].is_directory
                if pattern.matches(raw) or (is_directory and pattern.may_match_below(raw)):
                    rows.append(row)
        else:
            rows = self._made.below(dep.path.raw)
        links = (self._link(address, result, Sure.LIKELY) for _, address, result, _ in rows)
        return tuple(dict.fromkeys(replace(link, is_part=True) for link in links))

    def _part(self, state: FileState | None, rest: bytes) -> tuple[bool, FileState | None]:
        """Return what is at `rest` in an out (all of it for b""), and whether that could be told."""
        if not rest or state is None:
            return True, state
        if not state.is_directory:
            return True, None
        rows = self._sight.rows(state)
        if rows is None:
            return False, None
        found = inside(rows, rest)
        return True, None if found is None else found.state

    def _link(self, address: str, result: Result, sure: Sure, run: Run | None = None) -> Link:
        key = (address, id(result))
        if key not in self._ids:
            self._ids[key] = len(self._found)
            self._found.append((address, result, run))
        return Link(address, sure, self._ids[key])


_Row = tuple[RepoPath, str, Result, FileState | None]  # an out, who made it, and its state


class _Made:
    """Every out that a lock file names."""

    def __init__(self, results: Mapping[str, Result]) -> None:
        self._by_path: dict[bytes, list[_Row]] = {}
        for address in sorted(results):
            result = results[address]
            made = dict(result.outs)
            for path in result.inputs.out_paths:
                row = (path, address, result, made.get(path))
                self._by_path.setdefault(path.raw, []).append(row)

    def around(self, path: RepoPath) -> Iterator[_Row]:
        for out in _around(path):
            yield from self._by_path.get(out.raw, ())

    def below(self, folder: bytes) -> list[_Row]:
        prefix = folder + b"/" if folder else b""
        return [
            row
            for raw, rows in sorted(self._by_path.items())
            if raw.startswith(prefix)
            for row in rows
        ]


def _path_of(dep: Dep, row: TreeRow) -> RepoPath:
    """Return the path of a file of a directory or glob from the top."""
    if dep.kind is DepKind.GLOB:
        folder = glob(dep.text).folder
        return RepoPath(folder + b"/" + row.path if folder else row.path)
    return RepoPath(dep.path.raw + b"/" + row.path)


def _around(path: RepoPath) -> Iterator[RepoPath]:
    """Yield a path and the directories it is in."""
    raw = path.raw
    while raw:
        yield RepoPath(raw)
        raw = raw.rpartition(b"/")[0]

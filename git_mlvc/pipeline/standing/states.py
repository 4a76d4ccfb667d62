"""What stands at the paths that stages need and make, by content: files, directories, globs.

Which files of a directory count: `counting`, docs/adr/0021. How their contents are known: `contents`. What
was seen is remembered for as long as nobody says otherwise (`forget`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError
from git_mlvc.formats import tree as tree_format
from git_mlvc.formats.tree import TreeRow
from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import Dep, DepKind, FileState, Out, PipelineError, State, UrlState
from git_mlvc.pipeline.standing import content_hash, directory, folder_walk
from git_mlvc.pipeline.standing.contents import Contents, Found, Seen
from git_mlvc.pipeline.standing.counting import parents
from git_mlvc.pipeline.standing.directory import Standing, of_rows, of_tree
from git_mlvc.pipeline.standing.folder_walk import Walk
from git_mlvc.pipeline.standing.globs import Glob, glob
from git_mlvc.pipeline.standing.known_to_git import KnownToGit
from git_mlvc.pipeline.standing.listing import Listings
from git_mlvc.pipeline.standing.memory import Memory
from git_mlvc.pipeline.standing.stat_cache import StatCache, moment
from git_mlvc.repo_path import RepoPath, shown

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

_path = itemgetter(0)
CACHE_NAME = "stat-cache"
Replaced = Mapping[RepoPath, FileState]


class States:
    """Of one worktree; used by several threads at once.

    `deps` and `outs`: of all stages, whichever are asked for: what a directory's state is depends on who
    makes it. `read_tree` returns the encoded tree of a directory's state, or None where it is not to be
    had. `url_state` asks a server. `has_modes`: git's `core.fileMode`.
    `clock`: as `stat_cache.moment`.
    """

    def __init__(
        self,
        repo: Repository,
        *,
        deps: Iterable[Dep] = (),
        outs: Iterable[Out] = (),
        read_tree: Callable[[FileState], bytes | None] | None = None,
        url_state: Callable[[str], UrlState | None] | None = None,
        has_modes: bool = True,
        clock: Callable[[], int] = moment,
    ) -> None:
        self._repo = repo
        self._top = os.fsencode(repo.needed_worktree("there are no stages to look at"))
        self._cache = StatCache(repo.state_dir / CACHE_NAME, self._top)
        outs = tuple(outs)
        self._outs = tuple(out.path.raw for out in outs)
        self._plain_outs = frozenset(out.path.raw for out in outs if not out.is_directory)
        self.known_to_git = KnownToGit(repo, self._named)
        self.contents = Contents(self._top, self._cache, self.known_to_git, clock)
        self._deps = tuple(deps)
        self.listings = Listings(repo.git, self._top, self._outs, self._folders)
        self._read_tree = read_tree
        self._url_state = url_state
        self._has_modes = has_modes
        self._clock = clock
        self._memory: Memory[Standing | None] = Memory()

    # -- asking

    def state(self, dep: Dep, replaced: Replaced | None = None) -> State | None:
        """Return what a stage needs, as it would be with each of `replaced` in its place; None: not there.

        A glob that matches nothing is not there. Raises InputError for what cannot be read, RemoteError for
        a URL whose server does not say, PipelineError for a glob that looks into what is written like a file.
        """
        if dep.kind is DepKind.URL:
            return None if self._url_state is None else self._url_state(dep.text)
        if replaced and dep.kind is DepKind.PATH and dep.path in replaced:
            return replaced[dep.path]
        found = self.standing(dep, replaced)
        return None if found is None else found.state

    def standing(self, dep: Dep, replaced: Replaced | None = None) -> Standing | None:
        """As `state`, of paths and globs, with the files of a directory."""
        if dep.kind is DepKind.GLOB:
            return self._matches(glob(dep.text), replaced or {})
        raw = dep.path.raw
        return self._replaced(raw, replaced, self._at(raw)) if replaced else self._at(raw)

    def out(self, out: Out) -> FileState | None:
        """Return what stands where a stage makes something; None: nothing, or a link.

        Raises InputError for what is neither file nor directory, or cannot be read.
        """
        raw = out.path.raw
        if not self.listings.is_out(raw):
            self.listings.add_out(raw)
            self._memory.forget([raw])
        if os.path.islink(self.contents.place(raw)):
            return None
        found = self._at(raw)
        return None if found is None else found.state

    def tree(self, path: RepoPath) -> bytes | None:
        """Return the encoded tree of a directory that stands there; None if none does."""
        found = self._at(path.raw)
        return None if found is None else found.tree

    def known(self, path: RepoPath, info: os.stat_result) -> FileState | None:
        """Return the state of a file that looks like this, if that takes no reading."""
        found = self.contents.known(Seen(path.raw, info))
        return None if found is None else self._file(found)

    def is_program(self, path: RepoPath, info: os.stat_result) -> bool:
        """True if a file may be executed: by its mode, or by git's index where the file system has none."""
        if self._has_modes:
            return bool(info.st_mode & stat.S_IXUSR)
        return self.contents.is_program(path.raw)

    # -- being told

    def know(
        self, path: RepoPath, state: FileState, info: os.stat_result, read_at: int | None = None
    ) -> None:
        """Remember what was just read from, or written to, a file that looks like this.

        `read_at`: `moment()` before it was read. Without it nothing is remembered: what has just been
        written may be written again without looking any different.
        """
        if read_at is not None:
            self._cache.put(path.raw, info, state.oid.digest, state.size_bytes, read_at=read_at)
        self.forget([path])

    def moment(self) -> int:
        """Return the time as file systems stamp it, in ns."""
        return self._clock()

    def forget(self, paths: Iterable[RepoPath] | None = None) -> None:
        """Look again the next time: at these paths, what is in them and what they are in; None: everywhere."""
        self._memory.forget(None if paths is None else [path.raw for path in paths])
        self.listings.doubt()

    def save(self) -> None:
        """Keep what was learnt for the next process. Never fails."""
        self._cache.save()

    # -- what stands there

    def _at(self, raw: bytes) -> Standing | None:
        return self._memory.get(raw, lambda: self._look(raw))

    def _look(self, raw: bytes) -> Standing | None:
        try:
            info = os.stat(self.contents.place(raw))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                raise folder_walk.circle(raw) from exc
            raise content_hash.unreadable(raw, exc) from exc
        if stat.S_ISDIR(info.st_mode):
            try:
                return self._directory(raw, self.listings.of(raw))
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not stat.S_ISREG(info.st_mode):
            raise content_hash.not_regular(raw, info.st_mode)
        found = self.contents.of([Seen(raw, info)])
        return Standing(self._file(found[0])) if found else None

    def _file(self, found: Found) -> FileState:
        is_executable = self.is_program(RepoPath(found.path), found.info)
        return FileState(Oid(found.digest), found.size_bytes, is_executable=is_executable)

    def _directory(self, folder: bytes, walk: Walk) -> Standing:
        for inner, names in walk.listings.items():
            self._cache.seen_whole(inner, names)
        # A directory may list a name twice that is renamed meanwhile.
        files = self.contents.of(sorted(dict(walk.files).items(), key=_path))
        skip = len(folder) + 1 if folder else 0
        if self._has_modes:
            modes = [found.info.st_mode & stat.S_IXUSR != 0 for found in files]
        else:
            modes = [self.contents.is_program(found.path) for found in files]
        data = tree_format.encode_raw(
            (path[skip:], digest, size_bytes, mode)
            for (path, _, digest, size_bytes), mode in zip(files, modes, strict=True)
        )
        return of_tree(data, sum(found.size_bytes for found in files), len(files))

    def _look_for(self, pattern: Glob) -> Standing | None:
        try:
            walk = self.listings.of(pattern.folder, pattern)
        except (FileNotFoundError, NotADirectoryError):
            return None
        self._refuse_hidden_maker(pattern, walk)
        found = self._directory(pattern.folder, walk)
        return found if found.state.files else None

    def _refuse_hidden_maker(self, pattern: Glob, walk: Walk) -> None:
        """Raise PipelineError for matches in an out that nobody said is a directory: stages were put in order
        without knowing that they are in it.
        """
        if not any(directory.is_in(out, pattern.folder) for out in self._plain_outs):
            return
        for path, _ in walk.files:
            for parent in parents(path):
                is_hidden = parent in self._plain_outs and not pattern.matches(parent)
                if is_hidden and directory.is_in(parent, pattern.folder):
                    raise PipelineError(
                        f"the pattern '{pattern.text}' finds files in {shown(parent)}, which a stage makes",
                        why="it is written there like a file, so that nobody could tell",
                        hint=f"write '{shown(parent)}/' among the outs of that stage",
                    )

    def _named(self) -> list[bytes]:
        """Return all paths that will be asked about."""
        deps = [dep.path.raw for dep in self._deps if dep.kind is DepKind.PATH]
        globs = [glob(dep.text).folder for dep in self._deps if dep.kind is DepKind.GLOB]
        return [*self._outs, *deps, *globs]

    def _folders(self) -> list[bytes]:
        """Return the directories among the deps, and those that globs look into."""
        named = {glob(dep.text).folder for dep in self._deps if dep.kind is DepKind.GLOB}
        paths = {dep.path.raw for dep in self._deps if dep.kind is DepKind.PATH}
        return [*named, *(path for path in paths if os.path.isdir(self.contents.place(path)))]

    # -- what will stand there

    def _matches(self, pattern: Glob, replaced: Replaced) -> Standing | None:
        key = b"glob:" + os.fsencode(pattern.text)
        here = self._memory.get(pattern.folder, lambda: self._look_for(pattern), key=key)
        there = self._replaced(pattern.folder, replaced, here) if replaced else here
        if there is here or there is None:
            return there
        start = pattern.folder + b"/" if pattern.folder else b""
        chosen = of_rows(one for one in there.rows if pattern.matches(start + one.path))
        return chosen if chosen.state.files else None

    def _replaced(self, raw: bytes, replaced: Replaced, here: Standing | None) -> Standing | None:
        """Return what stands at `raw` instead of `here` once those outs are in their places."""
        outs = {path.raw: state for path, state in replaced.items()}
        for at in (raw, *parents(raw)) if raw else ():
            if at in outs:
                return self._inside(at, outs[at], raw[len(at) + 1 :])
        inner = {path: state for path, state in outs.items() if directory.is_in(path, raw)}
        if not inner:
            return here
        skip = len(raw) + 1 if raw else 0
        fresh = {path[skip:]: self._rows_at(path, state, skip) for path, state in inner.items()}
        return of_rows(directory.overlaid(() if here is None else here.rows, fresh))

    def _inside(self, at: bytes, state: FileState, rest: bytes) -> Standing | None:
        """Return what is at `rest` in what will stand at `at`; all of it for b""."""
        if not state.is_directory:
            return None if rest else Standing(state)
        if rest:
            return directory.inside(self._tree_rows(at, state), rest)
        return of_rows(self._tree_rows(at, state))

    def _rows_at(self, path: bytes, state: FileState, skip: int) -> list[TreeRow]:
        if not state.is_directory:
            return [directory.row(path[skip:], state)]
        return list(directory.moved(self._tree_rows(path, state), path[skip:]))

    def _tree_rows(self, path: bytes, state: FileState) -> list[TreeRow]:
        data = None if self._read_tree is None else self._read_tree(state)
        if data is None:
            raise InputError(
                f"cannot tell what will be in {shown(path)}",
                why="the list of its files is not in the local store",
                hint="git mlvc repro --pull",
            )
        return tree_format.decode(data)

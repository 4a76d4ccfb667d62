"""One revision, or the worktree: its files, through pointers, and what its stages say of them there.

`Revisions` hands out any number that share one git process and all trees they have in common.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MissingChunk, MlvcError, UsageError
from git_mlvc.formats import dotted_key
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.git.object_reader import MAX_BYTES, ObjectReader
from git_mlvc.nearest import nearest
from git_mlvc.pipeline import discovery, presence
from git_mlvc.pipeline.discovery import Pipeline
from git_mlvc.pipeline.files import InCommit, OnDisk
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.model import Out, OutKind, Param, Result, address_of, below
from git_mlvc.pipeline.parameters import params
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.scene import Fetch
    from git_mlvc.store.store import Store

EXPERIMENTS = "refs/mlvc/exp/"
WORKTREE = "."
"""What the worktree is called where revisions are named; git has none of that name."""
LOGGED_PARAMS = "logged_params.json"
"""What a training script has noted as parameters (`git_mlvc.log`): beside its metrics, or at the top."""
DEFAULT_METRICS = ("metrics.json", "metrics.toml", "metrics.yaml", "metrics.yml", "metrics.csv")
DEFAULT_PLOTS = "plots"
"""What counts as metrics, or plots, at the top of a repository whose stages declare none."""


class MissingData(InputError):
    """The file is there, its data is not: it is in no store that was asked."""

    def __init__(
        self, path: RepoPath, rev: str | None, pointer: Pointer, why: MlvcError | None = None
    ) -> None:
        of = "" if rev is None else f" of {rev}"
        super().__init__(
            f"the data of {path}{of} is not here",
            why="" if why is None else str(why),
            hint=f"git mlvc pull {shlex.quote(path.text)}"
            if rev is None
            else "git mlvc fetch --all",
        )
        self.path = path
        self.pointer = pointer


class Revisions:
    """Revisions of one repository. Usable by several threads; `close` it, or use `with`.

    `fetch`: how data that is not here is had; None leaves it missing.
    """

    def __init__(self, repo: Repository, store: Store, *, fetch: Fetch | None = None) -> None:
        self.repo = repo
        self.store = store
        self.fetch = fetch
        self.reader = ObjectReader(repo)
        self.namesakes: list[str] = []
        """Names that were asked for which git has for one commit, and an experiment for another."""

    def __enter__(self) -> Revisions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.reader.close()

    def at(self, rev: str | None) -> At:
        """Return a revision by any name that git knows, or an experiment's; None or "." for the worktree.

        Raises UsageError with the nearest name, InputError where there is no worktree.
        """
        if rev is None or rev == WORKTREE:
            top = self.repo.needed_worktree("there are no files to be seen")
            return At(self, None, "", OnDisk(top, max_bytes=MAX_BYTES))
        commit = self.reader.commit(rev)
        if rev and not rev.startswith("refs/"):
            experiment = self.reader.commit(EXPERIMENTS + rev)
            if commit is not None and experiment not in (None, commit):
                self.namesakes.append(rev)
            commit = commit or experiment
        tree = self.reader.tree_of(commit) if commit is not None else None
        if commit is None or tree is None:
            raise self._unknown(rev)
        return At(self, rev, commit, InCommit(self.reader, tree, name=rev))

    def content(self, pointer: Pointer) -> bytes | MlvcError | None:
        """Return the data that a pointer names; where it is not to be had, why, None if nobody was asked.

        Raises StoreError for what is damaged.
        """
        found = self.store.contents([pointer])[pointer]
        why = None
        if isinstance(found, MissingChunk) and self.fetch is not None:
            why = (self.fetch([pointer]) or {}).get(pointer)
            found = self.store.contents([pointer])[pointer]
        if isinstance(found, MissingChunk):
            return why
        if isinstance(found, MlvcError):
            raise found
        return found

    def _unknown(self, rev: str) -> UsageError:
        names = self.repo.git.run("for-each-ref", "--format=%(refname)").stdout
        known = names.decode("utf-8", "surrogateescape").splitlines()
        short = [_short(name) for name in known]
        near = nearest(rev, [*short, *known, "HEAD"])
        has_no_commit = rev == "HEAD"
        return UsageError(
            f"'{rev}' is no revision",
            why="nothing has been committed yet"
            if has_no_commit
            else "it is neither a name of git's for a commit nor an experiment",
            hint=f"did you mean '{near}'?"
            if near and not has_no_commit
            else "`git log --all --oneline` shows the commits",
        )


class At:
    """The files of one revision, or of the worktree, and what its stages say.

    `rev`: how it was asked for, None for the worktree; `commit`: its full sha, "" for the worktree.
    """

    def __init__(
        self, revisions: Revisions, rev: str | None, commit: str, files: OnDisk | InCommit
    ) -> None:
        self._revisions = revisions
        self._files = files
        self.rev = rev
        self.commit = commit

    @property
    def name(self) -> str:
        """What people call it."""
        return "worktree" if self.rev is None else self.rev

    # -- files

    def read(self, path: RepoPath) -> bytes | None:
        """Return what a file holds, the data itself where it is a pointer; None if nothing is there.

        Raises MissingData, ConfigError for what is no regular file or larger than MAX_BYTES, InputError for
        what leads elsewhere, StoreError, GitError.
        """
        data = self._files.read(path)
        pointer = pointer_format.sniff(data) if data is not None else None
        if pointer is None:
            return data
        if pointer.size_bytes > MAX_BYTES:
            raise InputError(
                f"cannot read {path} ({self.name})", why=f"it has {pointer.size_bytes} bytes"
            )
        content = self._revisions.content(pointer)
        if not isinstance(content, bytes):
            raise MissingData(path, self.rev, pointer, content)
        return content

    def exists(self, path: RepoPath) -> bool:
        """True if something is there; reading it may fail."""
        return self._files.exists(path)

    def below(self, path: RepoPath) -> list[RepoPath]:
        """Return the file, or all files in the directory, sorted; none if nothing is there."""
        return self._files.below(path)

    # -- what the stages say

    def pipeline(self) -> Pipeline:
        """Return the stages, with templates and params as they are there. Raises as `discovery.load`."""
        return self._pipeline

    def metrics(self) -> list[Out]:
        """Return the metrics of all stages; where there are none, metrics.json (.toml, .yaml, .csv) at the top.

        Raises as `pipeline`.
        """
        return self._outs(OutKind.METRIC) or [
            Out(path, OutKind.METRIC, is_stored=False)
            for name in DEFAULT_METRICS
            if self.exists(path := RepoPath.parse(name))
        ]

    def plots(self) -> list[Out]:
        """Return the plots of all stages; where there are none, the directory plots/ at the top.

        Raises as `pipeline`.
        """
        path = RepoPath.parse(DEFAULT_PLOTS)
        default = Out(path, OutKind.PLOT, is_directory=True, is_stored=False)
        return self._outs(OutKind.PLOT) or ([default] if self.below(path) else [])

    def metric_files(self) -> list[tuple[RepoPath, Out]]:
        """Return the files of all metrics, each with the metric that it is or is in. Raises as `pipeline`.

        One that is no directory is named whether it is there or not.
        """
        return list(self._files_of(self.metrics()))

    def plot_files(self) -> list[tuple[RepoPath, Out]]:
        """As `metric_files`, for plots."""
        return list(self._files_of(self.plots()))

    def params(self) -> dict[Param, Value | MlvcError]:
        """Return every parameter that stages name, in `params` or by `${…}`, each value of a table for itself.

        What a script has logged as parameters counts too. Where there is none of all these, the default params
        files at the top do. In the place of a value that is not to be had stands why. Raises as `pipeline`.
        """
        pipeline = self.pipeline()
        named = [param for stage in pipeline.stages for param in stage.params]
        named += [*pipeline.params.noted(), *(Param(file, "") for file in self._logged_params())]
        if not named:
            usual = (RepoPath.parse(name) for name in params.DEFAULT_NAMES)
            named = [Param(file, "") for file in usual if self.exists(file)]
        return self.values(named)

    def values(self, wanted: Iterable[Param]) -> dict[Param, Value | MlvcError]:
        """Return these parameters as `params` does."""
        reader = params.ParamsReader(self)
        found: dict[Param, Value | MlvcError] = {}
        for param in dict.fromkeys(wanted):
            try:
                value = reader.plain_value(param)
            except MlvcError as exc:
                found[param] = exc
                continue
            parts = dotted_key.parse(param.key) if param.key else ()
            found |= {Param(param.file, key): leaf for key, leaf in _leaves(value, parts)}
        return found

    def results(self) -> dict[str, Result]:
        """Return what each stage made last, by its address, as the lock files say. Raises also FormatError."""
        found: dict[str, Result] = {}
        for folder in dict.fromkeys(stage.folder for stage in self.pipeline().stages):
            path = below(folder, lock_file.NAME)
            data = self._files.read(path)
            if data is not None:
                for name, result in lock_file.decode(data, str(path), folder).items():
                    found[address_of(folder, name)] = result
        return found

    @cached_property
    def _pipeline(self) -> Pipeline:
        if isinstance(self._files, OnDisk):
            return discovery.load(self._revisions.repo)
        return discovery.read(self, self._files.called(presence.NAME))

    def _logged_params(self) -> list[RepoPath]:
        folders = [out.path.raw.rpartition(b"/")[0] for out in self.metrics()]
        at = [below(RepoPath(raw) if raw else None, LOGGED_PARAMS) for raw in (b"", *folders)]
        return [path for path in dict.fromkeys(at) if self.exists(path)]

    def _outs(self, kind: OutKind) -> list[Out]:
        stages = self.pipeline().stages
        return [out for stage in stages for out in stage.outs if out.kind is kind]

    def _files_of(self, outs: Sequence[Out]) -> Iterator[tuple[RepoPath, Out]]:
        for out in outs:
            inside = self.below(out.path)
            for path in inside or ([] if out.is_directory else [out.path]):
                yield path, out


def _leaves(value: Value, parts: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
    """Yield what is in a table, each with its whole key; a list is one value, an empty table too."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*parts, name))
    else:
        yield dotted_key.written(parts), value


def _short(ref: str) -> str:
    for prefix in ("refs/heads/", "refs/tags/", "refs/remotes/", EXPERIMENTS):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref

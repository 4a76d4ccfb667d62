"""What a pipeline is made of: stages, what they need, what they make, and what they made last. Pure.

All paths are from the top of the repository, whichever `mlvc.toml` they were written in.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from git_mlvc.errors import ExitCode, InputError, MlvcError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath


class OutKind(Enum):
    """What an out is for. Metrics and plots are outs that people look at."""

    OUT = "out"
    METRIC = "metric"
    PLOT = "plot"


@dataclass(frozen=True, slots=True)
class Out:
    """What a stage makes: a file or a directory.

    `is_directory`: written with a trailing slash, so it has to be one. `persist`: the command finds what it
    made last time. `is_stored`: False leaves it to git as it is. `is_pushed`: False keeps its data off
    remotes. `options`: for metrics and plots, what else was written beside the path (x, y, goal …).
    """

    path: RepoPath
    kind: OutKind = OutKind.OUT
    is_directory: bool = False
    persist: bool = False
    is_stored: bool = True
    is_pushed: bool = True
    desc: str = ""
    options: Mapping[str, object] = field(default_factory=dict, hash=False)


class DepKind(Enum):
    """How what a stage needs is named."""

    PATH = "path"
    GLOB = "glob"
    URL = "url"


@dataclass(frozen=True, slots=True, order=True)
class Dep:
    """What a stage needs: a file or directory (no trailing slash), a glob, both from the top; or a URL."""

    text: str
    kind: DepKind = field(default=DepKind.PATH, compare=False)

    @property
    def path(self) -> RepoPath:
        """Only of a PATH."""
        return RepoPath.parse(self.text)


@dataclass(frozen=True, slots=True, order=True)
class Param:
    """One value of a params file: `key` is dotted ("train.lr", "layers.0"); empty for the whole file."""

    file: RepoPath
    key: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}" if self.key else str(self.file)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, expanded and with all `${…}` filled in.

    `address` is how it is called from the top ("sub:train@cnn-0.1"), `name` how in its own file
    ("train@cnn-0.1"). `folder` is where that file is, None for the top; `wdir` where the commands run.
    `outs` holds metrics and plots too. `item` is what a matrix or foreach gave it, as text by name; a plain
    item has the empty name. `resources` are slots by name.
    """

    address: str
    name: str
    commands: tuple[str, ...]
    folder: RepoPath | None = None
    line: int = 0
    deps: tuple[Dep, ...] = ()
    params: tuple[Param, ...] = ()
    outs: tuple[Out, ...] = ()
    wdir: RepoPath | None = None
    env: Mapping[str, str] = field(default_factory=dict, hash=False)
    timeout_s: float | None = None
    retries: int = 0
    is_frozen: bool = False
    is_always: bool = False
    desc: str = ""
    resources: Mapping[str, int] = field(default_factory=dict, hash=False)
    item: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def file(self) -> RepoPath:
        """The `mlvc.toml` that it is written in."""
        return below(self.folder, "mlvc.toml")

    @property
    def lock_file(self) -> RepoPath:
        """The `mlvc.lock` that its last result is written in."""
        return below(self.folder, "mlvc.lock")

    @property
    def is_repeatable(self) -> bool:
        """True if equal inputs mean an equal result: then earlier ones are looked up."""
        return not self.is_always and not any(out.persist for out in self.outs)


def below(folder: RepoPath | None, name: str) -> RepoPath:
    """Return the path of a name in a folder; None is the top."""
    return RepoPath.parse(name if folder is None else f"{folder.text}/{name}")


def address_of(folder: RepoPath | None, name: str) -> str:
    """Return how the stage of this name in the file of a folder is called from the top.

    It is shown and typed: a folder that nobody could type is written as git quotes it.
    """
    return name if folder is None else f"{folder}:{name}"


@dataclass(frozen=True, slots=True)
class FileState:
    """What stands at a path: a file (its content's id and size), or a directory (the id of its tree: the
    content of docs/formats/tree.md; `size_bytes` is the sum of its files, `files` how many there are, and
    `tree_size_bytes` how long the tree itself is: store and remotes know a content by id and size).
    """

    oid: Oid
    size_bytes: int
    files: int | None = None
    is_executable: bool = False
    tree_size_bytes: int = 0

    @property
    def is_directory(self) -> bool:
        return self.files is not None

    @property
    def pointer(self) -> Pointer | None:
        """What store and remotes call the content: of the file, or of the tree; None if it is empty."""
        size_bytes = self.tree_size_bytes if self.is_directory else self.size_bytes
        return Pointer(self.oid, size_bytes) if size_bytes else None


@dataclass(frozen=True, slots=True)
class UrlState:
    """What a server says of what is at a URL: an ETag, a version or a date, with its kind before it."""

    version: str
    size_bytes: int | None = None


State = FileState | UrlState


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a stage's result depends on, sorted. `params` values are canonical JSON.

    Equal inputs, equal key (`fingerprint.key`).
    """

    commands: tuple[str, ...]
    wdir: RepoPath | None = None
    env: tuple[tuple[str, str], ...] = ()
    deps: tuple[tuple[Dep, State], ...] = ()
    params: tuple[tuple[Param, str], ...] = ()
    out_paths: tuple[RepoPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a stage made, and from what: a block of a lock file, and most of a run record."""

    inputs: Inputs
    outs: tuple[tuple[RepoPath, FileState], ...] = ()

    def out(self, path: RepoPath) -> FileState | None:
        return next((state for at, state in self.outs if at == path), None)


@dataclass(frozen=True, slots=True)
class Run:
    """A result as the run cache remembers it. Times in milliseconds (since 1970; how long it took).

    `unpushed`: the outs whose data stays off remotes. `id`: of the record, empty before it is stored.
    """

    key: bytes
    stage: str
    made_at_ms: int
    duration_ms: int
    host: str
    result: Result
    unpushed: frozenset[RepoPath] = frozenset()
    id: bytes = b""


class MissingContent(InputError):
    """What a stage needs stands there as a pointer, and its data is not to be had."""


class MissingDep(InputError):
    """What a stage needs is not there. `makers`: the stages that would make it, or a part
    of it; `is_frozen`: one of them is."""

    def __init__(
        self, stage: Stage, dep: str, makers: Sequence[str] = (), *, is_frozen: bool = False
    ) -> None:
        names = " ".join(shlex.quote(maker) for maker in makers)
        why, hint = "no stage makes it", "correct `deps`, or put the file there"
        if stage.wdir != stage.folder:  # other tools see them from there
            hint += f"; paths are as seen from {stage.file}, not from `wdir`"
        if makers:
            why = f"{', '.join(makers)} makes it" + (", and is frozen" if is_frozen else "")
            hint = f"git mlvc {'unfreeze' if is_frozen else 'repro'} {names}"
        super().__init__(
            f"stage '{stage.address}' needs {dep}, which does not exist", why=why, hint=hint
        )
        self.stage = stage.address
        self.dep = dep
        self.makers = tuple(makers)


class PipelineError(MlvcError):
    """Stages do not fit together: cycles, two that write one path, unknown names."""

    exit_code = ExitCode.USAGE

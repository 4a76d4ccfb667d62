"""Reading params files: TOML, YAML or JSON by their extension, each at most once for one reader."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError
from git_mlvc.fs import structured
from git_mlvc.pipeline.model import Param, below
from git_mlvc.pipeline.parameters import param_values
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.pipeline.files import Files

DEFAULT_NAMES = ("params.toml", "params.yaml", "params.yml", "params.json")


class MissingParamsFile(ConfigError):
    """A params file that is named, or the default one, does not exist."""


class ParamsReader:
    """The params files of one worktree, or of one revision. Usable by several threads."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._documents: dict[RepoPath, Value] = {}
        self._defaults: dict[RepoPath | None, RepoPath] = {}
        self._noted: dict[Param, None] = {}
        self._lock = threading.RLock()

    def value(self, param: Param) -> str:
        """Return the value as canonical JSON. Raises ConfigError naming file, key and the nearest key."""
        return param_values.canonical(self.plain_value(param))

    def plain_value(self, param: Param) -> Value:
        """As `value`, but not as text."""
        try:
            document = self.document(param.file)
        except MissingParamsFile as exc:
            if param.key:
                exc.why = f"the value of '{param.key}' should be there"
            raise
        return param_values.at(document, param.key, str(param.file))

    def document(self, file: RepoPath) -> Value:
        """Return all that a file holds.

        Raises MissingParamsFile, ConfigError with file, line and column, InputError for what leads elsewhere.
        """
        with self._lock:
            if file not in self._documents:
                self._documents[file] = self._read(file)
            return self._documents[file]

    def default(self, folder: RepoPath | None) -> RepoPath:
        """Return the params file meant by a key alone: params.toml where there is none yet.

        Raises ConfigError where there are two.
        """
        with self._lock:
            if folder not in self._defaults:
                self._defaults[folder] = self._find_default(folder)
            return self._defaults[folder]

    def exists(self, file: RepoPath) -> bool:
        """True if there is such a file to be read; it may be broken."""
        return file in self._documents or self._files.exists(file)

    def read_files(self) -> frozenset[RepoPath]:
        """Return the files that were read so far."""
        with self._lock:
            return frozenset(self._documents)

    def note(self, param: Param) -> None:
        """A `${…}` has read this value."""
        with self._lock:
            self._noted.setdefault(param)

    def noted(self) -> tuple[Param, ...]:
        """Return what every `${…}` so far has read, in that order, each once."""
        with self._lock:
            return tuple(self._noted)

    def forget(self, file: RepoPath) -> None:
        """Something was written there: read it again when it is asked for."""
        with self._lock:
            self._documents.pop(file, None)

    def _find_default(self, folder: RepoPath | None) -> RepoPath:
        found = [name for name in DEFAULT_NAMES if self._files.exists(below(folder, name))]
        if len(found) > 1:
            where = "at the top" if folder is None else f"in {folder}"
            raise ConfigError(
                f"there are several params files {where}: {', '.join(found)}",
                why="a key without a file could be of any of them",
                hint=f"keep one of them, or write the file before the key: {found[0]}:KEY",
            )
        return below(folder, found[0] if found else DEFAULT_NAMES[0])

    def _read(self, file: RepoPath) -> Value:
        name = str(file)
        data = self._files.read(file)
        if data is None:
            raise MissingParamsFile(
                f"the params file {name} does not exist",
                hint=f"write {name}, or correct the stage that names it",
            )
        return parse(data, name)


def parse(data: bytes, name: str) -> Value:
    """Return what a params file holds, as plain values; its format is told by the end of `name`.

    Raises ConfigError naming file, line and column.
    """
    from git_mlvc.formats import pointer

    if pointer.sniff(data) is not None:
        raise ConfigError(
            f"{name} is a stub: its content is not here", hint=f"git mlvc pull {name}"
        )
    ending = name.rstrip('"').rpartition(".")[2].lower()
    if ending == "toml":
        document: object = structured.parse_toml(data, name)
    elif ending in ("yaml", "yml"):
        document = structured.parse_yaml(data, name)
        document = {} if document is None else document
    elif ending == "json":
        document = structured.parse_json(data, name)
    else:
        raise ConfigError(
            f"{name} is no params file", why="its name should end in .toml, .yaml, .yml or .json"
        )
    return param_values.plain(document, name)

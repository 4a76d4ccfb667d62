"""Parameters that an experiment sets: which are meant, what they are set to, and writing them.

An override is "FILE:KEY" (path from the top, key as in stage files) and a value of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc.errors import ConfigError, UsageError
from git_mlvc.experiments import assignment, param_edit
from git_mlvc.formats import dotted_key
from git_mlvc.fs import safe_path, structured
from git_mlvc.nearest import nearest
from git_mlvc.pipeline.model import Param, below
from git_mlvc.pipeline.parameters import param_values, params
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.pipeline.stage_files.templating import PARAM
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.pipeline.discovery import Pipeline

_MOST_KEYS = 100_000


class Parameters:
    """All parameters that can be set: those in files that stages name, and in the default files beside them.

    `folder`: where the user stands; files may be named from there or from the top.
    """

    def __init__(self, pipeline: Pipeline, folder: RepoPath | None = None) -> None:
        self._reader = pipeline.params
        self._folder = folder
        self._stage_files = pipeline.files
        self._makers = {out.path: stage.address for stage in pipeline.stages for out in stage.outs}
        self._files = sorted(file for file in _named(pipeline) if self._reader.exists(file))

    def assigned(self, assignments: Iterable[str]) -> dict[str, object]:
        """Return the overrides that several `KEY=VALUE` mean; of two for one key, the last counts.

        Raises UsageError: unknown key, wrong type; ConfigError: a file that cannot be read.
        """
        found = {}
        for text in assignments:
            key, value = assignment.split(text)
            param = self.find(key)
            found[written(param)] = self.fitting(param, value)
        return found

    def find(self, text: str) -> Param:
        """Return the parameter that a KEY or FILE:KEY means; the end of a key will do where it is one's only.

        Raises UsageError with the nearest one.
        """
        name, key = _parted(text)
        try:
            parts = dotted_key.parse(key)
        except ValueError as exc:
            raise UsageError(f"-S {text}: {exc}", hint="write KEY or FILE:KEY") from exc
        files = [self._file(name)] if name else self._files
        exact = [Param(file, dotted_key.written(parts)) for file in files if self._has(file, parts)]
        found = exact or [
            Param(file, known)
            for file in files
            for known in self._keys(file)
            if dotted_key.parse(known)[-len(parts) :] == parts
        ]
        if len(found) != 1:
            raise self._several(text, found) if found else self._unknown(text, files, parts)
        maker = self._makers.get(found[0].file)
        if maker is not None:
            raise UsageError(
                f"{found[0].file} is made by stage '{maker}'",
                why="what is set there would be overwritten",
                hint="set the parameters of that stage",
            )
        return found[0]

    def fitting(self, param: Param, text: str) -> object:
        """Return the value that a typed text means for it. Raises UsageError showing both types."""
        return assignment.fitting(text, self._reader.plain_value(param), str(param))

    def suited(self, param: Param, value: object) -> object:
        """As `fitting`, for a value that is one already."""
        return assignment.suited(value, self._reader.plain_value(param), str(param))

    def current(self, param: Param) -> Value:
        """Return what it is now."""
        return self._reader.plain_value(param)

    # -- inside

    def _file(self, name: str) -> RepoPath:
        for folder in (self._folder, None):
            try:
                path = below(folder, name.removeprefix("./"))
            except ValueError:
                continue
            if path in self._files:
                return path
        near = nearest(name, [file.text for file in self._files])
        listed = ", ".join(str(file) for file in self._files[:5]) or "no stage names any"
        raise UsageError(
            f"'{name}' is no params file of a stage",
            why=f"there are: {listed}",
            hint=f"did you mean '{near}'?" if near else "",
        )

    def _has(self, file: RepoPath, parts: tuple[str, ...]) -> bool:
        value: Value = self._reader.document(file)
        for part in parts:
            found, value = param_values.step(value, part)
            if not found:
                return False
        return True

    def _keys(self, file: RepoPath) -> list[str]:
        return list(param_values.keys(self._reader.document(file), _MOST_KEYS))

    def _several(self, text: str, found: list[Param]) -> UsageError:
        return UsageError(
            f"'{text}' could be {' or '.join(written(one) for one in found[:5])}",
            hint=f"write -S {written(found[0])}=…",
        )

    def _unknown(self, text: str, files: list[RepoPath], parts: tuple[str, ...]) -> UsageError:
        place = self._in_vars(parts)
        if place is not None:
            return UsageError(
                f"'{text}' is no parameter",
                why=f"it stands in [vars] of {place}, which is part of the pipeline",
                hint="move it to params.toml: ${…} finds it there, and -S sets it",
            )
        if not files:
            return UsageError(
                f"there is no parameter '{text}'",
                why="no stage names a params file, and there is no params.toml, .yaml or .json",
                hint="write params.toml, and name it in the `params` of a stage",
            )
        near = (
            (file, param_values.nearest_key(self._reader.document(file), parts)) for file in files
        )
        hint = next((f"did you mean '{key}' ({file})?" for file, key in near if key), "")
        listed = ", ".join(str(file) for file in files)
        return UsageError(f"there is no parameter '{text}'", why=f"not in {listed}", hint=hint)

    def _in_vars(self, parts: tuple[str, ...]) -> RepoPath | None:
        """Return the stage file whose `[vars]` have a key."""
        for file in self._stage_files:
            document = self._reader.document(file)
            found = document.get("vars", {}) if isinstance(document, Mapping) else {}
            for key in param_values.keys(found, _MOST_KEYS):
                if ("vars", *dotted_key.parse(key))[-len(parts) :] == parts:
                    return file
        return None


def written(param: Param) -> str:
    """Return how an override names a parameter."""
    return f"{param.file.text}:{param.key}"


def read(text: str) -> Param:
    """Return the parameter that an override names. Raises ValueError."""
    name, key = _parted(text)
    return Param(RepoPath.parse(name), key)


def write(top: Path, overrides: Mapping[str, object]) -> None:
    """Set them in the params files below `top`, which nobody else uses. Raises as `edited`."""
    for file, _, data in edited(top, overrides):
        safe_path.resolve_inside(top, file).write_bytes(data)


def edited(top: Path, overrides: Mapping[str, object]) -> list[tuple[RepoPath, bytes, bytes]]:
    """Return each params file below `top` that they are in, its bytes, and its bytes with them set.

    Raises ConfigError, InputError, UsageError (no such file).
    """
    by_file: dict[RepoPath, dict[str, object]] = {}
    for text, value in overrides.items():
        param = read(text)
        by_file.setdefault(param.file, {})[param.key] = value
    made = []
    for file, changes in by_file.items():
        try:
            data = structured.read_settings(safe_path.resolve_inside(top, file))
        except FileNotFoundError as exc:
            raise ConfigError(f"the params file {file} does not exist") from exc
        made.append((file, data, param_edit.edited(data, str(file), changes)))
    return made


def _parted(text: str) -> tuple[str, str]:
    """Return the file, which may be empty, and the key."""
    found = PARAM.match(text)
    return (found[1], found[2]) if found is not None else ("", text)


def _named(pipeline: Pipeline) -> set[RepoPath]:
    files = {param.file for stage in pipeline.stages for param in stage.params}
    files |= pipeline.params.read_files()
    for file in pipeline.files:
        folder = file.raw.rpartition(b"/")[0]
        for name in params.DEFAULT_NAMES:
            files.add(below(RepoPath(folder) if folder else None, name))
    return files

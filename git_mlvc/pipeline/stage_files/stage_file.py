"""The stage file `mlvc.toml`: `[stage.NAME]` and `[vars]`, as stages. Pure; docs/reference/stage-file.md.

Whatever is wrong in it is a ConfigError that names file, line and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from git_mlvc.errors import ConfigError
from git_mlvc.fs.structured import parse_toml
from git_mlvc.nearest import did_you_mean
from git_mlvc.pipeline.model import Stage, below
from git_mlvc.pipeline.parameters import param_values
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.pipeline.stage_files import stage_table, toml_positions
from git_mlvc.pipeline.stage_files.mistakes import Mistake, located
from git_mlvc.pipeline.stage_files.templating import ParamFiles, Scope, plain_text
from git_mlvc.pipeline.stage_files.written import Written
from git_mlvc.repo_path import RepoPath

NAME = "mlvc.toml"
FILE_KEYS = ("stage", "vars")
ROOT_KEYS = ("stage", "vars", "remote", "track", "fetch", "exp")
"""What the file at the top of the repository may hold; the others are FILE_KEYS."""


def parse(data: bytes, folder: RepoPath | None, files: ParamFiles) -> tuple[Stage, ...]:
    """Return the stages that the `mlvc.toml` of a folder (None: the top) defines, as they stand there.

    `files`: the params files that `${…}` reads. Raises ConfigError.
    """
    name = str(below(folder, NAME))
    document = parse_toml(data, name)
    text = data.decode("utf-8-sig").replace("\r\n", "\n")
    try:
        return tuple(_stages(document, folder, files, text))
    except Mistake as exc:
        raise located(exc, name, text) from exc
    except RecursionError as exc:
        raise ConfigError(f"cannot use {name}", why="it is nested too deeply") from exc


def _stages(
    document: Mapping[str, object], folder: RepoPath | None, files: ParamFiles, text: str
) -> Iterator[Stage]:
    for key in document:
        _check_key(key, folder)
    scope = Scope(files, folder, _variables(document))
    tables = Written(document.get("stage", {}), ("stage",), None).table()
    lines = toml_positions.stage_lines(text) if tables else {}
    for name, one in tables.items():
        line = lines.get(name) or toml_positions.position(text, ("stage", name))[0]
        yield from stage_table.stages(name, one.value, scope, line)


def _check_key(key: str, folder: RepoPath | None) -> None:
    known = ROOT_KEYS if folder is None else FILE_KEYS
    if key in known:
        return
    if key in ROOT_KEYS:
        raise Mistake(
            (key,),
            f"it is only for the {NAME} at the top of the repository",
            hint=f"move it there; this one may hold {' and '.join(f'[{one}]' for one in known)}",
        )
    raise Mistake((key,), "there is no such table", hint=did_you_mean(key, known))


def _variables(document: Mapping[str, object]) -> dict[str, Value]:
    return {
        key: _plain(one.value, one.place)
        for key, one in Written(document.get("vars", {}), ("vars",), None).table().items()
    }


def _plain(value: object, place: tuple[str | int, ...]) -> Value:
    if isinstance(value, str):
        return plain_text(value, place) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: _plain(one, (*place, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, (*place, index)) for index, one in enumerate(value)]
    return param_values.plain(value, NAME)

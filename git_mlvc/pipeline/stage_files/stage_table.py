"""One stage's table, as a `Stage` for each of its variants. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

from git_mlvc.formats import dotted_key
from git_mlvc.nearest import did_you_mean
from git_mlvc.pipeline.model import Dep, DepKind, Out, OutKind, Param, Stage, address_of
from git_mlvc.pipeline.stage_files import out_entries
from git_mlvc.pipeline.stage_files.expansion import Variant, variants
from git_mlvc.pipeline.stage_files.templating import PARAM, Scope
from git_mlvc.pipeline.stage_files.written import Written
from git_mlvc.pipeline.stage_files.written_paths import PathMistake, resolved
from git_mlvc.pipeline.standing.globs import is_glob
from git_mlvc.repo_path import RepoPath

T = TypeVar("T")
STAGE_KEYS = (
    "cmd",
    "deps",
    "params",
    "outs",
    "metrics",
    "plots",
    "wdir",
    "env",
    "timeout",
    "retries",
    "frozen",
    "always",
    "desc",
    "resources",
    "matrix",
    "foreach",
)
_NAME = re.compile(r"\w[\w.-]*\Z")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PARAM_FILE = re.compile(r".*\.(?:toml|yaml|yml|json)\Z", re.IGNORECASE | re.DOTALL)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?\s*[smhd]?\s*)+\Z")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_OWN_ENV = re.compile(r"MLVC_(?:STAGE|ROOT|ITEM|ITEM_.*|SLOT_.*)\Z")
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")


def stages(name: str, table: object, scope: Scope, line: int) -> Iterator[Stage]:
    """Yield the stages that `[stage.NAME]` stands for. Raises Mistake."""
    written = Written(table, ("stage", name), scope)
    if not _NAME.match(name):
        raise written.mistake(
            f"'{name}' cannot be the name of a stage",
            why="letters, digits, '_', '-' and '.', with a letter, digit or '_' first",
        )
    if not isinstance(table, Mapping):
        raise written.expected("a table")
    unknown = next((key for key in table if key not in STAGE_KEYS), None)
    if unknown is not None:
        at = Written(table[unknown], (*written.place, unknown), scope)
        raise at.mistake("there is no such key", hint=did_you_mean(unknown, STAGE_KEYS))
    if "cmd" not in table:
        raise written.mistake("it has no command", hint='add cmd = "…"')
    for variant in variants(written):
        inside = scope.with_item(variant.values) if variant.values else scope
        yield _stage(Written(table, written.place, inside), name, variant, line)


def _stage(written: Written, name: str, variant: Variant, line: int) -> Stage:
    scope = written.scope
    assert scope is not None
    folder = scope.folder
    full = f"{name}@{variant.name}" if variant.name else name
    entry = written.entry

    def outs(kind: OutKind) -> tuple[Out, ...]:
        return entry(f"{kind.value}s", lambda one: tuple(out_entries.outs(one, kind, folder)), ())

    return Stage(
        address_of(folder, full),
        full,
        entry("cmd", _commands, ()),
        folder,
        line,
        entry("deps", lambda one: _once(_deps(one, folder)), ()),
        entry("params", lambda one: _once(_params(one, scope)), ()),
        outs(OutKind.OUT) + outs(OutKind.METRIC) + outs(OutKind.PLOT),
        entry("wdir", lambda one: _wdir(one, folder), folder),
        entry("env", _env, {}),
        entry("timeout", _timeout, None),
        entry("retries", Written.whole, 0),
        entry("frozen", Written.flag, False),
        entry("always", Written.flag, False),
        entry("desc", Written.text, ""),
        entry("resources", _resources, {}),
        variant.texts,
    )


def _once(found: Iterator[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(found))


def _commands(written: Written) -> tuple[str, ...]:
    meant = written.meant()
    if not isinstance(meant.value, list):
        return (written.command(),)
    commands = tuple(one.command() for one in written.items("commands"))
    if not commands:
        raise written.mistake("it has no command", hint='write cmd = "…"')
    return commands


def _deps(written: Written, folder: RepoPath | None) -> Iterator[Dep]:
    for one in written.items("paths, patterns and URLs"):
        text = one.text()
        if _URL.match(text):
            from git_mlvc.secret_text import holds_secret  # its patterns take 3 ms to compile

            if not text.isprintable():
                raise one.mistake("this address holds characters that nobody can see")
            if holds_secret(text):
                raise one.mistake(
                    "this address holds a secret",
                    why="everybody who can read the repository could read it",
                )
            yield Dep(text, DepKind.URL)
            continue
        path = _path(one, text, folder)
        if not path:
            raise one.mistake(
                f"'{text}' is the whole repository", hint="name the files and directories it needs"
            )
        if path.rpartition("/")[2] == "mlvc.lock":
            raise one.mistake(f"'{text}' is written after each stage; nothing can depend on it")
        yield Dep(path, DepKind.GLOB if is_glob(text) else DepKind.PATH)


def _params(written: Written, scope: Scope) -> Iterator[Param]:
    for one in written.items("parameters"):
        if isinstance(one.meant().value, Mapping):
            for file, keys in one.table().items():
                path = _param_file(keys, file, scope.folder)
                yield from (Param(path, _key(key, key.text())) for key in keys.items("keys"))
            continue
        text = one.text()
        found = PARAM.match(text)
        if found is not None:
            key = _key(one, found[2]) if found[2].strip() else ""
            yield Param(_param_file(one, found[1], scope.folder), key)
        elif _PARAM_FILE.match(text):
            yield Param(_param_file(one, text, scope.folder), "")
        elif ":" in text and '"' not in text:
            _param_file(one, text.partition(":")[0], scope.folder)
        else:
            yield Param(scope.files.default(scope.folder), _key(one, text))


def _param_file(written: Written, text: str, folder: RepoPath | None) -> RepoPath:
    if not _PARAM_FILE.match(text):
        raise written.mistake(
            f"'{text}' is no params file", why="its name should end in .toml, .yaml, .yml or .json"
        )
    return RepoPath.parse(_path(written, text, folder))


def _key(written: Written, text: str) -> str:
    try:
        return dotted_key.written(dotted_key.parse(text))
    except ValueError as exc:
        raise written.mistake(
            f"'{text}' is not a key", why=str(exc), hint="write KEY, FILE:KEY or FILE"
        ) from exc


def _path(written: Written, text: str, folder: RepoPath | None) -> str:
    try:
        return resolved(folder, text)
    except PathMistake as exc:
        raise written.mistake(f"'{text}': {exc.what}", hint=exc.hint) from exc


def _wdir(written: Written, folder: RepoPath | None) -> RepoPath | None:
    text = written.text()
    path = _path(written, text, folder)
    return RepoPath.parse(path) if path else None


def _env(written: Written) -> dict[str, str]:
    found = {}
    for name, one in written.table().items():
        if not _ENV_NAME.match(name):
            raise one.mistake(f"'{name}' cannot be the name of an environment variable")
        if _OWN_ENV.match(name):
            raise one.mistake(f"'{name}' is set by git-mlvc itself")
        found[name] = one.single_text()
    return found


def _timeout(written: Written) -> float:
    """Return seconds: a number of them, or a text like "90s", "1h30m"."""
    meant = written.meant()
    value = meant.value
    if isinstance(value, str):
        text = meant.text().strip()
        parts = _DURATION_PART.findall(text) if _DURATION.match(text) else []
        value = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        if not parts:
            raise meant.mistake(f"'{text}' is no duration", hint='write seconds, "90s" or "2h"')
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise meant.expected('seconds, or a text like "90s"')
    if not 0 < value < math.inf or value > 1e9:
        raise meant.mistake("a duration is above zero", hint="without `timeout` there is no limit")
    return float(value)


def _resources(written: Written) -> dict[str, int]:
    found = {}
    for name, one in written.table().items():
        if not _RESOURCE.match(name):
            raise one.mistake(
                f"'{name}' cannot be the name of a resource",
                why="it is a name in git's configuration (mlvc.resources.NAME): letters, digits, -",
            )
        if count := one.whole():
            found[name.lower()] = count
    return found

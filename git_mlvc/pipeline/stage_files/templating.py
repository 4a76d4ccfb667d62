"""`${…}` in the texts of a stage: values of params files, of `[vars]`, and of the item of a matrix or foreach. Pure.

`\\${` stands for `${`. A value that was filled in is not looked at again: it is data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from git_mlvc.errors import ConfigError
from git_mlvc.formats import dotted_key
from git_mlvc.nearest import nearest
from git_mlvc.pipeline.model import Param
from git_mlvc.pipeline.parameters import param_values
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.pipeline.stage_files.mistakes import Mistake, Place
from git_mlvc.pipeline.stage_files.shell_words import ShellText
from git_mlvc.pipeline.stage_files.written_paths import PathMistake, resolved
from git_mlvc.repo_path import RepoPath

_MARK = re.compile(r"\\\$\{|\$\{([^{}]*)\}?")
_WHOLE = re.compile(r"\$\{([^{}]*)\}\Z")
PARAM = re.compile(r"(.+?\.(?:toml|yaml|yml|json)):(.*)\Z", re.IGNORECASE | re.DOTALL)
"""A params file and a key in it."""


class ParamFiles(Protocol):
    """What is asked of `params.ParamsReader`."""

    def default(self, folder: RepoPath | None) -> RepoPath: ...

    def document(self, file: RepoPath) -> Value: ...

    def exists(self, file: RepoPath) -> bool: ...

    def note(self, param: Param) -> None: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What `${…}` may name in one stage: `item` (and `key`) first, then `[vars]` and the default params file.

    `known` remembers what was looked up in `[vars]` and params files, for all stages of a file.
    """

    files: ParamFiles
    folder: RepoPath | None = None
    variables: Mapping[str, Value] = field(default_factory=dict)
    item: Mapping[str, Value] = field(default_factory=dict)
    known: dict[str, Value] = field(default_factory=dict)

    def with_item(self, item: Mapping[str, Value]) -> Scope:
        return replace(self, item=item)

    def value(self, name: str, place: Place) -> Value:
        """Return what a name stands for. Raises Mistake with the nearest name."""
        found = PARAM.match(name.strip())
        try:
            if self.item and found is None:
                parts = dotted_key.parse(name)
                if parts[0] in self.item:
                    return self._step_down(dict(self.item), parts, name, place)
            if name not in self.known:
                self.known[name] = (
                    self._named(name, place) if found is None else self._of_file(found, place)
                )
        except ValueError as exc:
            hint = _FOR_THE_SHELL.format(name=name.strip())
            raise Mistake(place, f"${{{name}}} cannot be read", why=str(exc), hint=hint) from exc
        return self.known[name]

    def _named(self, name: str, place: Place) -> Value:
        parts = dotted_key.parse(name)
        file = self.files.default(self.folder)
        document = self.files.document(file) if self.files.exists(file) else None
        in_file = isinstance(document, Mapping) and parts[0] in document
        if parts[0] in self.variables:
            if in_file:
                raise Mistake(
                    place,
                    f"'{parts[0]}' is both in [vars] and in {file}",
                    hint=f"give one of them another name, or write ${{{file}:{name.strip()}}}",
                )
            document = dict(self.variables)
        value = self._step_down(document, parts, name, place)
        if in_file:
            self.files.note(Param(file, dotted_key.written(parts)))
        return value

    def _of_file(self, found: re.Match[str], place: Place) -> Value:
        try:
            file = RepoPath.parse(resolved(self.folder, found[1]))
        except PathMistake as exc:
            raise Mistake(place, f"{found[1]}: {exc.what}", hint=exc.hint) from exc
        if not self.files.exists(file):
            raise Mistake(place, f"the params file {file} does not exist", hint=f"write {file}")
        document = self.files.document(file)
        key = found[2].strip()
        try:
            value = param_values.at(document, key, str(file))
        except ConfigError as exc:
            raise Mistake(place, exc.what, why=exc.why, hint=exc.hint) from exc
        self.files.note(Param(file, dotted_key.written(dotted_key.parse(key)) if key else ""))
        return value

    def _step_down(self, document: Value, parts: tuple[str, ...], name: str, place: Place) -> Value:
        value = document
        for part in parts:
            found, value = param_values.step(value, part)
            if not found:
                raise self._unknown(parts, name, place)
        return value

    def _unknown(self, parts: tuple[str, ...], name: str, place: Place) -> Mistake:
        file = self.files.default(self.folder)
        is_there = self.files.exists(file)
        documents: list[Value] = [dict(self.item), dict(self.variables)]
        if is_there:
            documents.append(self.files.document(file))
        near = [near for one in documents if (near := param_values.nearest_key(one, parts))]
        best = nearest(dotted_key.written(parts), near) or (near[0] if near else "")
        sources = [str(file) if is_there else f"{file} (which does not exist)", "[vars]"]
        sources += [f"'{one}'" for one in self.item]
        return Mistake(
            place,
            f"${{{name}}} is not known",
            why=f"names come from {', '.join(sources[:-1])} and {sources[-1]}",
            hint=f"did you mean ${{{best}}}?" if best else _FOR_THE_SHELL.format(name=name.strip()),
        )


_FOR_THE_SHELL = "a variable of the shell is written with a backslash before it: '\\${{{name}}}'"


def whole_reference(text: str) -> str | None:
    """Return the name if a text is one `${…}` and nothing else."""
    found = _WHOLE.match(text)
    return None if found is None else found[1]


def fill(text: str, scope: Scope, place: Place) -> str:
    """Return a text that is not for a shell, with single values in it. Raises Mistake."""

    def one(found: re.Match[str]) -> str:
        name = _name(found, place)
        if name is None:
            return "${"
        value = scope.value(name, place)
        if isinstance(value, Mapping | list):
            raise _not_single(name, value, place)
        return param_values.render(value)

    return _MARK.sub(one, text)


def fill_command(text: str, scope: Scope, place: Place) -> str:
    """Return a command; each value is one word or a part of one, a list several words. Raises Mistake."""
    shell = ShellText()
    at = 0
    for found in _MARK.finditer(text):
        shell.write(text[at : found.start()])
        at = found.end()
        name = _name(found, place)
        if name is None:
            shell.write("${")
            continue
        value = scope.value(name, place)
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, Mapping | list) for one in values):
            raise _not_single(name, value, place)
        shell.put_words([param_values.render(one) for one in values])
    shell.write(text[at:])
    return str(shell)


def plain_text(text: str, place: Place) -> str:
    """Return a text in which nothing may be filled in: `\\${` undone. Raises Mistake for a reference."""

    def one(found: re.Match[str]) -> str:
        if found[0] != "\\${":
            raise Mistake(
                place,
                f"{found[0]} cannot stand here",
                why="only texts of stages are filled in",
                hint="write the value itself; for the two characters write '\\${'",
            )
        return "${"

    return _MARK.sub(one, text)


def _name(found: re.Match[str], place: Place) -> str | None:
    """Return the name in a reference, None for an escaped one."""
    if found[1] is None:
        return None
    if not found[0].endswith("}"):
        raise Mistake(
            place,
            "a '${' has no '}' after its name",
            hint="close it; for the two characters themselves write '\\${'",
        )
    return found[1]


def _not_single(name: str, value: Value, place: Place) -> Mistake:
    name = name.strip()
    if isinstance(value, Mapping):
        inside = [f"${{{name}.{dotted_key.written((key,))}}}" for key in list(value)[:3]]
        hint = f"name one of its values: {', '.join(inside)}" if inside else ""
    else:
        hint = f"name one of its values: ${{{name}[0]}}; a list of single values may stand in `cmd`"
    return Mistake(place, f"${{{name}}} is {param_values.kind(value)}", hint=hint)

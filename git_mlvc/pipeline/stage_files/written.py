"""A value as it is written in a stage file: checked for its type, with `${…}` filled in. Pure.

A text that is one `${…}` and nothing else may stand where something else than text is expected: then it is the
value that it names, with its type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from git_mlvc.nearest import did_you_mean
from git_mlvc.pipeline.parameters.param_values import kind
from git_mlvc.pipeline.stage_files import templating
from git_mlvc.pipeline.stage_files.mistakes import Mistake, Place
from git_mlvc.pipeline.stage_files.templating import Scope

T = TypeVar("T")


class Written:
    """A value, where it stands, and what `${…}` in it may name (None: it is data, filled in already)."""

    __slots__ = ("place", "scope", "value")

    def __init__(self, value: object, place: Place, scope: Scope | None) -> None:
        self.value = value
        self.place = place
        self.scope = scope

    def mistake(self, what: str, *, why: str = "", hint: str = "") -> Mistake:
        return Mistake(self.place, what, why=why, hint=hint)

    def text(self) -> str:
        """Raises Mistake if it is no text."""
        value = self.value
        if not isinstance(value, str):
            raise self.expected("a text")
        if self.scope is not None and "${" in value:
            value = templating.fill(value, self.scope, self.place)
        if "\0" in value:
            raise self.mistake("it holds a NUL character")
        return value

    def single_text(self) -> str:
        """As `text`; a number, true or false counts as its text. For values of environment variables."""
        if isinstance(self.value, bool | int | float):
            from git_mlvc.pipeline.parameters.param_values import plain, render

            return render(plain(self.value, "mlvc.toml"))
        return self.text()

    def command(self) -> str:
        """A text for the shell, in which each value is a word; one `${…}` alone is the whole command."""
        found = self.meant()
        value = found.value
        if not isinstance(value, str):
            raise found.expected("a command")
        if found.scope is not None and "${" in value:
            value = templating.fill_command(value, found.scope, self.place)
        if not value.strip():
            raise self.mistake("the command is empty")
        if "\0" in value:
            raise self.mistake("it holds a NUL character")
        return value

    def flag(self) -> bool:
        found = self.meant()
        if not isinstance(found.value, bool):
            raise found.expected("true or false")
        return found.value

    def whole(self, least: int = 0) -> int:
        """A whole number that is at least so large."""
        found = self.meant()
        if not isinstance(found.value, int) or isinstance(found.value, bool):
            raise found.expected("a whole number")
        if not least <= found.value < 1 << 31:
            raise found.mistake(f"expected a number from {least} to {(1 << 31) - 1}")
        return found.value

    def items(self, of: str = "texts") -> Iterator[Written]:
        """Yield the elements of a list."""
        found = self.meant()
        if not isinstance(found.value, list):
            hint = "write it in brackets, also if it is only one"
            raise found.expected(f"a list of {of}", hint)
        for index, one in enumerate(found.value):
            yield Written(one, (*self.place, index), found.scope)

    def table(
        self, known: Collection[str] | None = None, called: str = "key"
    ) -> dict[str, Written]:
        """Return the entries of a table. Raises Mistake for a key that is not among `known`."""
        found = self.meant()
        if not isinstance(found.value, Mapping):
            raise found.expected("a table")
        entries = {}
        for key, one in found.value.items():
            if known is not None and key not in known:
                raise Mistake(
                    (*self.place, key),
                    f"there is no such {called}",
                    hint=did_you_mean(key, known),
                )
            entries[key] = Written(one, (*self.place, key), found.scope)
        return entries

    def entry(self, name: str, read: Callable[[Written], T], default: T) -> T:
        """Read one entry of a table if it is there."""
        if not isinstance(self.value, Mapping) or name not in self.value:
            return default
        return read(Written(self.value[name], (*self.place, name), self.scope))

    def meant(self) -> Written:
        """Return the value that `${…}` alone names, else this one."""
        if isinstance(self.value, str) and self.scope is not None:
            name = templating.whole_reference(self.value)
            if name is not None:
                return Written(self.scope.value(name, self.place), self.place, None)
        return self

    def expected(self, what: str, hint: str = "") -> Mistake:
        return self.mistake(f"expected {what}, found {kind(self.value)}", hint=hint)

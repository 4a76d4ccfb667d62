"""Values in the text of a shell command: always one word (or a part of one), wherever they stand. Pure.

A value is data: `it's 5 $` reaches the program as exactly that, whether `${…}` stands alone, between double
quotes or between single ones. What the shell does with quotes is followed up to the reference: quotes, `$(…)`,
backticks and comments; here-documents are not.
"""

from __future__ import annotations

import re
import shlex

_SIGNS = re.compile(r"""['"\\`()#\n]""")
_DOUBLE = re.compile(r'([\\"$`])')


class ShellText:
    """A command, piece by piece: what was written, and values."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._inside = [""]  # of what, the innermost last: '"', "'", "(" of $( or (, "`"
        self._is_escaped = False
        self._before = "\n"

    def __str__(self) -> str:
        return "".join(self._pieces)

    def write(self, text: str) -> None:
        """Add what stands in the stage file."""
        self._pieces.append(text)
        if not _SIGNS.search(text) and not self._is_escaped:
            self._before = text[-1:] or self._before  # the usual case, by far the fastest
            return
        for char in text:
            self._follow(char)

    def put(self, value: str) -> None:
        """Add one value, quoted as it has to be here."""
        self._pieces.append(self._quoted(value))
        self._is_escaped = False
        self._before = "v"

    def put_words(self, values: list[str]) -> None:
        """Add several values as words of their own."""
        for i, value in enumerate(values):
            if i:
                self._pieces.append(" ")
            self.put(value)

    def _quoted(self, value: str) -> str:
        inside = self._inside[-1]
        if inside == "'":
            return value.replace("'", "'\\''")
        if inside == '"':
            return _DOUBLE.sub(r"\\\1", value)
        return shlex.quote(value)

    def _follow(self, char: str) -> None:
        inside, before, self._before = self._inside[-1], self._before, char
        if inside == "#":
            if char == "\n":
                self._inside.pop()
        elif inside == "'":
            if char == "'":
                self._inside.pop()
        elif self._is_escaped:
            self._is_escaped = False
            self._before = "v"
        elif char == "\\":
            self._is_escaped = True
        elif inside == '"':
            self._in_double_quotes(char, before)
        elif char in "'\"(":
            self._inside.append(char)
        elif (char == ")" and inside == "(") or (char == "`" and inside == "`"):
            self._inside.pop()
        elif char == "`":
            self._inside.append(char)
        elif char == "#" and before in " \t\n;&|(":
            self._inside.append("#")

    def _in_double_quotes(self, char: str, before: str) -> None:
        if char == '"':
            self._inside.pop()
        elif char == "`" or (char == "(" and before == "$"):
            self._inside.append(char)

"""Paths inside a repository, as git holds them: bytes, relative to the top, with forward slashes.

Git paths need not be UTF-8, and what comes from a tree or a remote may try to climb out of the
worktree; both are settled here, once.
"""

from __future__ import annotations

from git_mlvc.values import value_class

_UNUSUAL = (b"", b"/", b".")  # how a path begins that needs a closer look
_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}


@value_class(order=True)
class RepoPath:
    """A path below the top of a repository. Never absolute, never empty, never through `..` or `.git`."""

    raw: bytes

    def __post_init__(self) -> None:
        raw = self.raw
        if raw[:1] in _UNUSUAL or raw[-1:] == b"/" or b"/." in raw or b"//" in raw or b"\0" in raw:
            self._check_parts()

    def _check_parts(self) -> None:
        if b"\0" in self.raw:
            raise ValueError(f"not a path inside a repository: {self.raw!r}")
        for part in self.raw.split(b"/"):
            if part in (b"", b".", b"..") or part.lower() == b".git":
                raise ValueError(f"not a path inside a repository: {self.raw!r}")

    @classmethod
    def parse(cls, text: str) -> RepoPath:
        """Read a path as Python holds file names (surrogateescape). Raises ValueError."""
        return cls(text.encode("utf-8", "surrogateescape"))

    @property
    def text(self) -> str:
        """As Python's os functions take it on POSIX; bytes that are not UTF-8 become surrogates."""
        return self.raw.decode("utf-8", "surrogateescape")

    def __str__(self) -> str:
        """For people: quoted the way git quotes when the name has control or non-UTF-8 bytes."""
        try:
            text = self.raw.decode("utf-8")
        except UnicodeDecodeError:
            text = None
        if text is not None and text.isprintable() and '"' not in text and "\\" not in text:
            return text
        return '"' + _quoted(self.raw) + '"'


def shown(raw: bytes) -> str:
    """Return a path as git gave it, for people; it may be none that a worktree could hold, or empty."""
    try:
        return str(RepoPath(raw))
    except ValueError:
        return raw.decode("utf-8", "backslashreplace") or "the content"


def _quoted(raw: bytes) -> str:
    out: list[str] = []
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
        octal_above = 127
    else:
        octal_above = 0x110000
    for char in text:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif code in _ESCAPES:
            out.append(_ESCAPES[code])
        elif code < 32 or code == 127 or (code >= octal_above):
            out.append(f"\\{code:03o}")
        else:
            out.append(char)
    return "".join(out)

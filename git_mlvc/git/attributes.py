"""Git attributes: which files are ours, and the lines of `.gitattributes` that say so.

What counts for a path is always asked of git (`check`). The pattern language is also known here, because
`mlvc.toml` uses it for sizes and because it must be said before a commit which files a new line will cover.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from git_mlvc.errors import UsageError
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.git.process import Git
    from git_mlvc.settings import Settings

FILTER = "mlvc"
DATA_ATTRIBUTES = (b"filter=mlvc", b"diff=mlvc", b"-merge", b"-text")
ABOVE_ATTRIBUTES = (b"filter=mlvc", b"merge=mlvc")
# Git reads these itself, or we do before any data is there: they never become pointers.
NEVER_DATA = frozenset(
    {b".gitattributes", b".gitignore", b".gitmodules", b"mlvc.toml", b"mlvc.lock"}
)
_OURS = frozenset(DATA_ATTRIBUTES + ABOVE_ATTRIBUTES)
_MAX_LINE_BYTES = 2047  # git ignores longer lines since 2.39.1
_BLANK = b" \t\r\n"
_GLOB_SPECIAL = re.compile(r"[*?\[\\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "\\x21-\\x7e",
    "lower": "a-z",
    "print": "\\x20-\\x7e",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\x0b\\x0c",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


def is_never_data(path: RepoPath) -> bool:
    """True for files that never become pointers, whatever the attributes say."""
    return path.raw.rpartition(b"/")[2] in NEVER_DATA


def check(
    git: Git, paths: Iterable[RepoPath], names: Sequence[str], *, cached: bool = False
) -> Iterator[tuple[RepoPath, dict[str, str]]]:
    """Yield each path with the attributes `names`, in order, as git sees them.

    `git` must run at the top of the worktree (`Repository.git`). Values are git's: "set", "unset",
    "unspecified" or what the line says. `cached` reads `.gitattributes` from the index only.
    """
    options = ["--cached"] if cached else []
    fed = (path.raw + b"\0" for path in paths)
    records = git.records("check-attr", "-z", "--stdin", *options, *names, input=fed)
    width = len(names)
    values: dict[str, str] = {}
    for raw_path in records:
        name = next(records).decode("ascii", "surrogateescape")
        values[name] = next(records).decode("utf-8", "surrogateescape")
        if len(values) == width:
            yield RepoPath(raw_path), values
            values = {}


def ours(git: Git, paths: Iterable[RepoPath], *, cached: bool = False) -> Iterator[RepoPath]:
    """Yield those paths whose content the attributes put into our care."""
    for path, values in check(git, paths, ("filter",), cached=cached):
        if values["filter"] == FILTER and not is_never_data(path):
            yield path


def min_size_bytes(settings: Settings, path: RepoPath) -> int:
    """Return below which size content at `path` stays in git itself; the last fitting line counts."""
    found = settings.min_size_bytes
    for threshold in settings.thresholds:
        if matches(threshold.pattern, path):
            found = threshold.min_size_bytes
    return found


# -- patterns


def matches(pattern: str, path: RepoPath, *, ignore_case: bool = False) -> bool:
    """True if a `.gitattributes` line with `pattern`, at the top, would speak of the file `path`."""
    compiled, basename_only = _compiled(pattern, ignore_case)
    if compiled is None:
        return False
    text = path.raw.rpartition(b"/")[2] if basename_only else path.raw
    return compiled.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> tuple[re.Pattern[bytes] | None, bool]:
    if not pattern or pattern.startswith("!") or pattern.endswith("/"):
        return None, False  # git: negative patterns are ignored; "dir/" speaks of directories only
    basename_only = "/" not in pattern
    text = pattern.removeprefix("/")
    # Bytes as latin-1 characters: one character is one byte, as git matches.
    text = text.encode("utf-8", "surrogateescape").decode("latin-1")
    special = _GLOB_SPECIAL.search(text)
    literal = text[: special.start()] if special else text
    try:
        body = re.escape(literal) + _translated(text[len(literal) :], pathname=not basename_only)
    except ValueError:
        return None, False
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile(body.encode("latin-1"), flags), basename_only


def _translated(pattern: str, *, pathname: bool) -> str:
    """Turn what git's wildmatch reads into a regular expression. Raises ValueError if nothing can match."""
    one, many = ("[^/]", "[^/]*") if pathname else (".", ".*")
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "?":
            out.append(one)
        elif char == "[":
            text, at = _bracket(pattern, at, pathname=pathname)
            out.append(text)
        elif char == "\\":
            if at == len(pattern):
                raise ValueError("nothing is escaped")
            out.append(re.escape(pattern[at]))
            at += 1
        elif char == "*":
            start = at - 1
            while at < len(pattern) and pattern[at] == "*":
                at += 1
            alone = start == 0 or pattern[start - 1] == "/"
            rest = pattern[at:]
            if at - start == 1 or not pathname or not alone:
                out.append(many)
            elif rest.startswith("/"):
                out.append("(?:.*/)?")
                at += 1
            elif not rest or rest.startswith("\\/"):
                out.append(".*")
            else:
                out.append(many)
        else:
            out.append(re.escape(char))
    return "".join(out)


def _bracket(pattern: str, at: int, *, pathname: bool) -> tuple[str, int]:
    """Translate a bracket expression whose `[` stands before `at`; return it and where it ends."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    items: list[str] = []
    first = True
    previous: str | None = None
    while True:
        char = pattern[at : at + 1]
        if not char:
            raise ValueError("an open bracket")
        if char == "]" and not first:
            break
        first = False
        after = pattern[at + 1 : at + 2]
        if char == "-" and previous is not None and after and after != "]":
            at += 1
            upper = pattern[at]
            if upper == "\\":
                at += 1
                upper = pattern[at : at + 1]
                if not upper:
                    raise ValueError("nothing is escaped")
            if previous <= upper:
                items.append(f"{_in_class(previous)}-{_in_class(upper)}")
            previous = None
        elif char == "[" and after == ":":
            end = pattern.find("]", at + 2)
            if end < 0:
                raise ValueError("an open class")
            if pattern[end - 1] == ":" and end - 1 >= at + 2:
                name = pattern[at + 2 : end - 1]
                if name not in _CLASSES:
                    raise ValueError(f"no class {name}")
                items.append(_CLASSES[name])
                previous = None
                at = end
            else:
                items.append(_in_class("["))
                previous = "["
        else:
            if char == "\\":
                at += 1
                char = pattern[at : at + 1]
                if not char:
                    raise ValueError("nothing is escaped")
            items.append(_in_class(char))
            previous = char
        at += 1
    members = "".join(items)
    guard = "(?!/)" if pathname else ""
    if not members:
        return (f"{guard}(?s:.)" if negated else "(?!)"), at + 1
    return f"{guard}[{'^' if negated else ''}{members}]", at + 1


def _in_class(char: str) -> str:
    return "\\" + char if char in "\\]^-[&|~" else char


def escaped(text: str) -> str:
    """Return a pattern that matches exactly the name `text`."""
    return re.sub(r"([*?\[\\])", r"\\\1", text)


# -- the file


@dataclass(frozen=True, slots=True)
class TrackedPattern:
    """A line of ours: its pattern, and whether it is the form that suits source code as well."""

    pattern: str
    above: bool


@dataclass(slots=True)
class _Line:
    raw: bytes
    pattern: bytes | None = None
    attributes: tuple[bytes, ...] = ()

    @property
    def is_ours(self) -> bool:
        return b"filter=mlvc" in self.attributes

    @property
    def sets_filter(self) -> bool:
        return any(
            a.lstrip(b"-!") == b"filter" or a.startswith(b"filter=") for a in self.attributes
        )


class AttributesFile:
    """The lines of one `.gitattributes`. What is not ours is kept byte for byte."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines

    @classmethod
    def parse(cls, data: bytes) -> AttributesFile:
        return cls([_parsed(raw) for raw in re.findall(rb"[^\n]*\n|[^\n]+", data)])

    def encode(self) -> bytes:
        return b"".join(line.raw for line in self._lines)

    def patterns(self) -> list[TrackedPattern]:
        """Return our lines, in order."""
        return [
            TrackedPattern(
                (line.pattern or b"").decode("utf-8", "surrogateescape"),
                b"merge=mlvc" in line.attributes,
            )
            for line in self._lines
            if line.is_ours
        ]

    def add(self, pattern: str, *, above: bool = False) -> bool:
        """Have `pattern` tracked; False if it was already, in this form. Raises UsageError."""
        raw = _checked(pattern)
        wanted = ABOVE_ATTRIBUTES if above else DATA_ATTRIBUTES
        same = [n for n, line in enumerate(self._lines) if line.pattern == raw and line.sets_filter]
        newline = self._newline()
        encoded = _quoted(raw) + b" " + b" ".join(wanted) + newline
        if len(encoded) > _MAX_LINE_BYTES:
            raise UsageError("the pattern is too long", why="git ignores lines above 2048 bytes")
        if same and self._lines[same[-1]].is_ours:
            line = self._lines[same[-1]]
            if set(wanted) <= set(line.attributes) and not (
                (_OURS - set(wanted)) & set(line.attributes)
            ):
                return False
            others = tuple(a for a in line.attributes if a not in _OURS)
            line.attributes = wanted + others
            line.raw = _quoted(raw) + b" " + b" ".join(line.attributes) + _ending(line.raw, newline)
            return True
        # A later line for the same pattern would win over one of ours further up.
        self._lines = [
            kept for n, kept in enumerate(self._lines) if not (n in same and kept.is_ours)
        ]
        if self._lines and not self._lines[-1].raw.endswith(b"\n"):
            self._lines[-1].raw += newline
        self._lines.append(_Line(encoded, raw, wanted))
        return True

    def remove(self, pattern: str) -> bool:
        """Have `pattern` no longer tracked; False if no line of ours has it. Other attributes stay."""
        raw = pattern.encode("utf-8", "surrogateescape")
        found = False
        kept: list[_Line] = []
        for line in self._lines:
            if line.pattern != raw or not line.is_ours:
                kept.append(line)
                continue
            found = True
            others = tuple(a for a in line.attributes if a not in _OURS)
            if others:
                ending = _ending(line.raw, self._newline())
                kept.append(_Line(_quoted(raw) + b" " + b" ".join(others) + ending, raw, others))
        self._lines = kept
        return found

    def _newline(self) -> bytes:
        first = self._lines[0].raw if self._lines else b""
        return b"\r\n" if first.endswith(b"\r\n") else b"\n"


def _ending(raw: bytes, newline: bytes) -> bytes:
    return raw[len(raw.rstrip(b"\r\n")) :] or newline


def _parsed(raw: bytes) -> _Line:
    text = raw.removeprefix(b"\xef\xbb\xbf").strip(_BLANK)
    if not text or text.startswith(b"#") or len(raw) > _MAX_LINE_BYTES + 1:
        return _Line(raw)
    unquoted = _unquoted(text) if text.startswith(b'"') else None
    if unquoted is not None:
        pattern, rest = unquoted
    else:
        pattern, *others = re.split(rb"[ \t\r\n]+", text, maxsplit=1)
        rest = others[0] if others else b""
    if pattern.startswith((b"[attr]", b"!")):
        return _Line(raw)
    return _Line(raw, pattern, tuple(rest.split()))


def _checked(pattern: str) -> bytes:
    raw = pattern.encode("utf-8", "surrogateescape")
    if not raw or b"\0" in raw:
        raise UsageError(f"{pattern!r} is not a pattern")
    if raw.startswith(b"!"):
        raise UsageError(
            f"'{pattern}': git ignores patterns that begin with '!'",
            hint=r"write \! for a name that begins with an exclamation mark",
        )
    if raw.startswith(b"[attr]"):
        raise UsageError(f"'{pattern}': git takes this for the definition of an attribute")
    return raw


_C_ESCAPES = {
    7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r",
    34: b'\\"', 92: b"\\\\",
}  # fmt: skip
_C_UNESCAPES = {value[1]: bytes([key]) for key, value in _C_ESCAPES.items()}


def _quoted(raw: bytes) -> bytes:
    """Write a pattern so that git reads it back: in C-style quotes where it must be."""
    if not raw.startswith((b'"', b"#")) and not re.search(rb"[\x00-\x20\x7f]", raw):
        return raw
    out = bytearray(b'"')
    for byte in raw:
        if byte in _C_ESCAPES:
            out += _C_ESCAPES[byte]
        elif byte < 32 or byte == 127:
            out += b"\\%03o" % byte
        else:
            out.append(byte)
    return bytes(out + b'"')


def _unquoted(text: bytes) -> tuple[bytes, bytes] | None:
    """Read C-style quotes at the start; return the pattern and what follows, None if they are broken."""
    out = bytearray()
    at = 1
    while at < len(text):
        byte = text[at]
        if byte == 34:
            return bytes(out), text[at + 1 :]
        if byte != 92:
            out.append(byte)
            at += 1
            continue
        escape = text[at + 1 : at + 2]
        octal = re.match(rb"[0-3][0-7]{2}", text[at + 1 : at + 4])
        if octal:
            out.append(int(octal[0], 8))
            at += 4
        elif escape and escape[0] in _C_UNESCAPES:
            out += _C_UNESCAPES[escape[0]]
            at += 2
        else:
            return None
    return None

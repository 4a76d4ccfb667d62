"""The lines of a `.gitattributes` file: ours added and removed, everything else kept byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from git_mlvc.errors import UsageError
from git_mlvc.git.attribute_patterns import matches
from git_mlvc.repo_path import RepoPath

DATA_ATTRIBUTES = (b"filter=mlvc", b"diff=mlvc", b"-merge", b"-text")
ABOVE_ATTRIBUTES = (b"filter=mlvc", b"merge=mlvc")
TAKEN_OUT = (b"!filter", b"!diff", b"!merge", b"!text")  # as if no line spoke of them
_OURS = frozenset(DATA_ATTRIBUTES + ABOVE_ATTRIBUTES)
_MAX_LINE_BYTES = 2047  # git ignores longer lines since 2.39.1
_BLANK = b" \t\r\n"


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

    def takes_whole(self, path: RepoPath) -> bool:
        """True if it is one of ours that has `path` kept as data whatever its size, and merged by nobody."""
        return self.is_ours and b"-merge" in self.attributes and matches(_text(self.pattern), path)

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
                _text(line.pattern),
                b"merge=mlvc" in line.attributes,
            )
            for line in self._lines
            if line.is_ours
        ]

    def has(self, pattern: str) -> bool:
        """True if a line of ours has this pattern."""
        return any(line.pattern == pattern for line in self.patterns())

    def add(self, pattern: str, *, above: bool = False) -> bool:
        """Have `pattern` tracked; False if it was already, in this form. Raises UsageError."""
        raw = _checked(pattern)
        wanted = ABOVE_ATTRIBUTES if above else DATA_ATTRIBUTES
        same = [n for n, line in enumerate(self._lines) if line.pattern == raw and line.sets_filter]
        newline = self._newline()
        encoded = _quoted(raw) + b" " + b" ".join(wanted) + newline
        if len(encoded) > _MAX_LINE_BYTES:
            raise _too_long()
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
            kept
            for n, kept in enumerate(self._lines)
            if not (n in same and (kept.is_ours or kept.attributes == TAKEN_OUT))
        ]
        self._append(_Line(encoded, raw, wanted))
        return True

    def take_out(self, pattern: str) -> bool:
        """Have `pattern` not tracked, whatever the lines above say; False if it was so already.

        Raises UsageError as `add`.
        """
        raw = _checked(pattern)
        was_ours = self.remove(pattern)
        same = [line for line in self._lines if line.pattern == raw and line.sets_filter]
        if same and same[-1].attributes == TAKEN_OUT:
            return was_ours
        encoded = _quoted(raw) + b" " + b" ".join(TAKEN_OUT) + self._newline()
        if len(encoded) > _MAX_LINE_BYTES:
            raise _too_long()
        self._append(_Line(encoded, raw, TAKEN_OUT))
        return True

    def leave_out(self, names: Iterable[str]) -> bool:
        """Have files of these names left alone by our lines for data, which would keep git from merging them as text.

        Each gets a line behind ours, where one speaks of it; else it loses that line. False if nothing changed.
        """
        before = self.encode()
        for name in sorted(names):
            raw = _checked(name)
            last = max(
                (n for n, line in enumerate(self._lines) if line.takes_whole(RepoPath(raw))),
                default=-1,
            )
            if any(line.pattern == raw for line in self._lines[last + 1 :]) and last >= 0:
                continue
            self._lines = [
                line
                for line in self._lines
                if not (line.pattern == raw and line.attributes == TAKEN_OUT)
            ]
            if last >= 0:
                encoded = _quoted(raw) + b" " + b" ".join(TAKEN_OUT) + self._newline()
                self._append(_Line(encoded, raw, TAKEN_OUT))
        return self.encode() != before

    def settle_merge(self, name: str, driver: str) -> bool:
        """Have files called `name` merged by a driver; False if some line for them settles that.

        A line of ours for data that speaks of them too, and stands later, would win: ours for them goes
        behind it.
        """
        raw, attribute = _checked(name), b"merge=" + driver.encode("ascii")
        last = -1
        for at, line in enumerate(self._lines):
            if line.pattern == raw and any(map(_is_about_merging, line.attributes)):
                last = at
        if last >= 0:
            covered = any(
                line.is_ours and matches(_text(line.pattern), RepoPath(raw))
                for line in self._lines[last:]
            )
            if not covered or self._lines[last].attributes != (attribute,):
                return False
            del self._lines[last]
        newline = self._newline()
        if self._lines and not self._lines[-1].raw.endswith(b"\n"):
            self._lines[-1].raw += newline
        self._lines.append(_Line(_quoted(raw) + b" " + attribute + newline, raw, (attribute,)))
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

    def _append(self, line: _Line) -> None:
        if self._lines and not self._lines[-1].raw.endswith(b"\n"):
            self._lines[-1].raw += self._newline()
        self._lines.append(line)

    def _newline(self) -> bytes:
        first = self._lines[0].raw if self._lines else b""
        return b"\r\n" if first.endswith(b"\r\n") else b"\n"


def _too_long() -> UsageError:
    return UsageError("the pattern is too long", why="git ignores lines above 2048 bytes")


def _text(pattern: bytes | None) -> str:
    return (pattern or b"").decode("utf-8", "surrogateescape")


def _is_about_merging(attribute: bytes) -> bool:
    return attribute.lstrip(b"-!").partition(b"=")[0] in (b"merge", b"binary")


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

"""How texts and paths are written in a lock file: one form for each, whatever bytes they hold. Pure.

docs/formats/lock.md. TOML holds Unicode only. A text with lone surrogates (bytes of a file name that are not
UTF-8 are such) begins with U+0000 in the file, and has them escaped behind it.
"""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r'[^"\\\x00-\x1f\x7f]*\Z')
_LITERAL = re.compile(r"[^'\x00-\x1f\x7f]*\Z")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_ODD = re.compile("[\ud800-\udfff]|\\A\0")
_ESCAPED = re.compile(r"\\(?:\\|x([89a-f][0-9a-f])|u(d[89a-f][0-9a-f]{2}))")
_ARMOUR = "\0"
_BYTES = range(0xDC80, 0xDD00)  # how Python holds the bytes 80 to ff of a file name

# What a token looks like: a basic or a literal string of TOML, on one line.
TOKEN = (
    r'(?:"[^"\\\x00-\x1f\x7f]*(?:\\[^\x00-\x1f\x7f][^"\\\x00-\x1f\x7f]*)*"|'
    r"'[^'\x00-\x1f\x7f]*')"
)


def quoted(text: str) -> str:
    """Return the one way in which a text is written."""
    return toml_string(armoured(text))


def unquoted(token: str) -> str:
    """Return the text. `token` matches TOKEN. Raises ValueError if it is not how `quoted` writes it."""
    if token[0] == '"' and "\\" not in token:
        return token[1:-1]
    text = _without_armour(token[1:-1] if token[0] == "'" else json.loads(token))
    if quoted(text) != token:
        raise ValueError(f"not the canonical form of a text: {token[:80]}")
    return text


def toml_string(text: str) -> str:
    """Return Unicode as TOML: in literal quotes where that saves escapes."""
    if _PLAIN.match(text):
        return f'"{text}"'
    if _LITERAL.match(text):
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(text: str) -> str:
    return text if _BARE_KEY.match(text) else toml_string(text)


def armoured(text: str) -> str:
    """Return the text as Unicode that UTF-8 can hold."""
    if not _ODD.search(text):
        return text
    return _ARMOUR + "".join(_escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code < 0xE000:
        return f"\\u{code:04x}"
    return "\\\\" if char == "\\" else char


def _without_armour(text: str) -> str:
    if not text.startswith(_ARMOUR):
        return text
    return _ESCAPED.sub(_meant, text[1:])


def _meant(found: re.Match[str]) -> str:
    if found[1]:
        return chr(0xDC00 + int(found[1], 16))
    return chr(int(found[2], 16)) if found[2] else "\\"


# -- paths, relative to the directory of the lock file


def relative(path: str, folder: str) -> str:
    """Return a path from the top ("" is the top itself) as it is written in a file of `folder` ("": the top)."""
    if not folder:
        return path or "."
    parts, base = path.split("/") if path else [], folder.split("/")
    common = 0
    while common < min(len(parts), len(base)) and parts[common] == base[common]:
        common += 1
    return "/".join([".."] * (len(base) - common) + parts[common:]) or "."


def from_top(written: str, folder: str) -> str:
    """Invert `relative`. Raises ValueError for what it would not write."""
    if not folder and written != ".":
        return written  # RepoPath refuses what climbs
    parts, base = written.split("/"), folder.split("/") if folder else []
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    if ups > len(base):
        raise ValueError(f"a path that leads out of the repository: {written[:80]}")
    rest = [] if written == "." else parts[ups:]
    path = "/".join(base[: len(base) - ups] + rest)
    if relative(path, folder) != written:
        raise ValueError(f"not the canonical form of a path: {written[:80]}")
    return path

"""The pattern language of `.gitattributes`.

Known here, and not only to git, because `mlvc.toml` uses it for sizes and because it must be said before a
commit which files a new line will cover.
"""

from __future__ import annotations

import re
from functools import lru_cache

from git_mlvc.repo_path import RepoPath

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

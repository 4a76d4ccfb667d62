"""The words of a filter expression, and how a mistake in one is shown: the text with a caret below it. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from git_mlvc import text_width
from git_mlvc.errors import UsageError

KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false", "null"})
_NUMBER = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|nan)")
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign><=|>=|==|!=|<|>|~|\(|\)|\[|\]|,)
    | (?P<word>[+-]?[\w@/.](?:[\w@/+.:-]|(?<=[.:])"(?:[^"\\]|\\.)*")*)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_INSTEAD = {"=": "==", "&": "and", "|": "or", "!": "not", "<>": "!="}
_SHOWN_AROUND = 48  # signs of a long expression that are shown on either side of the mistake


class Kind(Enum):
    """What a token is. `value` of NUMBER is an int or float, of TEXT what is between the quotes."""

    NUMBER = "number"
    TEXT = "text"
    NAME = "name"
    KEYWORD = "keyword"
    SIGN = "sign"
    END = "end"


class Token(NamedTuple):
    """`at`: where it begins in the expression."""

    kind: Kind
    text: str
    at: int
    value: object = None


def tokens(expression: str) -> list[Token]:
    """Return the tokens, with one of kind END last. Raises UsageError."""
    found: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise _unreadable(expression, at)
        if match.lastgroup != "space":
            found.append(_token(expression, match))
        at = match.end()
    found.append(Token(Kind.END, "", len(expression)))
    return found


def mistake(expression: str, at: int, says: str, *, hint: str = "") -> UsageError:
    """Return the error that shows the expression, and below it where and what is wrong."""
    start = max(0, at - _SHOWN_AROUND)
    end = min(len(expression), at + _SHOWN_AROUND)
    before = ("…" if start else "") + _one_line(expression[start:at])
    after = _one_line(expression[at:end]) + ("…" if end < len(expression) else "")
    return UsageError(
        "the filter cannot be read",
        why=f"{before}{after}\n{' ' * text_width.width(before)}^ {says}",
        hint=hint or "write it like --filter 'metrics.acc > 0.9 and params.lr < 0.1'",
    )


def _token(expression: str, match: re.Match[str]) -> Token:
    text, at = match[0], match.start()
    if match.lastgroup == "text":
        return Token(Kind.TEXT, text, at, _ESCAPE.sub(r"\1", text[1:-1]))
    if match.lastgroup == "sign":
        return Token(Kind.SIGN, text, at)
    if text in KEYWORDS:
        return Token(Kind.KEYWORD, text, at)
    if _NUMBER.fullmatch(text):
        return Token(Kind.NUMBER, text, at, _number(text))
    if text[0] in "+-":
        raise mistake(expression, at, "a number is expected after the sign, and there is no adding")
    return Token(Kind.NAME, text, at)


def _number(text: str) -> int | float:
    digits = text.lstrip("+-")
    # A whole number longer than this is beyond all that is ever compared, and slow to read.
    return int(text) if digits.isdigit() and len(digits) < 400 else float(text)


def _unreadable(expression: str, at: int) -> UsageError:
    sign = expression[at]
    if sign in "\"'":
        return mistake(expression, at, "this quote is not closed")
    if sign in _INSTEAD:
        return mistake(expression, at, f"write '{_INSTEAD[sign]}' instead")
    shown = sign if sign.isprintable() else ascii(sign)[1:-1]
    return mistake(expression, at, f"'{shown}' means nothing here; text stands in quotes")


def _one_line(text: str) -> str:
    return "".join(one if one.isprintable() else "·" for one in text)

"""Expressions that choose experiments: `metrics.acc > 0.9 and params.lr in [0.1, 0.01]`. Pure.

    either     = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | comparison
    comparison = operand {("<" | "<=" | ">" | ">=" | "==" | "!=" | "~" | ["not"] "in") operand} | "(" either ")"
    operand    = number | text in quotes | true | false | null | name | "[" [operand {"," operand}] "]"

`a < b < c` is `a < b and b < c`. A comparison with a value that is missing is false, whatever the sign; so is
one between kinds that do not compare (a number and a text: `==` and `<` are false, `!=` is true). `~` is a glob on a
text. A name alone holds if its value is true; `alone` tells which those are. NaN is as for IEEE 754: unequal to everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from git_mlvc.errors import UsageError
from git_mlvc.experiments import filter_tokens
from git_mlvc.experiments.filter_tokens import Kind, Token

MAX_DEPTH = 60
_CONSTANTS = {"true": True, "false": False, "null": None}
_SIGNS = frozenset({"<", "<=", ">", ">=", "==", "!=", "~"})
_OPERAND = "a name, a number or a text in quotes is expected here"


class Missing:
    """What a value is that an experiment does not have."""


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Name:
    """A column, as it was typed; `at`: where in the expression."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    value: object


@dataclass(frozen=True, slots=True)
class Several:
    """A list in brackets."""

    items: tuple[Operand, ...]


Operand = Name | Literal | Several


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operands` is one longer than `signs`; without a sign it is a name alone."""

    operands: tuple[Operand, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """All of the parts (`is_all`), or one of them."""

    parts: tuple[Node, ...]
    is_all: bool


@dataclass(frozen=True, slots=True)
class Negation:
    part: Node


Node = Comparison | Joined | Negation
ValueOf = Callable[[str], object]
"""What an experiment has for a name as it was typed; MISSING if it has nothing."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was read."""

    text: str
    tree: Node

    @property
    def names(self) -> Iterator[Name]:
        """The names in it, from left to right; each must be known before `holds` is asked."""
        return _names(self.tree)

    @property
    def alone(self) -> Iterator[Name]:
        """Those names that are compared with nothing: their values have to be true or false."""
        return _alone(self.tree)

    def holds(self, value_of: ValueOf) -> bool:
        """Return whether this is true of an experiment. Raises nothing."""
        return _holds(self.tree, value_of)

    def mistake(self, at: int, says: str, *, hint: str = "") -> UsageError:
        """Return the error for a name in it that means nothing."""
        return filter_tokens.mistake(self.text, at, says, hint=hint)


def parse(text: str) -> Filter:
    """Read an expression. Raises UsageError that points at the place."""
    text = text.strip()
    return Filter(text, _Parser(text).whole())


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = filter_tokens.tokens(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._next().kind is Kind.END:
            raise self._mistake("it is empty")
        tree = self._either()
        if self._next().kind is not Kind.END:
            said = "nothing is open" if self._next().text in (")", "]") else "'and' or 'or'"
            raise self._mistake(said if said[0] == "n" else f"{said} is expected here")
        return tree

    # -- rules, from the weakest to the strongest

    def _either(self) -> Node:
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), is_all=False)

    def _both(self) -> Node:
        parts = [self._negation()]
        while self._takes("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), is_all=True)

    def _negation(self) -> Node:
        is_negated = False
        while self._takes("not"):
            is_negated = not is_negated
        found = self._comparison()
        return Negation(found) if is_negated else found

    def _comparison(self) -> Node:
        if self._takes("("):
            self._deeper()
            inside = self._either()
            if not self._takes(")"):
                raise self._mistake("')' is expected here")
            self._depth -= 1
            return inside
        first = self._next()
        operands = [self._operand()]
        signs: list[str] = []
        while sign := self._sign():
            signs.append(sign)
            operands.append(self._operand())
        if not signs and not isinstance(operands[0], Name):
            raise self._mistake(
                f"a comparison of {first.text} is expected here: <, <=, >, >=, ==, !=, ~ or in"
            )
        return Comparison(tuple(operands), tuple(signs))

    def _sign(self) -> str:
        token = self._next()
        if token.kind is Kind.SIGN and token.text in _SIGNS:
            self._at += 1
            return token.text
        if self._takes("in"):
            return "in"
        if token.kind is Kind.KEYWORD and token.text == "not":
            self._at += 1
            if not self._takes("in"):
                raise self._mistake("'in' is expected after 'not', or 'and' before it")
            return "not in"
        return ""

    def _operand(self) -> Operand:
        token = self._next()
        if self._takes("["):
            return self._several()
        if token.kind in (Kind.NUMBER, Kind.TEXT):
            self._at += 1
            return Literal(token.value)
        if token.kind is Kind.NAME:
            self._at += 1
            return Name(token.text, token.at)
        if token.kind is Kind.KEYWORD and token.text in _CONSTANTS:
            self._at += 1
            return Literal(_CONSTANTS[token.text])
        raise self._mistake(_OPERAND)

    def _several(self) -> Several:
        self._deeper()
        items: list[Operand] = []
        while not self._takes("]"):
            if items and not self._takes(","):
                raise self._mistake("',' or ']' is expected here")
            if items and self._takes("]"):
                break
            items.append(self._operand())
        self._depth -= 1
        return Several(tuple(items))

    # -- tokens

    def _next(self) -> Token:
        return self._tokens[self._at]

    def _takes(self, text: str) -> bool:
        token = self._next()
        if token.text != text or token.kind not in (Kind.SIGN, Kind.KEYWORD):
            return False
        self._at += 1
        return True

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._mistake("it is nested too deeply")

    def _mistake(self, says: str) -> UsageError:
        return filter_tokens.mistake(self._text, self._next().at, says)


# -- what it says of one experiment


def _names(node: Node | Operand) -> Iterator[Name]:
    match node:
        case Name():
            yield node
        case Negation(part):
            yield from _names(part)
        case Comparison(operands, _) | Several(operands):
            for operand in operands:
                yield from _names(operand)
        case Joined(parts, _):
            for part in parts:
                yield from _names(part)


def _alone(node: Node) -> Iterator[Name]:
    match node:
        case Negation(part):
            yield from _alone(part)
        case Joined(parts, _):
            for part in parts:
                yield from _alone(part)
        case Comparison((Name() as name,), ()):
            yield name


def _holds(node: Node, value_of: ValueOf) -> bool:
    match node:
        case Negation(part):
            return not _holds(part, value_of)
        case Joined(parts, is_all):
            return (all if is_all else any)(_holds(part, value_of) for part in parts)
        case Comparison(operands, signs):
            values = [_value(operand, value_of) for operand in operands]
            if not signs:
                return values[0] is True
            return all(_compares(values[i], sign, values[i + 1]) for i, sign in enumerate(signs))


def _value(operand: Operand, value_of: ValueOf) -> object:
    match operand:
        case Name(text, _):
            return value_of(text)
        case Literal(value):
            return value
        case Several(items):
            values = [_value(item, value_of) for item in items]
            return MISSING if MISSING in values else values


def _compares(left: object, sign: str, right: object) -> bool:
    if left is MISSING or right is MISSING:
        return False
    match sign:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case "in":
            return isinstance(right, list) and any(equal(left, one) for one in right)
        case "not in":
            return isinstance(right, list) and not any(equal(left, one) for one in right)
        case "~":
            return isinstance(left, str) and isinstance(right, str) and fnmatchcase(left, right)
    return _is_ordered(left, sign, right)


def _is_ordered(left: object, sign: str, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return _order(left < right, left > right, left == right, sign)
    if is_number(left) and is_number(right):
        assert isinstance(left, int | float)
        assert isinstance(right, int | float)
        return _order(left < right, left > right, left == right, sign)
    return False


def _order(is_less: bool, is_more: bool, is_same: bool, sign: str) -> bool:
    return (is_less and "<" in sign) or (is_more and ">" in sign) or (is_same and "=" in sign)


def equal(one: object, two: object) -> bool:
    """Return whether two values are the same: 1 and 1.0 are; true and 1, NaN and anything are not."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(equal, one, two))
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    return one == two


def is_number(value: object) -> bool:
    """True and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)

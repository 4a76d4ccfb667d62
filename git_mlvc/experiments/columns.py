"""The columns of the table of experiments: what they are called, and which one a word means. Pure.

A parameter or metric is known by its whole name, `metrics.out/metrics.json:train.loss`, and by each shorter one that
means no other: `metrics.train.loss`, `out/metrics.json:train.loss`, `train.loss`, `loss`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import cached_property

from git_mlvc.errors import UsageError
from git_mlvc.formats import dotted_key
from git_mlvc.nearest import nearest

_MOST_LISTED = 8


class Kind(Enum):
    """FIXED are those that every experiment has."""

    FIXED = ""
    METRIC = "metrics"
    PARAM = "params"


@dataclass(frozen=True, slots=True)
class Column:
    """`file`: from the top; empty for FIXED. `key`: dotted, "train.lr"; the name itself for FIXED."""

    kind: Kind
    file: str
    key: str

    @property
    def whole_name(self) -> str:
        return f"{self.kind.value}.{self.file}:{self.key}" if self.file else self.key

    @property
    def last_part(self) -> str:
        return _parts(self.key)[-1]


NAME = Column(Kind.FIXED, "", "name")
STATE = Column(Kind.FIXED, "", "state")
DURATION = Column(Kind.FIXED, "", "duration")
MADE = Column(Kind.FIXED, "", "made")
COMMIT = Column(Kind.FIXED, "", "commit")
SWEEP = Column(Kind.FIXED, "", "sweep")
SUBJECT = Column(Kind.FIXED, "", "subject")
FIXED = (NAME, STATE, DURATION, MADE, COMMIT, SWEEP, SUBJECT)


class NoColumn(UsageError):
    """A word means no column, or several. `says` is short, for where the place is shown."""

    def __init__(self, word: str, says: str, hint: str) -> None:
        super().__init__(f"'{word}' is {says}", hint=hint)
        self.says = says


class Columns:
    """The columns of one table: the fixed ones and these."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self.all: tuple[Column, ...] = tuple(dict.fromkeys((*FIXED, *columns)))

    @property
    def measured(self) -> Iterator[Column]:
        """The parameters and metrics."""
        return (column for column in self.all if column.kind is not Kind.FIXED)

    def find(self, word: str) -> Column:
        """Return the column that a word means. Raises NoColumn: none, with the nearest; or several, with all."""
        fixed = next((column for column in FIXED if column.key == word), None)
        if fixed is not None:
            return fixed
        for is_whole in (True, False):
            found = [column for column in self.measured if _means(word, column, is_whole)]
            if len(found) == 1:
                return found[0]
            if found:
                names = [self.label(column) for column in found]
                raise NoColumn(word, f"one of several: {_listed(names)}", f"write {names[0]}")
        raise self._unknown(word)

    def matching(self, word: str) -> list[Column]:
        """Return the columns that a glob on names means, in their order; of a word without * or ?, the one.

        Raises NoColumn.
        """
        if not ("*" in word or "?" in word):
            return [self.find(word)]
        found = [one for one in self.all if any(fnmatchcase(name, word) for name in _names(one))]
        if not found:
            raise self._unknown(word)
        return found

    def label(self, column: Column) -> str:
        """Return the shortest name, with the whole key in it, that means this column only."""
        return self._labels[column]

    @cached_property
    def _labels(self) -> dict[Column, str]:
        count = Counter(name for column in self.measured for name in set(_names(column)))
        count.update(column.key for column in FIXED)
        return {column: column.key for column in FIXED} | {
            column: next((name for name in _names(column) if count[name] == 1), column.whole_name)
            for column in self.measured
        }

    def _unknown(self, word: str) -> NoColumn:
        labels = [self.label(column) for column in self.measured]
        names = {name for column in self.measured for name in _names(column)}
        near = nearest(word, [*names, *(column.key for column in FIXED)])
        if not near:
            ends = {column.last_part: self.label(column) for column in self.measured}
            near = ends.get(nearest(word.rpartition(".")[2], ends), "")
        if near:
            hint = f"did you mean '{near}'?"
        elif labels:
            hint = f"there are {_listed(labels)}; name, state, duration, made, sweep"
        else:
            hint = "the experiments shown have neither parameters nor metrics"
        return NoColumn(word, "no parameter or metric", hint)


def _names(column: Column) -> Iterator[str]:
    """Yield the names with the whole key, from the shortest on."""
    yield column.key
    yield f"{column.kind.value}.{column.key}"
    yield f"{column.file}:{column.key}"
    yield column.whole_name


def _means(word: str, column: Column, is_whole: bool) -> bool:
    """Return whether a word is a name of a column; if not `is_whole`, only the end of its key may be there."""
    prefix = f"{column.kind.value}."
    for text in {word, word.removeprefix(prefix)}:
        for file in ("", f"{column.file}:", f"{json.dumps(column.file)}:"):
            if text.startswith(file) and _is_key(text[len(file) :], column.key, is_whole):
                return True
    return False


def _is_key(text: str, key: str, is_whole: bool) -> bool:
    if text == key:
        return True
    if '"' not in text and "[" not in text and "'" not in text:
        return not is_whole and key.endswith(f".{text}") and _ends(key, _parts(text))
    parts = _parts(text)
    return parts == _parts(key) if is_whole else _ends(key, parts)


def _ends(key: str, parts: tuple[str, ...]) -> bool:
    return bool(parts) and _parts(key)[-len(parts) :] == parts


def _parts(key: str) -> tuple[str, ...]:
    try:
        return dotted_key.parse(key)
    except ValueError:
        return (key,)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")

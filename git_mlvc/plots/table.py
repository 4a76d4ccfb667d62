"""A table of named columns, and what a column holds. Pure."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from git_mlvc.errors import InputError
from git_mlvc.units import count_text

Cell = str | int | float | bool | None

_NUMBER = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,9})?\Z", re.ASCII)
_WORDS = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length by name, in the order of the file. `remarks`: what was left out, for people."""

    columns: Mapping[str, Sequence[Cell]]
    remarks: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def column(self, name: str, file: str) -> Sequence[Cell]:
        """Raises InputError naming the file, the column and the nearest name."""
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name, list(self.columns), n=1)
        known = ", ".join(f"'{one}'" for one in list(self.columns)[:12]) or "none"
        more = " …" if len(self.columns) > 12 else ""
        raise InputError(
            f"{file} has no column '{name}'",
            why=f"its columns are {known}{more}",
            hint=f"did you mean '{near[0]}'?" if near else "",
        )

    def is_numeric(self, name: str) -> bool:
        """True if more than half of the cells that are filled are numbers."""
        filled = numbers = 0
        for cell in self.columns.get(name, ()):
            if not is_empty(cell):
                filled += 1
                numbers += number(cell) is not None
        return numbers * 2 > filled

    def is_time(self, name: str) -> bool:
        """True if all of the cells that are filled are dates, or dates with times, as ISO 8601 writes them."""
        filled = [cell for cell in self.columns.get(name, ()) if not is_empty(cell)]
        return bool(filled) and all(moment(cell) is not None for cell in filled)

    def is_blank(self, name: str) -> bool:
        return all(is_empty(cell) for cell in self.columns[name])


def numbers(cells: Sequence[Cell], name: str) -> tuple[list[float | None], str]:
    """Return a column as numbers, None where there is none, and what to say of cells that are something else."""
    found: list[float | None] = []
    wrong = 0
    first = ""
    for row, cell in enumerate(cells, start=1):
        value = number(cell)
        if value is None and not is_empty(cell):
            wrong += 1
            first = first or f"'{label(cell)}' in row {row}"
        found.append(value)
    if not wrong:
        return found, ""
    what = count_text(wrong, "value")
    return (
        found,
        f"{what} of '{name}' {'is no number' if wrong == 1 else 'are no numbers'}: {first}",
    )


def number(cell: Cell) -> float | None:
    """Return the number that a cell holds, perhaps NaN or infinite; None if it holds something else."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if _NUMBER.match(text):
            return float(text)
        bare = text.lstrip("+-").lower()
        if len(text) - len(bare) > 1 or bare not in _WORDS:
            return None
        return -_WORDS[bare] if text.startswith("-") else _WORDS[bare]
    try:
        return float(cell)
    except OverflowError:  # a whole number beyond all floats
        return math.inf if cell > 0 else -math.inf


def moment(cell: Cell) -> float | None:
    """Return the seconds since 1970 of a date and time as ISO 8601 writes it; without a zone it is UTC."""
    if not isinstance(cell, str) or not _TIME.match(cell.strip()):
        return None
    try:
        found = datetime.fromisoformat(cell.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def label(cell: Cell) -> str:
    """Return a cell as a name: of a class, of a bar."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    if isinstance(cell, int) and abs(cell) >= 1 << 256:
        return str(number(cell))
    return str(cell).strip()


def is_empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())

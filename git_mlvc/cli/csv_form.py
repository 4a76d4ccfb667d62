"""What `--csv` writes: for programs, and for spreadsheets, which take some texts for orders. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

_ORDERS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(map(harmless, row) for row in rows)
    return written.getvalue().encode("utf-8", "surrogateescape")


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: such a text gets an apostrophe before it.

    Law 12: names and values come with a clone, and `=HYPERLINK(…)` is an order. Numbers stay numbers.
    """
    if not isinstance(cell, str) or not cell.startswith(_ORDERS) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text)) or text.lstrip("+-").lower() == "nan"
    except ValueError:
        return False

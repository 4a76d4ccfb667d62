"""What `--csv` writes: for programs, and for spreadsheets, which take some texts for orders. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

_ORDERS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(rows: Iterable[Sequence[object]]) -> bytes:
    return "".join(map(_line, rows)).encode("utf-8", "surrogateescape")


def _line(row: Sequence[object]) -> str:
    written = io.StringIO(newline="")
    # Only what ends a line is put in quotes by Python before 3.13: a lone \r has to be among it.
    csv.writer(written, lineterminator="\r\n").writerow(map(harmless, row))
    return written.getvalue().removesuffix("\r\n") + "\n"


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

"""Making tables fit: the first column gives way, then columns go below one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from git_mlvc import text_width

_BETWEEN = 3  # columns that a terminal's table puts between two of ours
_SHORTEST = 10
Table = tuple[list[str], list[list[str]]]


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> bool:
    """Return whether the table is no wider than a terminal; None is a pipe, in which any fits."""
    return width is None or sum(_widths(columns, rows)) + _BETWEEN * (len(columns) - 1) <= width


def blocks(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> Iterator[Table]:
    """Yield the table, or several with the same first column, none wider than `width` if that can be."""
    if width is None or not rows:
        yield list(columns), [list(row) for row in rows]
        return
    widths = _widths(columns, rows)
    widest = max(widths[1:], default=0)
    first = min(widths[0], max(_SHORTEST, width - widest - _BETWEEN))
    names = [text_width.cut_start(row[0], first) for row in rows]  # ends tell keys apart
    at = 1
    while at < len(columns) or at == 1:
        until, total = at, first
        while until < len(columns) and (until == at or total + _BETWEEN + widths[until] <= width):
            total += _BETWEEN + widths[until]
            until += 1
        yield (
            [columns[0], *columns[at:until]],
            [[name, *row[at:until]] for name, row in zip(names, rows, strict=True)],
        )
        at = max(until, at + 1)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        text_width.widest([columns[at].removeprefix(">"), *(row[at] for row in rows)])
        for at in range(len(columns))
    ]

"""Tables as CSV files, for what is drawn from columns: scatter, confusion matrix, bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from git_mlvc.log.scalars import plain

_QUOTED = frozenset(',"\n\r')


def encoded(name: str, columns: Mapping[str, Iterable[object]]) -> bytes:
    """Return the file. Raises ValueError if columns differ in length or have no name, TypeError for other than single values."""
    titles = [str(title) for title in columns]
    if not titles or not all(titles):
        raise ValueError(f"table {name!r} has no columns, or one without a name")
    values = [[_text(name, title, value) for value in column] for title, column in columns.items()]
    if len({len(column) for column in values}) > 1:
        lengths = ", ".join(f"{title}: {len(column)}" for title, column in zip(titles, values, strict=True))  # fmt: skip
        raise ValueError(f"the columns of table {name!r} differ in length ({lengths})")
    lines = [",".join(map(_quoted, titles)), *(",".join(row) for row in zip(*values, strict=True))]
    return "".join(f"{line}\n" for line in lines).encode()


def _text(name: str, title: str, value: object) -> str:
    if type(value) is float or type(value) is int:
        return repr(value)
    single = plain(f"{name}.{title}", value)
    if isinstance(single, dict | list):
        raise TypeError(f"column {title!r} of table {name!r} holds a {type(value).__name__}")
    if single is None:
        return ""
    return _quoted(single) if isinstance(single, str) else repr(single)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _QUOTED.intersection(text) else text

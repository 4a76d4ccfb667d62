"""The numbers in a metrics file: JSON, TOML, YAML, CSV or TSV, told by the end of its name. Pure.

Tables are flattened to dotted keys, lists by index: `val.loss`, `per_class.0`. Texts, dates, true and false
are no metrics and are left out. NaN and infinity are numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping

from git_mlvc.errors import ConfigError, InputError
from git_mlvc.formats import dotted_key
from git_mlvc.fs import structured
from git_mlvc.units import size_text

Number = int | float
ENDINGS = ("json", "toml", "yaml", "yml", "csv", "tsv")
ONLY = "value"
"""The key of a document that is one number and nothing else."""
_MAX_VALUES = 100_000
_MAX_BYTES = 100_000_000
_MAX_YAML_BYTES = 10_000_000  # which takes its parser a minute
_MAX_DEPTH = 100
_MAX_BITS = 4096
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_WHOLE = re.compile(r"[+-]?[0-9]{1,1200}\Z")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)\Z", re.IGNORECASE)


def of(data: bytes, name: str) -> dict[str, Number]:
    """Return the numbers of the file `name`, by dotted key, in its order.

    Of a CSV or TSV with a header: the last value of each column that has a name. Raises InputError naming file
    and, where it is known, line: it does not parse, or it holds values and none is a number.
    """
    ending = name.rstrip('"').rpartition(".")[2].lower()
    most = _MAX_YAML_BYTES if ending in ("yaml", "yml") else _MAX_BYTES
    if len(data) > most:
        raise InputError(
            f"{name} is too large to be read for its numbers",
            why=f"it has {size_text(len(data))}; such files are read up to {size_text(most)}",
            hint="write the few numbers that count into a file of their own",
        )
    if data.startswith(structured.UTF_16):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    try:
        if ending in ("csv", "tsv"):
            return _of_rows(data, name, is_tabbed=ending == "tsv")
        if ending == "json":
            document: object = structured.parse_json(data, name)
        elif ending == "toml":
            document = structured.parse_toml(data, name)
        elif ending in ("yaml", "yml"):
            document = structured.parse_yaml(data, name)
            document = {} if document is None else document
        else:
            raise InputError(
                f"{name} is no metrics file",
                why=f"its name should end in .{', .'.join(ENDINGS[:-1])} or .{ENDINGS[-1]}",
            )
    except ConfigError as exc:
        raise InputError(exc.what, why=exc.why, hint=exc.hint) from exc
    return _of_document(document, name)


# -- documents


def _of_document(document: object, name: str) -> dict[str, Number]:
    found: dict[str, Number] = {}
    other = ""
    for parts, leaf in _leaves(document, name):
        if isinstance(leaf, int | float) and not isinstance(leaf, bool):
            key = _written(parts)
            if key in found:
                raise InputError(f"{name} has the key '{key}' twice")
            found[key] = _plain(leaf, name)
        elif not other:
            other = f"'{_written(parts)}' is {_kind(leaf)}"
    if other and not found:
        raise _no_numbers(name, other)
    return found


def _written(parts: tuple[str, ...]) -> str:
    return dotted_key.written(parts) if parts else ONLY


def _leaves(document: object, name: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield what is no table and no list, with the keys that lead there. YAML's aliases may make it huge."""
    count = 0
    waiting: list[Iterator[tuple[tuple[str, ...], object]]] = [iter([((), document)])]
    while waiting:
        step = next(waiting[-1], None)
        if step is None:
            waiting.pop()
            continue
        parts, value = step
        count += 1
        if count > _MAX_VALUES or len(waiting) > _MAX_DEPTH:
            is_deep = len(waiting) > _MAX_DEPTH
            why = "it is nested too deeply" if is_deep else "it holds too many values"
            raise InputError(f"cannot use {name}", why=why)
        if isinstance(value, Mapping):
            waiting.append(_inside(parts, ((_key(key, name), one) for key, one in value.items())))
        elif isinstance(value, list | tuple):
            waiting.append(_inside(parts, ((str(at), one) for at, one in enumerate(value))))
        else:
            yield parts, value


def _inside(
    parts: tuple[str, ...], values: Iterator[tuple[str, object]]
) -> Iterator[tuple[tuple[str, ...], object]]:
    return (((*parts, key), one) for key, one in values)


def _key(key: object, name: str) -> str:
    """YAML's keys may be anything."""
    if key is None or isinstance(key, bool):
        text = {None: "null", True: "true", False: "false"}[key]
    elif isinstance(key, int) and key.bit_length() > _MAX_BITS:
        raise _too_long(name)
    else:
        text = str(key)
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise InputError(
            f"cannot use {name}", why=f"a key holds half a character: {text[:20]!a}"
        ) from exc
    return text


def _plain(number: Number, name: str) -> Number:
    """Return it as Python's own type; a whole number has to be one that can be written down."""
    if isinstance(number, float):
        return float(number)
    if number.bit_length() > _MAX_BITS:
        raise _too_long(name)
    return int(number)


# -- rows


def _of_rows(data: bytes, name: str, *, is_tabbed: bool) -> dict[str, Number]:
    text = structured.text_of(data, name)
    structured.refuse_conflict(text, name)
    delimiter = _delimiter(text, is_tabbed)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    last: list[str] = []
    line = 0
    try:
        for row in reader:
            cells = [structured.pointed(cell.strip(), delimiter) for cell in row]
            if not any(cells):
                continue
            if not header:
                header, last, line = _header(cells, name, reader.line_num)
                continue
            if len(cells) > len(header):
                raise InputError(
                    f"{name}, line {reader.line_num} has {len(cells)} cells",
                    why=f"the rows above have {len(header)}",
                )
            line = reader.line_num
            last[: len(cells)] = [new or old for new, old in zip(cells, last, strict=False)]
    except csv.Error as exc:
        raise InputError(
            f"{name}, line {reader.line_num} is no row of a table", why=str(exc)
        ) from exc
    return _of_cells(header, last, name, line)


def _delimiter(text: str, is_tabbed: bool) -> str:
    """Spreadsheets of half the world write semicolons into what they call CSV."""
    if is_tabbed:
        return "\t"
    first = next((line for line in text.splitlines() if line.strip()), "")
    return next((one for one in ",;\t" if one in first), ",")


def _header(cells: list[str], name: str, line: int) -> tuple[list[str], list[str], int]:
    """Return the columns' names, and what counts as the row above: without a header, the columns' numbers."""
    if all(not cell or _number(cell) is not None for cell in cells):
        return [str(at) for at in range(len(cells))], list(cells), line
    named = [cell for cell in cells if cell]
    twice = next((cell for cell in named if named.count(cell) > 1), None)
    if twice is not None:
        raise InputError(f"{name}, line {line} has the column '{twice}' twice")
    return cells, [""] * len(cells), line


def _of_cells(header: list[str], cells: list[str], name: str, line: int) -> dict[str, Number]:
    found: dict[str, Number] = {}
    other = ""
    for column, cell in zip(header, cells, strict=True):
        if not column or not cell:
            continue  # without a name: what pandas numbers its rows with
        number = _number(cell)
        if number is not None:
            found[dotted_key.written((column,))] = number
        else:
            other = other or f"line {line}: '{column}' is a text"
    if other and not found:
        raise _no_numbers(name, other)
    return found


def _number(cell: str) -> Number | None:
    if _WHOLE.match(cell):
        return int(cell)
    return float(cell) if _NUMBER.match(cell) or _NOT_FINITE.match(cell) else None


# -- what is wrong


def _no_numbers(name: str, why: str) -> InputError:
    return InputError(
        f"{name} holds no numbers",
        why=why,
        hint="metrics are numbers: write them without quotes",
    )


def _too_long(name: str) -> InputError:
    return InputError(f"cannot use {name}", why="it holds a number of over 1,200 digits")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a date or time"

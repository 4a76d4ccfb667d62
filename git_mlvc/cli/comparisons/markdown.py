"""Tables in Markdown, as pull requests show them; aligned for those who read the text itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from git_mlvc import text_width

_SPECIAL = re.compile(r"[\\`*\[\]<>|]|(?<!\w)_|_(?!\w)")
_MENTION = re.compile(r"(?<![\w`])([@#])(?=\w)")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table of plain texts; a heading that begins with `>` is a right-hand column."""
    is_right = [name.startswith(">") for name in columns]
    cells = [[escaped(name.removeprefix(">")) for name in columns]]
    cells += [[escaped(cell) for cell in row] for row in rows]
    widths = [max(3, text_width.widest(row[at] for row in cells)) for at in range(len(columns))]
    rule = [
        "-" * (width - 1) + ":" if right else "-" * width
        for width, right in zip(widths, is_right, strict=True)
    ]
    lines = [
        [
            text_width.right(cell, width) if right else text_width.left(cell, width)
            for cell, width, right in zip(row, widths, is_right, strict=True)
        ]
        for row in cells
    ]
    lines.insert(1, rule)
    return ["| " + " | ".join(line) + " |" for line in lines]


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, in one line, and that calls nobody by name."""
    text = _SPECIAL.sub(lambda found: "\\" + found[0], " ".join(text.split()))
    return _MENTION.sub(lambda found: f"&#{ord(found[1])};", text)

"""Trees as lines of text: for terminals of any width, for pipes, and where there is only ASCII. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from git_mlvc import text_width

_NARROWEST = 24  # columns that are left for text before a branch goes on at the left margin


@dataclass(slots=True)
class Node:
    """`texts` are shown one below the other; `name`: how the branch is called where it goes on elsewhere."""

    texts: list[str]
    children: list[Node] = field(default_factory=list)
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Strokes:
    branch: str
    last: str
    beside: str
    below: str


_DRAWN = _Strokes("├─ ", "└─ ", "│  ", "   ")
_ASCII = _Strokes("|- ", "`- ", "|  ", "   ")
_DEEPEST = 40  # levels in a pipe, where there is no width


def lines(root: Node, *, width: int | None, can_draw: bool) -> Iterator[str]:
    """Yield the lines of a tree. With `width` None they are as long as they have to be."""
    strokes = _DRAWN if can_draw else _ASCII
    waiting = [root]
    while waiting:
        elsewhere: list[Node] = []
        yield from _branch(waiting.pop(0), "", "", width, strokes, elsewhere)
        waiting += elsewhere
        if waiting:
            yield ""


def _branch(
    node: Node, first: str, rest: str, width: int | None, strokes: _Strokes, elsewhere: list[Node]
) -> Iterator[str]:
    texts = node.texts
    go_on = node.children and first and _is_too_deep(rest, width)
    if go_on:
        elsewhere.append(Node([node.name or texts[0], *texts[1:]], node.children, node.name))
        texts = [f"{texts[0]} (below)"]
    prefix = first
    for text in (line for one in texts for line in one.split("\n")):
        for line in _wrapped(text_width.shown(text), len(prefix), width):
            yield (prefix + line).rstrip()
            prefix = rest + (strokes.beside if node.children and not go_on else "")
    if go_on:
        return
    for at, child in enumerate(node.children):
        is_last = at == len(node.children) - 1
        yield from _branch(
            child,
            rest + (strokes.last if is_last else strokes.branch),
            rest + (strokes.below if is_last else strokes.beside),
            width,
            strokes,
            elsewhere,
        )


def _is_too_deep(rest: str, width: int | None) -> bool:
    if width is None:
        return len(rest) > _DEEPEST * 3
    return len(rest) + _NARROWEST > width


def _wrapped(text: str, taken: int, width: int | None) -> Sequence[str]:
    if width is None or taken + text_width.width(text) <= width:
        return [text]
    return textwrap.wrap(
        text, max(width - taken, _NARROWEST // 2), break_on_hyphens=False
    ) or [""]  # fmt: skip

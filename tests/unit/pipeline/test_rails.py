"""A graph drawn with rails."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.pipeline.drawing.rails import Style, draw, in_depth, width

DOWN, UP = set("│├┤╭╮┬┼"), set("│├┤╰╯┴┼")
FAN = {
    "prepare": ["featurize", "report"],
    "featurize": ["a", "b", "c"],
    "a": ["evaluate"],
    "b": ["evaluate"],
    "c": ["evaluate"],
    "evaluate": ["report"],
}
ORDER = ["prepare", "featurize", "a", "b", "c", "evaluate", "report"]


def lines(order: list[str], following: dict[str, list[str]], style: Style = Style()) -> list[str]:
    return [f"{row.rails}  {row.node or ''}".rstrip() for row in draw(order, following, style)]


def test_what_parts_and_meets_again() -> None:
    assert lines(ORDER, FAN) == [
        "●  prepare",
        "├─╮",
        "● │  featurize",
        "├─│─┬─╮",
        "● │ │ │  a",
        "│ │ ● │  b",
        "├─│─╯ │",
        "│ │   ●  c",
        "├─│───╯",
        "● │  evaluate",
        "╰─┤",
        "  ●  report",
    ]


def test_a_plain_drawing_is_ascii_and_has_the_same_shape() -> None:
    plain = lines(ORDER, FAN, Style(is_plain=True))
    assert all(line.isascii() for line in plain)
    assert [len(line) for line in plain] == [len(line) for line in lines(ORDER, FAN)]
    assert plain[:4] == ["*  prepare", "+-+", "* |  featurize", "+-|-+-+"]


def test_in_depth_a_node_stands_soon_after_those_it_follows() -> None:
    following = {"a": ["b"], "x": ["y"], "b": ["c"], "y": ["c"]}
    assert in_depth(["a", "x", "b", "y", "c"], following) == ["a", "b", "x", "y", "c"]


def test_nothing_and_strangers() -> None:
    assert draw([], {}) == []
    assert width([]) == 0
    assert lines(["a", "b"], {}) == ["●  a", "●  b"]


@given(
    st.integers(1, 12).flatmap(
        lambda count: st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=25
        ).map(lambda pairs: (count, {(min(p), max(p)) for p in pairs if p[0] != p[1]}))
    )
)
def test_every_rail_goes_on_from_row_to_row_and_every_edge_has_its_rail(
    graph: tuple[int, set[tuple[int, int]]],
) -> None:
    count, edges = graph
    following = {one: sorted(end for start, end in edges if start == one) for one in range(count)}
    rows = draw(range(count), following)
    assert [row.node for row in rows if row.node is not None] == list(range(count))
    reach: dict[int, set[int]] = {}  # column -> the nodes whose edges run there
    arrived: dict[int, set[int]] = {}
    for row, below in zip(rows, [*rows[1:], None], strict=True):
        signs = dict(enumerate(row.rails[::2]))
        if row.node is not None:
            at = row.rails.index("●") // 2
            arrived[row.node] = reach.get(at, set())
            reach[at] = {row.node}
        else:
            reach = _through_junction(row.rails, reach)
        if below is None:
            break
        under = dict(enumerate(below.rails[::2]))
        for at, sign in signs.items():
            if sign in DOWN:
                assert under.get(at, " ") in UP or under.get(at) == "●"
        for at, sign in under.items():
            if sign in UP:
                assert signs.get(at, " ") in DOWN or signs.get(at) == "●"
    for start, end in edges:
        assert start in arrived[end]


def _through_junction(rails: str, reach: dict[int, set[int]]) -> dict[int, set[int]]:
    """Return what runs where below a row in which rails meet: those it joins share what comes in."""
    joined = [at for at, sign in enumerate(rails[::2]) if sign in "├┤╭╮┬┼╰╯┴"]
    shared = set().union(*(reach.get(at, set()) for at in joined if rails[2 * at] in UP))
    passing = {at: reach[at] for at, sign in enumerate(rails[::2]) if sign == "│"}
    return passing | {at: set(shared) for at in joined if rails[2 * at] in DOWN}

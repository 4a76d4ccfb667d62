"""Trees of text: on terminals of any width, in pipes, and in ASCII."""

from __future__ import annotations

from git_mlvc.cli.tree_lines import Node, lines


def drawn(root: Node, width: int | None = None, *, can_draw: bool = True) -> list[str]:
    return list(lines(root, width=width, can_draw=can_draw))


def family() -> Node:
    return Node(["a", "more of a"], [Node(["b"], [Node(["c", "more of c"])]), Node(["d"])])


def test_a_tree_in_a_pipe():
    assert drawn(family()) == [
        "a",
        "│  more of a",
        "├─ b",
        "│  └─ c",
        "│     more of c",
        "└─ d",
    ]


def test_a_tree_where_there_is_only_ascii():
    assert drawn(family(), can_draw=False) == [
        "a",
        "|  more of a",
        "|- b",
        "|  `- c",
        "|     more of c",
        "`- d",
    ]


def test_long_texts_are_wrapped_beside_the_strokes_on_a_terminal_and_whole_in_a_pipe():
    text = "one two three four five six seven eight nine"
    root = Node(["top"], [Node([text], [Node(["x"])])])
    assert drawn(root, 30) == [
        "top",
        "└─ one two three four five six",
        "   │  seven eight nine",
        "   └─ x",
    ]
    assert drawn(root)[1] == f"└─ {text}"


def test_a_deep_tree_goes_on_at_the_margin_and_no_line_is_wider_than_the_terminal():
    root = leaf = Node(["0 is the top of all"])
    for n in range(1, 3000):
        leaf.children.append(Node([f"{n} is here", "and says something"], name=f"{n}, from above"))
        leaf = leaf.children[0]
    for width in (40, 80, None):
        said = drawn(root, width)
        text = " ".join(said)
        assert all(f"{n} is here" in text for n in range(1, 3000))
        if width is not None:
            assert max(map(len, said)) <= width


def test_a_word_that_is_wider_than_the_terminal_is_broken():
    assert max(map(len, drawn(Node(["x" * 100]), 30))) <= 30


def test_texts_of_several_lines_stay_in_the_tree_and_nothing_reaches_a_terminal_as_an_order():
    assert drawn(Node(["a\nb\x1b[2J\tc", "\udcff"], [Node(["d"])])) == [
        "a",
        "│  b\\x1b[2J\\tc",
        "│  \\udcff",
        "└─ d",
    ]

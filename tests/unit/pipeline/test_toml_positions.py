"""Where things stand in the text of a TOML file."""

from __future__ import annotations

from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.pipeline.stage_files.toml_positions import position, positions, stage_lines

TEXT = '''\
top.a = 1
[stage.train] # [stage.comment]
cmd = """
[stage.inside]
"""
deps = ["a", # ], "b"
  'c"', {path = "d", x.y = [1, 2]}]
  [ stage . "q \\u0041" ]
cmd = "[stage.no]"
[[list]]
x = 1
[list.sub]
k = 2
[[list]]
y = """a""b"""""
z = [
  1,
]
'''


def test_keys_tables_and_elements_are_found() -> None:
    assert position(TEXT, ("top", "a")) == (1, 1)
    assert position(TEXT, ("stage", "train")) == (2, 1)
    assert position(TEXT, ("stage", "train", "deps", 1)) == (7, 3)
    assert position(TEXT, ("stage", "train", "deps", 2, "path")) == (7, 10)
    assert position(TEXT, ("stage", "train", "deps", 2, "x", "y", 1)) == (7, 32)
    assert position(TEXT, ("stage", "q A", "cmd")) == (9, 1)
    assert position(TEXT, ("list", 0, "sub", "k")) == (13, 1)
    assert position(TEXT, ("list", 1, "z", 0)) == (17, 3)


def test_what_is_not_there_is_where_it_would_be() -> None:
    assert position(TEXT, ("stage", "train", "deps", 2, "z")) == (7, 9)
    assert position(TEXT, ("stage",)) == (2, 1)
    assert position(TEXT, ("nothing",)) == (1, 1)


def test_headers_of_stages_are_not_looked_for_in_texts_and_comments() -> None:
    assert stage_lines(TEXT) == {"train": 2, "q A": 8}


leaves = st.text(max_size=6) | st.integers(-9, 9) | st.booleans()
documents = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ),
    max_size=4,
)


@given(documents)
def test_every_key_and_element_of_any_file_is_found(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    found = {path[:length] for path, _ in positions(text) for length in range(len(path) + 1)}
    assert set(_paths(document)) <= found


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    children: Any = []
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield (*path, key)
        yield from _paths(child, (*path, key))

"""Setting values in params files: only the value changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError
from git_mlvc.experiments.param_edit import edited
from git_mlvc.formats import dotted_key
from git_mlvc.pipeline.parameters import param_values, params

keys = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=8)
single = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20)
)
values = st.recursive(
    single,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)
tables = st.dictionaries(keys, values, min_size=1, max_size=4)


def places(document: Any, parts: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the key of everything in a document."""
    found = [parts] if parts else []
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inner:
        below = (*parts, str(key))
        found += places(value, below) if isinstance(value, dict | list) and value else [below]
    return found


def check(data: bytes, name: str, document: Any, draw: st.DataObject, value: object) -> None:
    parts = draw.draw(st.sampled_from(places(document)))
    made = edited(data, name, {dotted_key.written(parts): value})
    holder = expected = json.loads(json.dumps(document))
    for part in parts[:-1]:
        holder = holder[int(part) if isinstance(holder, list) else part]
    holder[int(parts[-1]) if isinstance(holder, list) else parts[-1]] = value
    assert params.parse(made, name) == expected


@given(tables, values | st.none(), st.data(), st.sampled_from([None, 1, "\t"]))
def test_any_value_of_json_can_be_set(
    document: Any, value: object, draw: st.DataObject, indent: Any
) -> None:
    check(json.dumps(document, indent=indent).encode(), "p.json", document, draw, value)


# In a block that it writes anew, ruamel rounds the last digit of some long numbers; then nothing is set.
short = values.filter(lambda value: "e+" not in json.dumps(value) and "e-" not in json.dumps(value))


@given(
    st.dictionaries(keys, short, min_size=1, max_size=4),
    values | st.none(),
    st.data(),
    st.booleans(),
)
def test_any_value_of_yaml_can_be_set(
    document: Any, value: object, draw: st.DataObject, is_flow: bool
) -> None:
    import io

    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = is_flow
    out = io.StringIO()
    yaml.dump(document, out)
    try:
        before = params.parse(out.getvalue().encode(), "p.yaml")
    except ConfigError:
        return  # what ruamel writes and does not read
    if before == document:
        check(out.getvalue().encode(), "p.yaml", document, draw, value)


@given(tables, values, st.data())
def test_any_value_of_toml_can_be_set(document: Any, value: object, draw: st.DataObject) -> None:
    import tomlkit

    data = tomlkit.dumps(document).encode()
    if params.parse(data, "p.toml") == document and not holds_table(document):
        check(data, "p.toml", document, draw, value)


def holds_table(value: Any) -> bool:
    """True for a table anywhere: what stands in its place has to be one."""
    inner = value.values() if isinstance(value, dict) else value
    return any(
        isinstance(one, dict) or (isinstance(one, list) and holds_table(one)) for one in inner
    )


TOML = b"""# how it learns
seed = 1   # fixed
when = 2026-01-02
dotted.key = 'a'
[train]  # the loop
lr = 0.5  # step
layers = [
  64,  # wide
  32,
]
inline = { a = 1, b = [1, 2] }
[[blocks]]
units = 1
[[blocks]]
units = 2
"""
YAML_TEXT = b"""\
# how it learns
seed: 1   # fixed
base: &base
    lr: 0.5   # step
    name: adam
train:
    <<: *base
    layers:   # wide first
    -   64
    -   32
    flow: {a: 1, 'b': [1, 2]}
    note: |
        long
        text
    none:
    7: seven
"""
JSON_TEXT = b"""{
    "seed" : 1,
  "train": {"lr": 0.5, "layers": [ 64,
     32 ], "text": "a\\u00e9\\"}]"},   "last": null
}
"""


@pytest.mark.parametrize(
    ("data", "key", "value", "old", "new"),
    [
        (TOML, "train.lr", 0.1, b"lr = 0.5  #", b"lr = 0.1  #"),
        (TOML, "seed", 2, b"seed = 1   #", b"seed = 2   #"),
        (TOML, "train.layers[1]", 16, b"  32,", b"  16,"),
        (TOML, "train.inline.b.0", 9, b"[1, 2]", b"[9, 2]"),
        (TOML, "blocks.1.units", 5, b"units = 2", b"units = 5"),
        (TOML, "dotted.key", "b", b"'a'", b'"b"'),
        (TOML, "train.inline", {"a": 2}, b"{ a = 1, b = [1, 2] }", b"{a = 2}"),
        (TOML, "when", "2027-03-04", b"2026-01-02", b"2027-03-04"),
        (TOML.replace(b"\n", b"\r\n"), "train.lr", 1e-5, b"0.5", b"1e-05"),
        (b"\xef\xbb\xbf" + TOML, "seed", 3, b"= 1 ", b"= 3 "),
        (JSON_TEXT, "train.layers.1", 16, b"32 ]", b"16 ]"),
        (JSON_TEXT, "train.text", "ü", b'"a\\u00e9\\"}]"', '"ü"'.encode()),
        (JSON_TEXT, "last", [1, {"a": None}], b"null", b'[1, {"a": null}]'),
        (YAML_TEXT, "seed", 2, b"seed: 1   #", b"seed: 2   #"),
        (YAML_TEXT, "train.layers.1", 16, b"-   32", b"-   16"),
        (YAML_TEXT, "base.name", "sgd", b"adam", b"sgd"),
        (YAML_TEXT, "base.name", "yes", b"adam", b'"yes"'),
        (YAML_TEXT, "train.flow.b.0", 1e-5, b"[1, 2]", b"[1.0e-05, 2]"),
        (YAML_TEXT, "train.7", None, b"seven", b"null"),
        (YAML_TEXT.replace(b"\n", b"\r\n"), "train.flow.a", True, b"{a: 1", b"{a: true"),
    ],
)
def test_everything_else_stays_byte_for_byte(
    data: bytes, key: str, value: object, old: bytes, new: bytes
) -> None:
    name = "p.json" if data[:1] == b"{" else "p.yaml" if b"seed: " in data else "p.toml"
    assert data.count(old) == 1
    if b"base.name" in key.encode():  # another part refers to it: only what is asked may change
        made = edited(data, name, {key: value})
        assert param_values.at(params.parse(made, name), key, name) == value
        return
    assert edited(data, name, {key: value}) == data.replace(old, new)


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("train.lr", 0.1, b"lr: 0.5   # step"),  # merged in: the table gets a key of its own
        ("train.note", "short", b"# wide first"),
        ("train.none", 3, b"# wide first"),
        ("train.layers", [1], b"# step"),
    ],
)
def test_what_yaml_writes_elsewhere_or_in_blocks_keeps_its_comments(
    key: str, value: object, kept: bytes
) -> None:
    made = edited(YAML_TEXT, "p.yaml", {key: value})
    assert kept in made and b"# how it learns" in made and b"# fixed" in made
    document = params.parse(made, "p.yaml")
    assert param_values.at(document, key, "p.yaml") == value
    assert param_values.at(document, "base.lr", "p.yaml") == 0.5


@pytest.mark.parametrize(
    ("name", "data", "key", "value", "says"),
    [
        ("p.toml", TOML, "train.rl", 1, "did you mean 'train.lr'"),
        ("p.toml", TOML, "train.lr", None, "no null"),
        ("p.toml", TOML, "when", "tomorrow", "when"),
        ("p.yaml", b"a: [", "a", 1, "not valid YAML"),
        ("p.toml", b"<<<<<<< ours\na = 1\n=======\na = 2\n>>>>>>> theirs\n", "a", 1, "both sides"),
    ],
)
def test_what_cannot_be_set_is_told(
    name: str, data: bytes, key: str, value: object, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        edited(data, name, {key: value})
    assert says in f"{caught.value} {caught.value.hint}"

"""Params files: three formats, one text for a value, and what is wrong with file and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError, MlvcError
from git_mlvc.formats import dotted_key
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import Param
from git_mlvc.pipeline.parameters import param_values, params
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.repo_path import RepoPath

path = RepoPath.parse
FILES = {
    "p.toml": b"""
        lr = 0.10
        net.layers = [{units = 64}, {units = 32}]
        day = 2024-02-29
        at = 2024-02-29T10:00:00Z
        big = inf
        "a.b" = true
        """,
    "p.yaml": b"""
lr: 0.10
net: {layers: [{units: 64}, {units: 32}]}
day: 2024-02-29
at: 2024-02-29T10:00:00Z
big: .inf
a.b: true
""",
    "p.json": b"""{"lr": 0.10, "net": {"layers": [{"units": 64}, {"units": 32}]},
        "day": "2024-02-29", "at": "2024-02-29T10:00:00+00:00", "big": Infinity, "a.b": true}""",
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def refusal(name: str, data: bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        params.parse(data, name)
    return caught.value


@pytest.mark.parametrize("name", FILES)
def test_a_value_has_one_text_whatever_the_format(top: Path, name: str) -> None:
    reader = ParamsReader(OnDisk(top))

    def value(key: str) -> str:
        return reader.value(Param(path(name), key))

    assert value("lr") == "0.1"
    assert value("net.layers.1.units") == value("net.layers[1].units") == "32"
    assert value("net") == '{"layers":[{"units":64},{"units":32}]}'
    assert value("day") == '"2024-02-29"'
    assert value("at") == '"2024-02-29T10:00:00+00:00"'
    assert value("big") == "Infinity"
    assert value('"a.b"') == "true"
    assert json.loads(value("")).keys() == {"lr", "net", "day", "at", "big", "a.b"}


def test_a_file_is_read_once_for_a_reader(top: Path) -> None:
    reader = ParamsReader(OnDisk(top))
    assert reader.value(Param(path("p.toml"), "lr")) == "0.1"
    (top / "p.toml").write_text("lr = 2")
    assert reader.value(Param(path("p.toml"), "lr")) == "0.1"
    reader.forget(path("p.toml"))
    assert reader.value(Param(path("p.toml"), "lr")) == "2"


def test_yaml_is_that_of_1_2(tmp_path: Path) -> None:
    document = params.parse(b"a: 1e-4\nb: yes\nc: 0o17\nd: 010\ne: null\n3: x\n", "p.yml")
    assert document == {"a": 1e-4, "b": "yes", "c": 15, "d": 10, "e": None, "3": "x"}
    assert params.parse(b"", "p.yaml") == params.parse(b"# nothing\n", "p.yaml") == {}
    merged = params.parse(b"base: &b {x: 1}\nmore: {<<: *b, y: 2}\n", "p.yaml")
    assert isinstance(merged, dict) and merged["more"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("key", "what", "why", "hint"),
    [
        ("lrr", "p.toml has no key 'lrr'", "", "'lr'"),
        ("net.layer", "p.toml has no key 'net.layer'", "", "'net.layers'"),
        ("net.layers.5.units", "no key 'net.layers.5.units'", "'net.layers' is a list of 2", "units"),
        ("lr.x", "p.toml has no key 'lr.x'", "'lr' is a number, not a table", "'lr'"),
        ("units", "p.toml has no key 'units'", "", "'net.layers.0.units'"),
        ("zzzz", "p.toml has no key 'zzzz'", "", "add it to p.toml"),
    ],
)  # fmt: skip
def test_a_key_that_is_missing_is_told_with_the_nearest(
    top: Path, key: str, what: str, why: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        ParamsReader(OnDisk(top)).value(Param(path("p.toml"), key))
    assert what in caught.value.what
    assert why in caught.value.why
    assert hint in caught.value.hint


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(params.MissingParamsFile) as caught:
        ParamsReader(OnDisk(tmp_path)).value(Param(path("no.toml"), "a"))
    assert "no.toml does not exist" in caught.value.what
    assert "'a'" in caught.value.why


def test_the_default_file_is_the_one_beside_the_stage_file(tmp_path: Path) -> None:
    assert ParamsReader(OnDisk(tmp_path)).default(None) == path("params.toml")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "params.json").write_text("{}")
    assert ParamsReader(OnDisk(tmp_path)).default(path("sub")) == path("sub/params.json")
    (tmp_path / "sub" / "params.yml").write_text("{}")
    with pytest.raises(ConfigError) as caught:
        ParamsReader(OnDisk(tmp_path)).default(path("sub"))
    assert "params.yml, params.json" in caught.value.what


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("p.toml", b"a = 1\nb = \n", "p.toml, line 2, column 5"),
        ("p.json", b'{"a": 1,\n "b": }', "p.json, line 2, column 7"),
        ("p.yaml", b"a: 1\nb: [1, 2\nc: 3\n", "p.yaml, line 3, column"),
        ("p.yaml", b"a: 1\na: 2\n", "p.yaml, line 2, column 1"),
        ("p.yaml", b"a: !!python/object:os.system 1\n", "p.yaml, line 1, column 4"),
        ("p.yaml", b"a: 1\n---\nb: 1\n", "p.yaml, line 2"),
        ("p.json", b'{"a": 1, "a": 2}', "p.json is not valid JSON"),
        ("p.yaml", b"a: 2024-99-99\n", "p.yaml is not valid YAML"),
        ("p.json", b"[" * 100_000, "p.json"),
        ("p.yaml", b"[" * 1_000, "p.yaml"),
        ("p.yaml", b"a: &a [*a]\n", "cannot use p.yaml"),
        ("p.json", b"1" * 5000, "p.json"),
        ("p.json", b'{"a": "\\ud800"}', "cannot use p.json"),
        ("p.json", b'{"\\udfff": 1}', "cannot use p.json"),
        ("p.toml", b"a = 0x" + b"f" * 5000, "cannot use p.toml"),
        ("p.toml", b"a = " + b"1" * 5000, "p.toml"),
        ("p.yaml", b"1: a\n'1': b\n", "p.yaml has the key '1' twice"),
        ("p.ini", b"", "p.ini is no params file"),
        ("p.yaml", b"\xff", "p.yaml, line 1 is not UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_with_its_place(name: str, data: bytes, what: str) -> None:
    assert refusal(name, data).what.startswith(what)


@pytest.mark.parametrize("name", ["p.toml", "p.yaml", "p.json"])
def test_marks_of_a_merge_are_called_so(name: str) -> None:
    data = b"a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n"
    error = refusal(name, data)
    assert error.what == f"{name}, line 2: a merge has left both sides here"
    assert f"git add {name}" in error.hint


def test_law_12_params_behind_a_link_are_not_read(tmp_path: Path) -> None:
    """A clone may bring links to what is the user's own."""
    home, top = tmp_path / "home", tmp_path / "top"
    home.mkdir()
    (home / "secret.json").write_text('{"a": 1}')
    top.mkdir()
    (top / "config").symlink_to(home)
    (top / "own.json").symlink_to(home / "secret.json")
    for name in ("config/secret.json", "own.json"):
        with pytest.raises(MlvcError, match="symbolic link"):
            ParamsReader(OnDisk(top)).value(Param(path(name), "a"))


def test_a_stub_is_called_so() -> None:
    data = b"git-mlvc pointer 1\noid blake3:" + b"0" * 64 + b"\nsize 5\n"
    assert "is a stub" in refusal("p.json", data).what


def test_references_of_yaml_cannot_grow_without_bound() -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "too many values" in refusal("p.yaml", "\n".join(lines).encode()).why


@given(st.binary(max_size=60) | st.text("a:1-[]{}\"'&*!#\n <|>,", max_size=40).map(str.encode))
def test_any_bytes_are_a_value_or_a_config_error(data: bytes) -> None:
    for name in FILES:
        try:
            document = params.parse(data, name)
        except ConfigError:
            continue
        assert json.loads(param_values.canonical(document)) is not Ellipsis


@given(st.lists(st.text(min_size=0, max_size=5), min_size=1, max_size=4))
def test_any_parts_have_a_key_that_is_read_back(parts: list[str]) -> None:
    assert dotted_key.parse(dotted_key.written(tuple(parts))) == tuple(parts)


@given(st.text(max_size=12))
def test_any_text_is_a_key_or_a_value_error(text: str) -> None:
    try:
        parts = dotted_key.parse(text)
    except ValueError:
        return
    assert dotted_key.parse(dotted_key.written(parts)) == parts

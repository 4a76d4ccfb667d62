"""Mistakes in settings files are told with file, line and column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError
from git_mlvc.fs import structured


def test_toml_becomes_values(tmp_path):
    path = tmp_path / "mlvc.toml"
    path.write_bytes(b'\xef\xbb\xbf[remote]\r\ndefault = "a"\r\n')
    assert structured.read_toml(path) == {"remote": {"default": "a"}}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"a = 1\nb c\n", "mlvc.toml, line 2, column 3"),
        (b"a = 1\n[x\n", "mlvc.toml, line 2, column 3"),
        (b'a = "', "mlvc.toml, line 1"),
        (b"a = 1\nb = '\xff'\n", "mlvc.toml, line 2"),
    ],
)
def test_a_toml_mistake_names_its_place(data, where):
    with pytest.raises(ConfigError) as caught:
        structured.parse_toml(data, "mlvc.toml")
    assert where in caught.value.what
    assert caught.value.why


def test_json_becomes_values_and_mistakes_name_their_place(tmp_path):
    (tmp_path / "x.json").write_bytes(b'{"a": [1]}')
    assert structured.read_json(tmp_path / "x.json") == {"a": [1]}
    with pytest.raises(ConfigError, match=r"x\.json, line 2, column 1"):
        structured.parse_json(b'{"a":\n}', "x.json")
    with pytest.raises(ConfigError, match="not a JSON object"):
        structured.parse_json(b"[1]", "x.json")


def test_a_missing_file_is_told_apart_from_a_bad_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        structured.read_toml(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot read"):
        structured.read_toml(tmp_path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_no_bytes_raise_anything_else(data):
    for parse in (structured.parse_toml, structured.parse_json):
        try:
            assert isinstance(parse(data, "x"), dict)
        except ConfigError:
            pass


@pytest.mark.parametrize("depth", [100_000])
def test_deep_nesting_is_refused_not_crashed(depth):
    with pytest.raises(ConfigError):
        structured.parse_toml(b"a = " + b"[" * depth, "x")
    with pytest.raises(ConfigError):
        structured.parse_json(b'{"a":' + b"[" * depth, "x")

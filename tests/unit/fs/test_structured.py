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


def test_a_missing_file_is_told_apart_from_a_bad_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        structured.read_toml(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot read"):
        structured.read_toml(tmp_path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_no_bytes_raise_anything_else(data):
    try:
        assert isinstance(structured.parse_toml(data, "x"), dict)
    except ConfigError:
        pass


@pytest.mark.parametrize("depth", [100_000])
def test_deep_nesting_is_refused_not_crashed(depth):
    with pytest.raises(ConfigError):
        structured.parse_toml(b"a = " + b"[" * depth, "x")

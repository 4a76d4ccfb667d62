"""docs/reference/settings.md names every setting there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git_mlvc.backend import registry
from git_mlvc.secret_text import is_secret_name

TOP = Path(__file__).parents[3]
PAGE = (TOP / "docs" / "reference" / "settings.md").read_text("utf-8")
SOURCE = (TOP / "git_mlvc" / "settings.py").read_text("utf-8")


def test_every_key_of_git_config_and_every_variable_is_there() -> None:
    keys = {f"mlvc.{name}" for name in re.findall(r'"mlvc\.([a-z]+)"', SOURCE)} - {"mlvc.toml"}
    assert len(keys) >= 9
    named = {word.lower() for word in re.findall(r"mlvc\.[A-Za-z]+", PAGE)}
    assert keys <= named
    assert set(re.findall(r"MLVC_[A-Z_]+", SOURCE)) <= set(re.findall(r"MLVC_[A-Z_]+", PAGE))


@pytest.mark.parametrize("kind", registry.kinds(), ids=lambda kind: kind.form)
def test_every_kind_of_remote_is_there_with_its_options(kind: registry.Kind) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{kind.form}` |"))
    assert set(re.findall(r"`([^`]+)`", row)) - {kind.form} == kind.options
    private = {name for name in kind.options if is_secret_name(name)} | kind.private_options
    assert set(re.findall(r"`([^`]+)` P", row)) == private
    assert ("is private" in row) is kind.is_private

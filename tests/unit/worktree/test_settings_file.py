"""Editing `mlvc.toml` leaves everything else of it alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_mlvc.errors import ConfigError, InputError
from git_mlvc.worktree import settings_file

WRITTEN = """\
# ours
[track]          # sizes
min_size = "1kB" # small

[remote.lab]
url = "/nfs"     # the lab's
"""


def test_first_file_sets_nothing_and_is_never_overwritten(tmp_path: Path) -> None:
    assert settings_file.create_if_absent(tmp_path)
    text = (tmp_path / "mlvc.toml").read_text()
    assert all(line.startswith("#") for line in text.splitlines())
    assert not settings_file.create_if_absent(tmp_path)


def test_set_and_remove_keep_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "mlvc.toml"
    path.write_text(WRITTEN)
    settings_file.set_value(tmp_path, ("remote", "new", "url"), "s3://b/p")
    assert path.read_text().startswith(WRITTEN)
    assert settings_file.remove(tmp_path, ("remote", "new"))
    assert path.read_text().strip() == WRITTEN.strip()
    assert not settings_file.remove(tmp_path, ("remote", "new"))


def test_tables_that_become_empty_go(tmp_path: Path) -> None:
    settings_file.set_value(tmp_path, ("remote", "lab", "url"), "/nfs")
    settings_file.remove(tmp_path, ("remote", "lab"))
    assert (tmp_path / "mlvc.toml").read_text().strip() == ""


def test_a_pattern_can_be_a_key(tmp_path: Path) -> None:
    settings_file.set_value(tmp_path, ("track", "models/**", "min_size"), 100)
    assert '[track."models/**"]' in (tmp_path / "mlvc.toml").read_text()


def test_a_file_with_a_mistake_is_refused_not_rewritten(tmp_path: Path) -> None:
    (tmp_path / "mlvc.toml").write_text("[remote\n")
    with pytest.raises(ConfigError, match=r"mlvc\.toml"):
        settings_file.set_value(tmp_path, ("a", "b"), 1)
    assert (tmp_path / "mlvc.toml").read_text() == "[remote\n"


def test_law_12_a_link_that_a_clone_brought_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("a = 1\n")
    (tmp_path / "mlvc.toml").symlink_to(victim)
    with pytest.raises(InputError):
        settings_file.set_value(tmp_path, ("b", "c"), 1)
    assert victim.read_text() == "a = 1\n"
    assert not settings_file.create_if_absent(tmp_path)

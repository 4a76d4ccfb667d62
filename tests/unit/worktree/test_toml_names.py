"""Renaming a table in TOML text touches nothing else."""

from __future__ import annotations

import pytest

from git_mlvc.errors import ConfigError
from git_mlvc.worktree.toml_names import renamed

CASES = [
    ('[remote.lab]\nurl = "1"\n', '[remote.new]\nurl = "1"\n'),
    ('[ remote . "lab" ] # lab\nurl = "lab"\n', '[ remote . new ] # lab\nurl = "lab"\n'),
    ("[remote.lab]\r\nurl = '1'\r\n", "[remote.new]\r\nurl = '1'\r\n"),
    ('[remote]\nlab = {url = "lab"} # c\n', '[remote]\nnew = {url = "lab"} # c\n'),
    ('remote.lab.url = "1"\nremote.lab.x = "2"\n', 'remote.new.url = "1"\nremote.new.x = "2"\n'),
    ('[remote]\nlab.url = "1"\nlab2.url = "2"\n', '[remote]\nnew.url = "1"\nlab2.url = "2"\n'),
    (
        '[other.lab]\na = 1\n[remote.lab]\nurl = "1"\n[lab]\nremote = "lab"\n',
        '[other.lab]\na = 1\n[remote.new]\nurl = "1"\n[lab]\nremote = "lab"\n',
    ),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_a_table_is_renamed_however_it_is_written(before: str, after: str) -> None:
    assert renamed(before, "remote", "lab", "new", name="mlvc.toml") == after


@pytest.mark.parametrize(
    "text",
    [
        'remote = {lab = {url = "1"}}\n',
        '[remote.lab]\nurl = """\n[remote.lab]\n"""\n',
        '[remote.lab]\nurl = "1"\n[remote.new]\nurl = "2"\n',
    ],
)
def test_what_a_program_had_better_not_touch_is_left_to_the_user(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot rename"):
        renamed(text, "remote", "lab", "new", name="mlvc.toml")


def test_a_name_with_a_dot_is_quoted() -> None:
    assert renamed("[remote.a]\nx=1\n", "remote", "a", "b.c", name="") == '[remote."b.c"]\nx=1\n'

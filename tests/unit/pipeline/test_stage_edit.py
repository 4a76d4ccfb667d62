"""Edits of a stage file."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError, UsageError
from git_mlvc.pipeline.stage_files import stage_edit

WRITTEN = b"""\
# ours
[remote]
default = 'lab' # of the group

[stage.a]
cmd = 'x'   # first
# after it

[stage.b]
cmd='y'
"""


def test_a_stage_goes_to_the_end_and_nothing_else_changes() -> None:
    table = {
        "cmd": "python t.py",
        "deps": ["a"],
        "outs": [{"path": "x", "store": False}],
        "params": [],
    }
    new = stage_edit.added(WRITTEN, "c", table, "mlvc.toml")
    assert new == WRITTEN + (
        b'\n[stage.c]\ncmd = "python t.py"\ndeps = ["a"]\nouts = [{path = "x", store = false}]\n'
    )


def test_the_first_stage_of_an_empty_file() -> None:
    assert stage_edit.added(b"", "a", {"cmd": "x"}, "mlvc.toml") == b'[stage.a]\ncmd = "x"\n'


def test_long_lists_have_a_line_for_each_item() -> None:
    deps = [f"data/part-{number}.csv" for number in range(9)]
    new = stage_edit.added(b"", "a", {"cmd": "x", "deps": deps}, "mlvc.toml").decode()
    assert '\n    "data/part-3.csv",\n' in new
    assert tomllib.loads(new)["stage"]["a"]["deps"] == deps


def test_a_stage_is_replaced_only_when_asked() -> None:
    with pytest.raises(UsageError, match="has a stage 'a' already"):
        stage_edit.added(WRITTEN, "a", {"cmd": "z"}, "mlvc.toml")
    new = tomllib.loads(stage_edit.added(WRITTEN, "a", {"cmd": "z"}, "f", replace=True).decode())
    assert new["stage"] == {"a": {"cmd": "z"}, "b": {"cmd": "y"}}


def test_removed_and_frozen() -> None:
    without = stage_edit.removed(WRITTEN, "a", "mlvc.toml")
    assert b"# ours" in without
    assert b"of the group" in without
    assert tomllib.loads(without.decode())["stage"] == {"b": {"cmd": "y"}}
    assert "stage" not in tomllib.loads(stage_edit.removed(without, "b", "mlvc.toml").decode())
    two = b'[stage.a]\ncmd = "x"\n\n[stage.b]\ncmd = "y"\n'
    assert stage_edit.removed(two, "b", "mlvc.toml") == b'[stage.a]\ncmd = "x"\n'
    frozen = stage_edit.frozen(WRITTEN, "a", "mlvc.toml", is_frozen=True)
    assert tomllib.loads(frozen.decode())["stage"]["a"] == {"cmd": "x", "frozen": True}
    assert b"# first" in frozen
    thawed = stage_edit.frozen(frozen, "a", "mlvc.toml", is_frozen=False)
    assert tomllib.loads(thawed.decode()) == tomllib.loads(WRITTEN.decode())
    with pytest.raises(UsageError, match="no stage 'z'"):
        stage_edit.removed(WRITTEN, "z", "mlvc.toml")


def test_stages_in_one_inline_table_stay_in_it() -> None:
    new = stage_edit.added(b'stage = {a = {cmd = "x"}} # ours\n', "b", {"cmd": "y"}, "mlvc.toml")
    assert new.startswith(b'stage = {a = {cmd = "x"},') and new.endswith(b"} # ours\n")
    assert tomllib.loads(new.decode())["stage"] == {"a": {"cmd": "x"}, "b": {"cmd": "y"}}


def test_lines_end_as_they_did() -> None:
    before = WRITTEN.replace(b"\n", b"\r\n")
    new = stage_edit.added(before, "c", {"cmd": "x"}, "mlvc.toml")
    assert new == before + b'\r\n[stage.c]\r\ncmd = "x"\r\n'
    frozen = stage_edit.frozen(new, "a", "mlvc.toml", is_frozen=True)
    assert frozen.count(b"\n") == frozen.count(b"\r\n")
    assert stage_edit.removed(new, "c", "mlvc.toml") == before


def test_a_file_with_a_mistake_is_refused() -> None:
    with pytest.raises(ConfigError, match="line 1"):
        stage_edit.added(b"[stage\n", "a", {"cmd": "x"}, "mlvc.toml")


texts = st.text(max_size=20)


@given(texts, st.lists(texts, max_size=3), st.sampled_from([b"", WRITTEN, WRITTEN.rstrip()]))
def test_what_is_written_is_what_was_given(command: str, deps: list[str], before: bytes) -> None:
    new = stage_edit.added(before, "new", {"cmd": command, "deps": deps}, "mlvc.toml")
    found = tomllib.loads(new.decode())["stage"]["new"]
    assert found["cmd"] == command
    assert found.get("deps", []) == deps
    assert (
        tomllib.loads(before.decode())
        == {
            **tomllib.loads(new.decode()),
            "stage": {k: v for k, v in tomllib.loads(new.decode())["stage"].items() if k != "new"},
        }
        or not before
    )

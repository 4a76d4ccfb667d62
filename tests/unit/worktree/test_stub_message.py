"""One message for all files that stay stubs, with every hint that helps and none twice."""

from __future__ import annotations

from git_mlvc.worktree.stub_message import still_stubs


def test_one_file_is_named() -> None:
    assert still_stubs(["a b.bin"], why="no answer from 'lab'", hint="").splitlines() == [
        "warning: a b.bin stays a stub",
        "  why: no answer from 'lab'",
        "hint: git mlvc pull",
    ]


def test_many_are_counted_and_the_first_are_named() -> None:
    said = still_stubs(
        [f"{n}.bin" for n in range(1200)], why="no", hint="git mlvc remote trust lab"
    )
    assert said.startswith("warning: 1,200 files stay stubs: 0.bin, 1.bin, ")
    assert said.splitlines()[0].endswith("9.bin and 1,190 other files")
    assert said.splitlines()[2:] == ["hint: git mlvc remote trust lab", "hint: git mlvc pull"]


def test_a_hint_that_says_pull_already_is_not_repeated() -> None:
    said = still_stubs(["a"], why="no", hint="git mlvc pull a")
    assert said.splitlines()[2:] == ["hint: git mlvc pull"]

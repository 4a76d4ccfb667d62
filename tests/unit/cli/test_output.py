"""What reaches a screen or a pipe."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.cli.json_form import json_form
from git_mlvc.cli.output import Output, aligned
from git_mlvc.cli.presentable import presentable
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.progress import Silent
from git_mlvc.repo_path import RepoPath


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


class Pipe(Terminal):
    def isatty(self) -> bool:
        return False


def test_table_through_a_pipe_is_plain_aligned_text() -> None:
    out = Pipe()
    Output(out, None, {}).table(["path", ">size"], [["a.bin", "1 B"], ["long/b.bin", "12 MB"]])
    assert out.shown() == "path         size\na.bin         1 B\nlong/b.bin  12 MB\n"


def test_table_on_a_narrow_terminal_keeps_every_letter() -> None:
    out = Terminal()
    name = "a-directory-with-a-long-name/and-a-file.bin"
    Output(out, None, {"COLUMNS": "30", "NO_COLOR": "1"}).table(["path", ">size"], [[name, "1 B"]])
    assert "\x1b[" not in out.shown().replace("\x1b[1m", "").replace("\x1b[0m", "")
    letters = "".join(out.shown().split("1 B")[0].split("─")[-1].split())
    rest = "".join(out.shown().split("1 B")[1].split())
    assert name == letters + rest


def test_table_on_a_dumb_terminal_is_plain() -> None:
    out = Terminal()
    Output(out, None, {"TERM": "dumb"}).table(["path"], [["a"]])
    assert out.shown() == "path\na\n"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_any_file_name_can_be_written(encoding: str) -> None:
    out = Pipe(encoding)
    Output(out, None, {}).line("na\udcffme é …")
    assert out.shown().startswith("na\\udcffme ")


@given(st.text(), st.sampled_from(["utf-8", "ascii", "latin-1", "no-such-encoding"]))
def test_presentable_text_can_be_encoded(text: str, encoding: str) -> None:
    shown = presentable(text, encoding)
    shown.encode(encoding if encoding != "no-such-encoding" else "ascii")


def test_error_is_told_as_what_why_and_hint() -> None:
    err = Pipe()
    Output(None, err, {}).error("cannot push", why="two\nlines", hint="try again")
    assert err.shown() == "error: cannot push\n  why: two\n       lines\nhint: try again\n"


def test_closed_streams_are_nobody_reading() -> None:
    out = Pipe()
    output = Output(out, None, {})
    out.close()
    output.line("x")
    output.message("y")
    output.flush()
    assert isinstance(output.progress, Silent)


def test_json_answer_begins_with_version_and_kind() -> None:
    out = Pipe()
    Output(out, None, {}).json("files", {"files": []})
    assert list(json.loads(out.shown())) == ["version", "kind", "files"]


def test_json_form_of_our_values() -> None:
    oid = Oid(bytes(32))
    assert json_form({"p": RepoPath(b"a/\xff"), "q": Pointer(oid, 3)}) == {
        "p": "a/\udcff",
        "q": {"oid": str(oid), "size_bytes": 3},
    }
    assert json_form({Path("b"), Path("a")}) == ["a", "b"]
    with pytest.raises(TypeError):
        json_form(object())


def test_no_progress_is_drawn_where_nobody_looks() -> None:
    assert isinstance(Output(None, Pipe(), {}).progress, Silent)


@given(st.lists(st.lists(st.text("ab ", max_size=9), min_size=3, max_size=3), min_size=1))
def test_columns_are_aligned(rows: list[list[str]]) -> None:
    whole = [["x", "y", "z"], *rows]
    lines = aligned(whole, [False, True, False])
    last = max(len(row[0]) for row in whole) + max(len(row[1]) for row in whole) + 4
    assert [line.ljust(last)[last:] for line in lines] == [row[2].rstrip() for row in whole]

"""What a person sees while stages run: one at a time as it is, several in whole lines with their names."""

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.cli.output import Output
from git_mlvc.cli.stage_lines import LiveTable, PrefixedLines, StageLines, for_terminal, shown
from git_mlvc.pipeline.running.outcome import Outcome


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Bytes(io.TextIOWrapper):
    """A stream of text on bytes that can be looked at."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n")

    def written(self):
        self.flush()
        return self.buffer.getvalue()


def screen(written):
    """What is on a terminal after this."""
    rows = [""]
    for part in re.findall(r"\r\x1b\[\d+A\x1b\[J|\n|[^\n\r]+", written):
        if part == "\n":
            rows.append("")
        elif part.startswith("\r"):
            up = int(re.search(r"\d+", part)[0])
            del rows[len(rows) - 1 - up :]
            rows.append("")
        else:
            rows[-1] += part
    return rows[:-1]


def ok(stage="a"):
    return Outcome(stage, "true", 0, duration_ms=3200)


def test_one_at_a_time_passes_every_byte_on_at_once():
    stream = Bytes()
    lines = StageLines(stream)
    lines.started("a", 1, None)
    lines.output("a", b" 10%\r\xff\x00 20%")
    assert stream.buffer.getvalue() == b"a: running\n 10%\r\xff\x00 20%"  # nothing is kept back
    lines.ended("a", ok())
    assert stream.written().endswith(b" 20%\na: ran in 3.2 s\n")


def test_a_message_in_between_begins_its_own_line():
    stream = Bytes()
    output = Output(io.StringIO(), stream, {})
    lines = output.stage_lines(1)
    lines.output("a", b"half")
    output.message("beside")
    assert stream.written() == b"half\nbeside\n"


def test_several_never_share_a_line():
    stream = io.StringIO()
    lines = PrefixedLines(stream)
    lines.started("a", 1, None)
    lines.started("b", 2, None)
    lines.output("a", b"one ")
    lines.output("b", "zw\u00f6lf\nhalf".encode()[:3])
    lines.output("b", "zw\u00f6lf\nhalf".encode()[3:])
    lines.output("a", b"two\r\n\nthree\n")
    lines.ended("b", Outcome("b", "x", 3, duration_ms=400))
    lines.ended("a", ok())
    assert stream.getvalue().splitlines() == [
        "a: running",
        "b: running (attempt 2)",
        "[b] zwölf",
        "[a] one two",
        "[a] ",
        "[a] three",
        "[b] half",
        "b: failed with exit code 3 after 0.4 s",
        "a: ran in 3.2 s",
    ]


def test_of_a_progress_bar_the_last_state_is_shown():
    stream = io.StringIO()
    lines = PrefixedLines(stream)
    lines.started("a", 1, None)
    for percent in range(101):
        lines.output("a", b"\r%3d%%" % percent)
    lines.output("a", b"\nend")
    lines.ended("a", ok())
    assert stream.getvalue().splitlines()[1:3] == ["[a] 100%", "[a] end"]


def test_a_line_that_stays_unfinished_is_shown_after_a_while():
    stream, clock = io.StringIO(), Clock()
    lines = PrefixedLines(stream, clock=clock)
    lines.started("a", 1, None)
    lines.output("a", b"loading")
    lines.tick()
    assert "loading" not in stream.getvalue()
    clock.now += 3
    lines.tick()
    assert stream.getvalue().endswith("[a] loading\n")


def test_an_endless_line_is_cut():
    stream = io.StringIO()
    lines = PrefixedLines(stream)
    lines.started("a", 1, None)
    for _ in range(40):
        lines.output("a", b"x" * 4096)
    assert stream.getvalue().count("[a] ") == 2
    assert len(lines._partial["a"]._bytes) <= 1 << 16


def test_colours_stay_and_what_moves_about_does_not():
    assert shown("\x1b[31mred\x1b[0m \x1b[2K\x1b[1Aup\x1b]0;title\x07\x1bc\x07\x9b2Jend") == (
        "\x1b[31mred\x1b[0m up2Jend\x1b[0m"
    )
    assert shown("plain\ttext") == "plain\ttext"


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_however_it_is_cut_the_lines_are_the_same(pieces):
    def written(parts):
        stream = io.StringIO()
        lines = PrefixedLines(stream, clock=Clock())
        lines.started("a", 1, None)
        for part in parts:
            lines.output("a", part)
        lines.ended("a", ok())
        return stream.getvalue()

    assert written(pieces) == written([b"".join(pieces)])
    assert "\x1b" not in re.sub(r"\x1b\[[0-9;:]*m", "", written(pieces))


def test_the_table_stands_below_the_lines_and_goes_when_nothing_runs():
    stream, clock = io.StringIO(), Clock()
    table = LiveTable(stream, clock=clock, size=lambda: (60, 24))
    table.started("train@a", 1, None)
    table.started("train@b", 1, None)
    clock.now += 5
    table.output("train@a", b"epoch 1\n\rloss 0.5")
    table.tick()
    assert screen(stream.getvalue()) == [
        "train@a: running",
        "train@b: running",
        "[train@a] epoch 1",
        "train@a       5.0 s  loss 0.5",
        "train@b       5.0 s",
    ]
    table.remark("train@b", "is being stopped")
    table.ended("train@a", ok("train@a"))
    table.ended("train@b", Outcome("train@b", "x", -9, duration_ms=5000))
    assert screen(stream.getvalue())[-4:] == [
        "train@b is being stopped",
        "[train@a] loss 0.5",
        "train@a: ran in 3.2 s",
        "train@b: killed by signal 9 after 5.0 s",
    ]


def test_what_a_stage_waits_for_is_told_at_once_and_has_a_row_beside_those_that_run():
    stream, clock = Bytes(), Clock()
    table = LiveTable(stream, clock=clock, size=lambda: (60, 24))
    with table.aside():
        pass  # something has just been written
    told = "b waits for gpu: process 7 runs train in /a"
    table.waits("b", told.removeprefix("b "))
    assert screen(stream.written().decode()) == [told]
    table.started("a", 1, None)
    clock.now += 2
    table.tick()
    rows = ["b       2.0 s  waits for gpu", "a       2.0 s"]
    assert screen(stream.written().decode()) == [told, "a: running", *rows]
    table.ended("a", ok("a"))
    assert screen(stream.written().decode()) == [told, "a: running", "a: ran in 3.2 s"]
    table.started("b", 1, None)
    clock.now += 1
    table.tick()
    assert screen(stream.written().decode())[-1] == "b       1.0 s"


def test_rows_fit_the_terminal():
    stream, clock = io.StringIO(), Clock()
    table = LiveTable(stream, clock=clock, size=lambda: (45, 6))
    for number in range(9):
        table.started(f"a-stage-with-a-long-name-{number}", 1, None)
        table.output(f"a-stage-with-a-long-name-{number}", "長い行".encode() * 20)
    clock.now += 1
    table.tick()
    rows = screen(stream.getvalue())[-4:]
    assert rows[-1] == "and 6 more"
    assert rows[0].startswith("a-stage-with-a-")
    assert max(len(row.encode("utf-16-le")) // 2 for row in rows) < 45


def test_a_message_stands_above_the_table():
    stream, clock = io.StringIO(), Clock()
    output = Output(io.StringIO(), stream, {})
    output._stage_lines = table = LiveTable(stream, clock=clock, size=lambda: (60, 24))
    table.started("a", 1, None)
    clock.now += 1
    table.tick()
    output.message("b: unchanged")
    clock.now += 1
    table.tick()
    assert [row.split()[:2] for row in screen(stream.getvalue())] == [
        ["a:", "running"],
        ["b:", "unchanged"],
        ["a", "2.0"],
    ]


def test_a_stream_that_closes_does_not_stop_the_stages():
    stream = Bytes()
    both = StageLines(stream), LiveTable(stream, clock=Clock())
    stream.close()
    for lines in both:
        lines.started("a", 1, None)
        lines.output("a", b"x\n")
        lines.ended("a", ok())


def test_what_is_shown_fits_how_many_run_and_where():
    stream = io.StringIO()
    assert type(for_terminal(stream, jobs=1, is_terminal=True)) is StageLines
    assert type(for_terminal(stream, jobs=2, is_terminal=False)) is PrefixedLines
    assert type(for_terminal(stream, jobs=2, is_terminal=True)) is LiveTable

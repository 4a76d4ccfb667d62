"""Progress on a terminal: nothing for a second, then one line."""

from __future__ import annotations

import io

from git_mlvc.cli.progress_line import ProgressLine, progress_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_draws_nothing() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {}, clock=clock)
    line.begin("uploading", total_bytes=100)
    clock.now += 0.9
    line.advance(size_bytes=50)
    line.end()
    assert stream.getvalue() == ""


def test_long_work_draws_one_line_and_wipes_it() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {"COLUMNS": "200"}, clock=clock)
    line.begin("uploading", total_bytes=100_000_000, total_files=4)
    clock.now += 2
    line.advance(size_bytes=25_000_000, files=1)
    line.advance(size_bytes=1)  # within a tenth of a second: not drawn again
    line.end()
    assert stream.getvalue() == (
        "\ruploading: 25 %, 25 MB of 100 MB, 1 of 4 files, 12 MB/s, 6.0 s left\x1b[K\r\x1b[K"
    )


def test_line_is_cut_to_a_narrow_terminal() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {"COLUMNS": "20"}, clock=clock)
    line.begin("a label that is long enough")
    clock.now += 5
    line.advance(size_bytes=5)
    assert stream.getvalue() == "\ra label that is lon\x1b[K"


def test_a_terminal_that_went_away_does_not_stop_the_work() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {}, clock=clock)
    line.begin("x")
    stream.close()
    clock.now += 5
    line.advance(files=1)
    line.end()


def test_text_without_totals_says_what_was_done() -> None:
    said = progress_text("checking", 2.0, size_bytes=0, total_bytes=None, files=3, total_files=0)
    assert said == "checking: 3 files"


def test_a_line_does_not_run_backwards_when_something_has_to_come_again() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {"COLUMNS": "200"}, clock=clock)
    line.begin("uploading", total_bytes=1000)
    clock.now += 2
    line.advance(size_bytes=500)
    clock.now += 1
    line.advance(size_bytes=-400)
    assert stream.getvalue().count("500 B of 1 kB") == 2
    clock.now += 1
    line.advance(size_bytes=900)
    assert "1 kB of 1 kB" in stream.getvalue()


def test_why_nothing_moves_is_said_until_something_does() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {"COLUMNS": "200"}, clock=clock)
    line.remark("too early: nothing has begun")
    line.begin("uploading", total_bytes=1000)
    line.remark("trying again in 4.0 s: cannot reach lab")
    assert stream.getvalue() == "\ruploading: trying again in 4.0 s: cannot reach lab\x1b[K"
    clock.now += 5
    line.advance(size_bytes=500)
    assert stream.getvalue().endswith("\ruploading: 50 %, 500 B of 1 kB, 100 B/s, 5.0 s left\x1b[K")


def test_what_need_not_come_is_no_part_of_the_whole() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {"COLUMNS": "200"}, clock=clock)
    line.begin("fetching", total_bytes=1000)
    line.spare(600)
    clock.now += 2
    line.advance(size_bytes=200)
    assert "50 %, 200 B of 400 B" in stream.getvalue()


def test_the_rate_is_that_of_the_last_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, {"COLUMNS": "200"}, clock=clock)
    line.begin("uploading", total_bytes=1_000_000)
    for _ in range(60):
        clock.now += 1
        line.advance(size_bytes=10_000)
    for _ in range(15):
        clock.now += 1
        line.advance(size_bytes=1_000)
    assert stream.getvalue().endswith("61 %, 615 kB of 1 MB, 1 kB/s, 6 min 25 s left\x1b[K")

"""Which plots there are in some revisions, and what each shows there."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import drawn

from git_mlvc.errors import InputError
from git_mlvc.plots import gather, page, picture, picture_series, terminal
from git_mlvc.plots.chart import Lines
from git_mlvc.plots.picture_series import Wanted
from git_mlvc.repo_path import RepoPath

TABLE = b"step,loss\n0,1\n1,2\n"


def image(level: int) -> bytes:
    return drawn.png(4, 3, (level, level, level))


def test_the_plots_of_all_revisions_are_shown_and_where_one_is_not() -> None:
    old = drawn.View("old", {"a.csv": TABLE}, "a.csv")
    new = drawn.View("new", {"a.csv": TABLE, "b.csv": TABLE}, "a.csv", "b.csv")
    found = gather.gather([old, new])
    assert [str(one.path) for one in found.figures] == ["a.csv", "b.csv"]
    assert found.figures[1].missing == ("old",)
    assert found.errors == ()


def test_of_a_directory_tables_and_images_are_plots_and_all_else_is_none() -> None:
    files = {"plots/a.csv": TABLE, "plots/b.png": image(1), "plots/README.md": b"words"}
    found = gather.gather([drawn.View("new", files, "plots/")])
    assert [str(one.path) for one in found.figures] == ["plots/a.csv", "plots/b.png"]
    assert found.errors == ()


def test_of_images_that_are_called_by_their_steps_the_last_of_each_revision_are_shown() -> None:
    old = drawn.View("old", {f"plots/seen/{step}.png": image(step) for step in (0, 9)}, "plots/")
    new = drawn.View("new", {f"plots/seen/{n}.png": image(n) for n in (0, 9, 10)}, "plots/")
    (figure,) = gather.gather([old, new]).figures
    assert str(figure.path) == "plots/seen"
    assert figure.pictures is not None
    assert {name: one.data for name, one in figure.pictures.items()} == {
        "old": image(9),
        "new": image(10),
    }
    assert figure.remarks == ("old: step 9, the last of 2", "new: step 10, the last of 3")
    one = gather.gather([new], paths=[RepoPath(b"plots/seen/0.png")])
    assert [str(figure.path) for figure in one.figures] == ["plots/seen/0.png"]


def series(name: str, steps: Iterable[int]) -> drawn.View:
    return drawn.View(name, {f"plots/seen/{n}.png": image(n % 256) for n in steps}, "plots/")


def test_a_page_shows_the_steps_of_a_series_evenly_spread_and_says_which_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    views = [series("old", range(0, 40, 2)), series("new", range(31))]
    (figure,) = gather.gather(views, series_steps=Wanted()).figures
    assert [frame.step for frame in figure.frames] == [*range(31), 32, 34, 36, 38]
    assert [list(frame.pictures) for frame in figure.frames[-6:-3]] == [
        ["new"],
        ["old", "new"],
        ["old"],
    ]
    assert figure.remarks == ()

    (few,) = gather.gather(views, series_steps=Wanted(3)).figures
    assert [frame.step for frame in few.frames] == [0, 17, 38]
    assert few.remarks == ("3 of 35 steps are shown, evenly spread",)
    (one,) = gather.gather(views, series_steps=Wanted(1)).figures
    assert [frame.step for frame in one.frames] == [38]

    monkeypatch.setattr(picture_series, "ROOM_BYTES", 9 * len(image(0)))
    (bounded,) = gather.gather(views, series_steps=Wanted()).figures
    assert (bounded.frames[0].step, bounded.frames[-1].step) == (0, 38)
    assert 3 < len(bounded.frames) < 10
    assert "a series takes up to" in bounded.remarks[0] and "--steps N" in bounded.remarks[0]
    monkeypatch.setattr(gather, "MAX_IMAGES_BYTES", 4 * len(image(0)))
    found = gather.gather(views, series_steps=Wanted(30))
    assert found.errors[0].what == "plots/seen: 30 steps have no room on the page"
    assert found.figures[0].pictures  # the last are shown all the same


@example([2, 0, 0], 3)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.integers(0, 900))
def test_whatever_sizes_images_have_the_last_step_is_shown_and_the_rest_has_room(
    sizes: list[int], room: int
) -> None:
    steps = {"a": {at: RepoPath(str(at).encode()) for at in range(len(sizes))}}

    def read(_: str, path: RepoPath) -> picture.Picture:
        return picture.Picture("image/png", bytes(sizes[int(path.raw)]) + path.raw)

    frames, _ = picture_series.frames(steps, read, Wanted(), room)
    assert frames[-1].step == len(sizes) - 1
    assert len(frames) == 1 or sum(map(picture_series.size, frames)) <= room


def test_a_broken_image_of_a_series_is_told_once_and_the_others_are_shown() -> None:
    files = {f"plots/seen/{n}.png": b"none" if n < 5 else image(n) for n in range(9)}
    found = gather.gather([drawn.View("new", files, "plots/")], series_steps=Wanted())
    assert [frame.step for frame in found.figures[0].frames] == [5, 6, 7, 8]
    assert [error.what for error in found.errors] == ["plots/seen/4.png is no image"]


def test_a_page_has_room_for_so_many_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MAX_IMAGES_BYTES", len(image(1)) + 10)
    view = drawn.View("new", {"a.png": image(1), "b.png": image(2)}, "a.png", "b.png")
    found = gather.gather([view])
    assert [str(one.path) for one in found.figures] == ["a.png"]
    assert [error.what for error in found.errors] == ["b.png has no room on the page"]


def test_of_a_log_the_last_row_of_a_step_counts() -> None:
    log = b"step,loss\n0,5\n1,4\n1,3\n2,2\n0,1"
    (figure,) = gather.gather([drawn.View("new", {"a.csv": log}, "a.csv")]).figures
    (chart,) = figure.charts
    assert isinstance(chart, Lines)
    assert list(chart.series[0].ys) == [1, 3, 2]
    assert chart.remarks == ("new: 2 rows left out, whose step stands again below",)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (image(3), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a\x02\x00\x03\x00", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"<?xml version='1.0'?><svg/>", "image/svg+xml"),
    ],
)
def test_an_image_is_known_by_its_bytes(data: bytes, media_type: str) -> None:
    found = picture.picture(data, "a.png")
    assert found.media_type == media_type
    assert found.uri.startswith(f"data:{media_type};base64,")


def test_what_is_no_image_or_too_large_is_told() -> None:
    with pytest.raises(InputError, match=r"a\.png is no image"):
        picture.picture(b"words", "a.png")
    with pytest.raises(InputError, match=r"a\.png is too large for a page"):
        picture.picture(image(1) + bytes(picture.MAX_BYTES), "a.png")


def test_a_page_names_no_address_and_every_text_is_escaped() -> None:
    bad = "</script><b title='\"'>&\x07\udcff"
    view = drawn.View(bad, {"a.csv": f"step,{bad!r}\n0,1\n".encode()}, "a.csv")
    text = page.page(gather.gather([view]), title=bad, details={bad: bad})
    assert text.count("</script>") == 7  # two of data, licences and four scripts
    assert "<b title" not in text
    assert "\\x07\\udcff" in text
    assert text.encode("utf-8")
    assert 'src="http' not in text and 'href="http' not in text
    assert "sourceMappingURL" not in text
    assert "BSD-3-Clause" in text


def test_in_a_terminal_series_are_told_apart_by_colour_or_else_by_their_marks() -> None:
    views = [drawn.View(name, {"a.csv": TABLE}, "a.csv") for name in ("old", "new")]
    found = gather.gather(views)
    (chart,) = found.figures[0].charts
    coloured = "\n".join(terminal.lines(chart, found.revisions, terminal.Style(40, True, True)))
    assert "\x1b[34m●\x1b[0m old" in coloured and "\x1b[33m●\x1b[0m new" in coloured
    plain = "\n".join(terminal.lines(chart, found.revisions, terminal.Style(40, False)))
    assert "* old  + new" in plain

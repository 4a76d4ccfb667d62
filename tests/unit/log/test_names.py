"""Names of metrics are names of files on every system, and no two are one."""

from __future__ import annotations

import os
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.log.names import Taken, checked, fitting

GOOD = ["loss", "train/loss", "val_loss", "ndcg@10", "error@0.7", "f1-score", "macro avg", "Verlust/größe", "a.b", "lr-Adam", "p(x=1)", "99%"]  # fmt: skip
BAD = ["", "/", "a/", "/a", "a//b", "..", "../a", "a/../b", ".hidden", "a.", "a ", " a", "-a", "a\\b", "a:b", "a\nb", "a,b", 'a"b', "a*", "a?", "a\0b", "con", "NUL.txt", "x" * 151, "a/~/../..", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_usual_name_is_taken_as_it_is(name: str) -> None:
    assert checked(name, "metric") == name


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_no_file_name_is_refused_and_shown(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"cannot be the name of a metric: .*'train/loss'"
    ) as caught:
        checked(name, "metric")
    assert repr(name) in str(caught.value)


def test_a_name_has_to_be_a_text() -> None:
    with pytest.raises(TypeError, match="the name of a metric has to be a text, not int"):
        checked(3, "metric")


def test_letters_of_two_pieces_and_of_one_are_the_same_name() -> None:
    assert checked("gro\u0308\u00dfe", "metric") == "gr\u00f6\u00dfe"


@given(st.text())
def test_whatever_is_taken_stays_below_its_folder(name: str) -> None:
    try:
        taken = checked(name, "metric")
    except ValueError:
        return
    for path in (PurePosixPath("plots", f"{taken}.csv"), PureWindowsPath("plots", f"{taken}.csv")):
        assert path.parts[0] == "plots" and ".." not in path.parts and not path.is_absolute()
        assert path.suffix == ".csv"
    assert os.path.normpath(taken) == taken


@given(st.text())
def test_what_a_library_calls_something_always_gets_a_name(name: str) -> None:
    assert checked(fitting(name), "metric")


@pytest.mark.parametrize("name", GOOD)
def test_a_library_s_good_name_stays(name: str) -> None:
    assert fitting(name) == name


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("loss", "Loss", "differ only in case"),
        ("train", "train/loss", "that is a value already"),
        ("train/loss", "train", "it is the group of 'train/loss'"),
        ("a/b/c", "A/b", "it is the group of 'a/b/c'"),
    ],
)
def test_two_names_that_want_one_place_are_refused(first: str, second: str, why: str) -> None:
    taken = Taken()
    taken.take(first, "metric")
    with pytest.raises(ValueError, match=why):
        taken.take(second, "metric")
    taken.take(first, "metric")

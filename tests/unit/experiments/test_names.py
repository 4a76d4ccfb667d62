"""Names of experiments."""

from __future__ import annotations

import random

import pytest

from git_mlvc.errors import UsageError
from git_mlvc.experiments import names


def test_names_are_two_words_and_never_the_same() -> None:
    taken: list[str] = []
    choose = random.Random(1).choice
    for _ in range(500):
        taken.append(names.check(names.generate(taken, choose)))
    assert len(set(taken)) == 500
    assert sum(name.count("-") == 1 for name in taken) == 500


def test_where_the_words_run_out_numbers_follow() -> None:
    first = names.generate([], lambda words: words[0])
    assert names.generate([first.upper()], lambda words: words[0]) == f"{first}-2"
    assert names.generate([first, f"{first}-2"], lambda words: words[0]) == f"{first}-3"


@pytest.mark.parametrize("name", ["lr-0.1", "a", "Größe_2", "v1.0+x", "a@b", "#1"])
def test_what_git_takes_as_the_last_part_of_a_ref_is_a_name(name: str) -> None:
    assert names.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a/b",
        "-x",
        ".x",
        "x.",
        "x.lock",
        "a..b",
        "a@{1}",
        "@",
        "HEAD",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a\nb",
        "\udcff",
        "x" * 101,
    ],
)
def test_what_can_be_no_ref_is_refused_with_a_way_out(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        names.check(name)
    assert caught.value.why and "--name" in caught.value.hint
    caught.value.what.encode()

"""Who needs what whom makes, in which order; and what cannot be ordered, by name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.random_pipelines import path, pipelines, stage

from git_mlvc.pipeline.graph import Graph
from git_mlvc.pipeline.model import PipelineError, Stage


def graph(*stages: Stage) -> Graph:
    return Graph(stages)


@given(pipelines(), st.randoms(use_true_random=False))
def test_makers_come_first_however_the_stages_are_written(
    stages: list[Stage], shuffle: random.Random
) -> None:
    whole = Graph(stages)
    shuffle.shuffle(stages)
    again = Graph(stages)
    at = {address: number for number, address in enumerate(again.order)}
    assert sorted(whole.order) == sorted(at)
    for address in at:
        assert all(at[maker] < at[address] for maker in again.makers(address))
        assert {u for u in at if address in again.makers(u)} == set(again.users[address])
        assert again.makers(address).keys() == whole.makers(address).keys()
        assert address in again.downstream(again.upstream([address]))


@pytest.mark.parametrize(
    ("needs", "makes", "is_edge"),
    [
        ("data/clean", "data/clean", True),
        ("data/clean/a.txt", "data/clean/", True),  # inside a directory that is made
        ("data", "data/clean", True),  # a directory that something is made in
        ("data/*.txt", "data/a.txt", True),
        ("data/*.txt", "data/a.bin", False),
        ("data/*.txt", "data/sub/a.txt", False),
        ("data/**/*.txt", "data/sub/a.txt", True),
        ("data/*.txt", "data/", True),  # nobody knows yet what will be in it
        ("data", "database", False),
        ("data/clean", "data/cleaner", False),
    ],
)
def test_an_edge_goes_to_whoever_makes_it_or_a_part_of_it(
    needs: str, makes: str, is_edge: bool
) -> None:
    found = graph(stage("user", needs=needs, makes="o"), stage("maker", makes=makes))
    assert (set(found.makers("user")) == {"maker"}) == is_edge
    assert found.order == (("maker", "user") if is_edge else ("user", "maker"))


def test_a_params_file_that_a_stage_makes_is_needed() -> None:
    found = graph(stage("train", needs="lr", makes="m"), stage("tune", makes="params.json"))
    assert set(found.makers("train")) == {"tune"}


def test_a_circle_is_named_stage_by_stage() -> None:
    with pytest.raises(PipelineError) as refused:
        graph(
            stage("after", needs="p", makes="z"),
            stage("a", needs="r", makes="p"),
            stage("b", needs="p", makes="q"),
            stage("c", needs="q", makes="r"),
        )
    assert refused.value.what.startswith("stages wait for each other in a circle: ")
    for step in ("a needs r of c", "c needs q of b", "b needs p of a"):
        assert step in refused.value.why
    assert "after" not in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("p", "p", "stages 'a' and 'b' both make p"),
        ("p/", "p/q", "stage 'b' makes p/q, which is in p of 'a'"),
        ("p/q/r", "p/", "stage 'a' makes p/q/r, which is in p of 'b'"),
    ],
)
def test_two_stages_do_not_make_one_path(one: str, other: str, words: str) -> None:
    with pytest.raises(PipelineError, match=words):
        graph(stage("a", makes=one), stage("b", makes=other))


def test_a_stage_does_not_need_what_it_makes_nor_make_it_twice() -> None:
    with pytest.raises(PipelineError, match="stage 'a' needs what it makes itself: p"):
        graph(stage("a", needs="p/x", makes="p/"))
    with pytest.raises(PipelineError, match="stage 'a' names p/q twice"):
        graph(stage("a", makes="p/ p/q"))
    with pytest.raises(PipelineError, match="two stages are called 'a'"):
        graph(stage("a", makes="p"), stage("a", makes="q"))


def test_names_are_those_of_the_own_file_first() -> None:
    found = graph(
        stage("train", makes="a"),
        stage("sub:train", makes="b"),
        stage("sub:fit@1", makes="c"),
        stage("sub:fit@2", makes="d"),
    )
    sub = path("sub")
    assert found.resolve(["train"]) == ["train"]
    assert found.resolve(["train"], sub) == ["sub:train"]
    assert found.resolve([":train"], sub) == ["train"]
    assert found.resolve(["fit"], sub) == ["sub:fit@1", "sub:fit@2"]
    assert found.resolve(["sub:fit@2", "sub:train"]) == ["sub:train", "sub:fit@2"]
    with pytest.raises(PipelineError) as refused:
        found.resolve(["sub:fitt"])
    assert refused.value.hint == "did you mean 'sub:fit'?"


def test_ten_thousand_stages_take_no_recursion_and_linear_work() -> None:
    stages = [
        stage(f"s{at}", needs=f"o{at - 1}" if at else "", makes=f"o{at}") for at in range(10_000)
    ]
    found = Graph(reversed(stages))
    assert found.order[0] == "s0" and len(found.upstream(["s9999"])) == 10_000

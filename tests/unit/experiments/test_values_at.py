"""Which value of one revision belongs to which of another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from support.pipeline_values import path

from git_mlvc.errors import InputError
from git_mlvc.experiments.values_at import Change, File, Reading, changes

FAILURE = InputError("broken")


def reading(*files: File, failures: tuple[InputError, ...] = ()) -> Reading:
    return Reading(None, "", files, failures=failures)


def shown(found: list[Change]) -> list[tuple[str, object, object]]:
    return [
        (
            one.place.key,
            one.old and f"{one.old.path}={one.old.value}",
            one.new and f"{one.new.path}={one.new.value}",
        )
        for one in found
    ]


def test_values_belong_together_by_file_then_by_stage_then_by_a_key_that_only_they_have() -> None:
    old = reading(
        File(path("same"), {"loss": 1}),
        File(path("cnn.json"), {"loss": 2}, maker=("train@a", 0)),
        File(path("mlp.json"), {"loss": 3}, maker=("train@b", 0)),
        File(path("old.json"), {"only": 4, "gone": 5}),
    )
    new = reading(
        File(path("rnn.json"), {"loss": 30}, maker=("train@b", 0)),
        File(path("vit.json"), {"loss": 20}, maker=("train@a", 0)),
        File(path("same"), {"loss": 10}),
        File(path("new.json"), {"only": 40}),
    )
    assert shown(changes(old, new)) == [
        ("loss", "mlp.json=3", "rnn.json=30"),
        ("loss", "cnn.json=2", "vit.json=20"),
        ("loss", "same=1", "same=10"),
        ("only", "old.json=4", "new.json=40"),
        ("gone", "old.json=5", None),
    ]


def test_a_key_that_several_files_have_tells_nothing() -> None:
    old = reading(File(path("a"), {"loss": 1}), File(path("b"), {"loss": 2}))
    new = reading(File(path("c"), {"loss": 3}))
    assert shown(changes(old, new)) == [
        ("loss", None, "c=3"),
        ("loss", "a=1", None),
        ("loss", "b=2", None),
    ]


def test_law_9_what_could_not_be_read_is_unknown_and_not_gone() -> None:
    whole, broken = reading(File(path("a"), {"loss": 1})), reading(failures=(FAILURE,))
    assert [one.is_unknown for one in changes(whole, broken)] == [True]
    assert [one.is_unknown for one in changes(broken, whole)] == [True]
    assert [one.is_unknown for one in changes(whole, reading())] == [False]


def test_one_and_one_point_nought_are_one_metric_and_two_parameters() -> None:
    (change,) = changes(reading(File(path("a"), {"x": 1})), reading(File(path("a"), {"x": 1.0})))
    assert (change.is_change, change.is_exact_change) == (False, True)
    (change,) = changes(reading(File(path("a"), {"x": 1})), reading(File(path("a"), {"x": True})))
    assert change.is_change


files = st.lists(
    st.builds(
        lambda name, values, maker: File(path(name), values, maker=maker),
        st.sampled_from("abcd"),
        st.dictionaries(
            st.sampled_from("xyz"), st.integers() | st.floats() | st.text(max_size=2), max_size=3
        ),
        st.none() | st.tuples(st.sampled_from("st"), st.integers(0, 1)),
    ),
    max_size=4,
    unique_by=lambda file: file.path,
)


@given(files, files)
def test_every_value_of_both_sides_is_told_once(old: list[File], new: list[File]) -> None:
    found = changes(reading(*old), reading(*new))
    for side, told in ((old, [one.old for one in found]), (new, [one.new for one in found])):
        places = [(one.path, one.key) for one in told if one is not None]
        assert sorted(places) == sorted((file.path, key) for file in side for key in file.values)
    assert not any(one.is_change for one in changes(reading(*new), reading(*new)))

"""Why a stage is stale, in the words that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.oid import Oid
from git_mlvc.pipeline.model import Dep, FileState, Inputs, Param, UrlState
from git_mlvc.pipeline.parameters.param_values import Value, canonical
from git_mlvc.pipeline.reasons import differences
from git_mlvc.repo_path import RepoPath

PARAMS = RepoPath.parse("params.toml")
NOTHING = Inputs(("cmd",))


def of_params(key: str, old: Value, new: Value) -> list[str]:
    param = Param(PARAMS, key)
    before = replace(NOTHING, params=((param, canonical(old)),))
    now = replace(NOTHING, params=((param, canonical(new)),))
    return list(differences(before, now))


def test_a_value_is_shown_before_and_after() -> None:
    assert of_params("train.lr", 0.1, 0.01) == ["params.toml: train.lr 0.1 → 0.01"]
    assert of_params("model", "cnn", "a cnn") == ["params.toml: model cnn → a cnn"]
    assert of_params("layers", [1, 2], [1, 3, 4]) == ["params.toml: layers [1, 2] → [1, 3, 4]"]


def test_a_changed_type_is_a_change_that_shows_both() -> None:
    assert of_params("lr", 1, 1.0) == ["params.toml: lr 1 (integer) → 1.0 (number)"]
    assert of_params("lr", "1", 1) == ["params.toml: lr 1 (text) → 1 (integer)"]
    assert of_params("lr", None, {}) == ["params.toml: lr null (null) → {} (table)"]


def test_of_a_table_only_what_changed_in_it_is_named() -> None:
    old = {"lr": 0.1, "opt": {"name": "sgd", "momentum": 0.9}, "old": 1}
    new = {"lr": 0.01, "opt": {"name": "sgd", "momentum": 0.8}, "new": [1]}
    assert of_params("train", old, new) == [
        "params.toml: train.lr 0.1 → 0.01",
        "params.toml: train.old is gone",
        "params.toml: train.opt.momentum 0.9 → 0.8",
        "params.toml: train.new is new: [1]",
    ]
    assert of_params("", {"a": [{"n": 1}, {"n": 2}]}, {"a": [{"n": 1}, {"n": 3}]}) == [
        "params.toml: a.1.n 2 → 3"
    ]
    many = of_params(
        "", dict.fromkeys(map(str, range(20)), 0), dict.fromkeys(map(str, range(20)), 1)
    )
    assert len(many) == 9 and many[-1] == "12 other values of params.toml"


def test_params_come_and_go() -> None:
    param = Param(PARAMS, "lr")
    with_it = replace(NOTHING, params=((param, "1"),))
    assert list(differences(NOTHING, with_it)) == ["params.toml: lr is new"]
    assert list(differences(with_it, NOTHING)) == ["params.toml: lr is no longer used"]


def state(text: str, files: int | None = None, program: bool = False) -> FileState:
    return FileState(Oid.of(text.encode()), len(text), files, program)


def of_dep(old: object, new: object, rows: Mapping[str, Mapping[bytes, object]] = {}) -> str:
    dep = Dep("src")
    by_oid = {Oid.of(text.encode()): found for text, found in rows.items()}
    (told,) = differences(
        replace(NOTHING, deps=((dep, old),)),  # type: ignore[arg-type]
        replace(NOTHING, deps=((dep, new),)),  # type: ignore[arg-type]
        lambda dep, state: by_oid.get(state.oid),
    )
    return told


def test_of_a_directory_the_files_are_named_where_they_are_known() -> None:
    old, new = state("old", 3), state("new", 3)
    assert of_dep(old, new) == "src changed"
    assert of_dep(old, state("new", 5)) == "src changed: 3 → 5 files"
    before = {b"train.py": 1, b"gone.py": 1, b"same.py": 1}
    after = {b"train.py": 2, b"same.py": 1, b"a": 1, b"b": 1}
    assert of_dep(old, new, {"old": before, "new": after}) == (
        "src: train.py changed, a, b are new, gone.py is gone"
    )
    crowd = {b"%d" % at: 1 for at in range(9)}
    assert of_dep(old, new, {"old": {}, "new": crowd}) == "src: 9 files new"


def test_a_thing_that_became_another_kind_of_thing() -> None:
    assert of_dep(state("a"), state("a", 1)) == "src became a directory"
    assert of_dep(state("a", 1), state("a")) == "src became a file"
    assert of_dep(state("a"), state("a", program=True)) == "src changed its mode"
    assert of_dep(UrlState("etag 1"), UrlState("etag 2")) == "src changed"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, "", "a", "\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
)


@given(VALUES, VALUES)
def test_whatever_differs_is_told_in_single_lines(old: Value, new: Value) -> None:
    told = of_params("key", old, new)
    assert bool(told) == (canonical(old) != canonical(new))
    assert all("\n" not in line for line in told)

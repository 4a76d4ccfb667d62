"""`-S KEY=VALUE`: what is typed, and what it means for a parameter of some type."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import UsageError
from git_mlvc.experiments import assignment
from git_mlvc.experiments.overrides import Parameters, read, written
from git_mlvc.pipeline import discovery
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import Param
from git_mlvc.repo_path import RepoPath


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lr=0.1", ("lr", "0.1")),
        ("a.b = c=d", ("a.b", " c=d")),
        ('p.toml:"x=y".z=', ('p.toml:"x=y".z', "")),
    ],
)
def test_the_first_equals_sign_outside_quotes_parts_key_and_value(
    text: str, parts: tuple[str, str]
) -> None:
    assert assignment.split(text) == parts


@pytest.mark.parametrize(
    ("text", "current", "value"),
    [
        ("0.1", 0.5, 0.1),
        ("1", 0.5, 1.0),
        ("-3", 7, -3),
        ("1_000", 7, 1000),
        ("true", False, True),
        ("False", True, False),
        (".5", 0.1, 0.5),
        ("-5.e-1", 0.1, -0.5),
        (".5", "sgd", ".5"),
        ("False", "sgd", "False"),
        ("adam", "sgd", "adam"),
        ('"a b"', "sgd", "a b"),
        ("1e-3", "sgd", "1e-3"),
        ("2026-01-01", "2025-01-01", "2026-01-01"),
        ("", "sgd", ""),
        ("[1, 2]", [3], [1, 2]),
        ("[a, [b-c, 2], 'd,e']", ["x"], ["a", ["b-c", 2], "d,e"]),
        ("{a = 1}", {"b": 2}, {"a": 1}),
        ("null", 5, None),
        ("anything", None, "anything"),
        ("5", None, 5),
    ],
)
def test_a_text_is_the_value_of_the_type_that_is_there(
    text: str, current: object, value: object
) -> None:
    found = assignment.fitting(text, current, "p.toml: x")  # type: ignore[arg-type]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "current", "says"),
    [
        ("fast", 0.5, ["a number (0.5)", '"fast"', "give a number"]),
        ("0.5", 3, ["whole number (3)", "0.5"]),
        ("1", True, ["true or false", "a number"]),
        ("true", 1, ["a number", "true or false"]),
        ("true", "adam", ["text", "true or false", "quote it"]),
        ("5", [1], ["a list", "KEY.0=1"]),
        ("[a,,b]", [1], ["a list", "is text"]),
        ("5", {"a": 1}, ["a table", "set one of its values: a"]),
        ("[1, 2]", 0.5, ["a list", "for a sweep"]),
        ("nan", 0.5, ["nan"]),
        ("inf", 0.5, ["inf"]),
        ("[1, nan]", [1], ["NaN"]),
    ],
)
def test_a_wrong_type_is_refused_and_both_are_shown(
    text: str, current: object, says: list[str]
) -> None:
    with pytest.raises(UsageError) as caught:
        assignment.fitting(text, current, "p.toml: x")  # type: ignore[arg-type]
    told = f"{caught.value} {caught.value.hint}"
    assert all(one in told for one in says), told


@given(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text())
def test_any_text_is_a_value_or_refused(text: str, current: object) -> None:
    try:
        assignment.fitting(text, current, "p: x")  # type: ignore[arg-type]
    except UsageError:
        pass


@pytest.fixture
def parameters(tmp_path: Path) -> Parameters:
    (tmp_path / "sub").mkdir()
    (tmp_path / "mlvc.toml").write_text(
        '[stage.a]\ncmd = "x"\nparams = ["train.lr", "conf.yaml:net"]\nouts = ["made.json"]\n'
        '[stage.b]\ncmd = "y"\nparams = ["made.json:n"]\n[vars]\nnet = {epochs = 3}\n'
    )
    (tmp_path / "sub/mlvc.toml").write_text('[stage.c]\ncmd = "x"\nparams = ["seed"]\n')
    (tmp_path / "params.toml").write_text("seed = 1\n[train]\nlr = 0.1\n")
    (tmp_path / "conf.yaml").write_text('net: {"odd.key": 1, depth: 3}\n')
    (tmp_path / "sub/params.toml").write_text("seed = 2\n")
    (tmp_path / "made.json").write_text('{"n": 1}')
    files = [RepoPath(b"mlvc.toml"), RepoPath(b"sub/mlvc.toml")]
    return Parameters(discovery.read(OnDisk(tmp_path), files), RepoPath(b"sub"))


def test_a_key_is_found_in_any_params_file_by_its_end_if_it_is_the_only_one(
    parameters: Parameters,
) -> None:
    assert written(parameters.find("train.lr")) == "params.toml:train.lr"
    assert written(parameters.find("lr")) == "params.toml:train.lr"
    assert written(parameters.find("depth")) == "conf.yaml:net.depth"
    assert written(parameters.find('"odd.key"')) == 'conf.yaml:net."odd.key"'
    assert written(parameters.find("params.toml:seed")) == "sub/params.toml:seed"  # as from here
    assert parameters.assigned(["lr=1", "conf.yaml:net.depth=4", "lr=2"]) == {
        "params.toml:train.lr": 2.0,
        "conf.yaml:net.depth": 4,
    }
    odd = Param(RepoPath(b"a:b.toml"), 'x."c:d.toml:e"')
    assert read(written(odd)) == odd


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed", "params.toml:seed or sub/params.toml:seed"),
        ("dept", "did you mean 'net.depth'"),
        ("conf.yml:net.depth", "did you mean 'conf.yaml'"),
        ("a..b", "not a name"),
        ("epochs", "stands in [vars] of mlvc.toml"),
        ("vars.net.epochs", "move it to params.toml"),
        ("made.json:n", "made by stage 'a'"),
    ],
)
def test_an_unknown_or_ambiguous_key_is_refused_with_the_nearest(
    parameters: Parameters, text: str, says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        parameters.find(text)
    assert says in f"{caught.value} {caught.value.hint}"

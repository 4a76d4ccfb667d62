"""Matrix and foreach: several stages of one table, each with a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.pipeline.stage_files import expansion, stage_file
from git_mlvc.pipeline.stage_files.mistakes import Mistake
from git_mlvc.pipeline.stage_files.written import Written


def stages(top: Path, text: str) -> list[Stage]:
    return list(stage_file.parse(text.encode(), None, ParamsReader(OnDisk(top))))


def test_a_matrix_is_the_product_of_its_lists_the_last_running_fastest(tmp_path: Path) -> None:
    made = stages(
        tmp_path,
        """
        [stage.train]
        matrix = {model = ["cnn", "mlp"], lr = [0.10, 1e-5]}
        cmd = "train --model ${item.model} --lr ${item.lr}"
        outs = ["models/${item.model}-${item.lr}.pt"]
        """,
    )
    assert [stage.name for stage in made] == [
        "train@cnn-0.1",
        "train@cnn-1e-05",
        "train@mlp-0.1",
        "train@mlp-1e-05",
    ]
    assert made[1].commands == ("train --model cnn --lr 1e-05",)
    assert made[1].item == {"model": "cnn", "lr": "1e-05"}
    assert str(made[3].outs[0].path) == "models/mlp-1e-05.pt"


def test_a_foreach_goes_over_a_list_or_a_table(tmp_path: Path) -> None:
    made = stages(
        tmp_path,
        """
        [stage.a]
        foreach = ["de", "data/en us.csv", 3, true]
        cmd = "x ${item}"
        [stage.b]
        foreach = [{lang = "de", n = [1]}, {lang = "en", n = [2]}]
        cmd = "x ${item.lang} ${item.n[0]}"
        [stage.c]
        foreach = {small = {n = 1}, big = 2}
        cmd = "x ${key}"
        """,
    )
    assert [(stage.name, stage.commands[0]) for stage in made] == [
        ("a@de", "x de"),
        ("a@data_en_us.csv", "x 'data/en us.csv'"),
        ("a@3", "x 3"),
        ("a@true", "x true"),
        ("b@0", "x de 1"),
        ("b@1", "x en 2"),
        ("c@small", "x small"),
        ("c@big", "x big"),
    ]
    assert made[0].item == {"": "de"}
    assert made[4].item == {"lang": "de", "n": "[1]"}


def test_values_may_come_from_params_and_vars(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(
        "grid: {lr: [0.1, 0.2]}\nmodels: {a: {n: 1}, b: {n: 2}}\n"
    )
    made = stages(
        tmp_path,
        """
        [stage.t]
        matrix = {lr = "${grid.lr}", seed = [1, "${last}"], net = [{n = "${last}"}]}
        cmd = "x ${item.lr} ${item.seed} ${item.net.n}"
        [stage.m]
        foreach = "${models}"
        cmd = "x ${item.n}"
        [vars]
        last = 9
        """,
    )
    assert [stage.name for stage in made] == [
        *("t@0.1-1-net0", "t@0.1-9-net0", "t@0.2-1-net0", "t@0.2-9-net0"),
        *("m@a", "m@b"),
    ]
    assert made[1].commands == ("x 0.1 9 9",)


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ('matrix = {a = [1]}\nforeach = [1]', "a matrix or a foreach, not both"),
        ('foreach = ["a b", "a_b"]', "two variants would be called 's@a_b'"),
        ('matrix = {a = ["x-y", "x"], b = ["z", "y-z"]}', "would be called 's@x-y-z'"),
        ("matrix = {}", "it has no values"),
        ("matrix = {a = []}", "it has no values"),
        ("foreach = []", "it has no values"),
        ("matrix = {a = 1}", "expected a list of values, found a number"),
        ("matrix = {a-b = [1], A_B = [2]}", "both would be MLVC_ITEM_A_B"),
        ("foreach = 3", "expected a list or a table"),
        ('matrix = {"a b" = [1]}', "'a b' cannot be a name here"),
        ('foreach = "${nope}"', "is not known"),
        (f"matrix = {{a = {[*range(400)]}, b = {[*range(400)]}}}", "160000 stages"),
    ],
)  # fmt: skip
def test_what_cannot_be_expanded_is_told(tmp_path: Path, written: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        stages(tmp_path, f"[stage.s]\ncmd = 'x'\n{written}")
    assert what in f"{caught.value.what} {caught.value.why}"
    assert caught.value.what.startswith("mlvc.toml, line ")


plain = st.text(max_size=4) | st.integers() | st.floats() | st.booleans()
values = st.lists(plain | st.lists(plain, max_size=2), max_size=4)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), values) | values)
def test_names_of_variants_are_unique_or_an_error(given_values: object) -> None:
    which = "matrix" if isinstance(given_values, dict) else "foreach"
    written = Written({which: given_values}, ("stage", "s"), None)
    try:
        names = [variant.name for variant in expansion.variants(written)]
    except Mistake:
        return
    assert len(names) == len(set(names)) > 0
    for name in names:
        assert name and not set(name) & set(" :@/\\'\"")

"""`${…}` in stages: which names there are, how values look, and what a shell makes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import Param, Stage
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.pipeline.stage_files import stage_file, templating
from git_mlvc.pipeline.stage_files.templating import Scope
from git_mlvc.repo_path import RepoPath


class NoFiles:
    """A folder without any params file."""

    def default(self, folder: RepoPath | None) -> RepoPath:
        return RepoPath(b"params.toml")

    def document(self, file: RepoPath) -> Value:
        raise AssertionError("there is none")

    def exists(self, file: RepoPath) -> bool:
        return False

    def note(self, param: Param) -> None:
        pass


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "params.toml").write_text(
        """
        lr = 0.10
        tiny = 1e-5
        epochs = 3
        name = "a b"
        on = true
        day = 2024-02-29
        "odd.key" = 1
        net = {layers = [{units = 64}, {units = 32}], words = ["--x", "y z"]}
        """
    )
    return tmp_path


def stages(top: Path, text: str) -> list[Stage]:
    return list(stage_file.parse(text.encode(), None, ParamsReader(OnDisk(top))))


def command(top: Path, text: str, more: str = "") -> str:
    (stage,) = stages(top, f"[stage.a]\ncmd = '''{text}'''\n{more}")
    return stage.commands[0]


def refusal(top: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        stages(top, text)
    return caught.value


def test_names_come_from_the_default_params_file_vars_and_other_files(top: Path) -> None:
    (top / "model.yaml").write_text("layers: [3, 4]\n")
    made = command(
        top,
        'x ${lr} ${net.layers[1].units} ${net.layers.0.units} ${"odd.key"} ${lang} ${model.yaml:layers[1]} ${ epochs }',
        '[vars]\nlang = "de"',
    )
    assert made == "x 0.1 32 64 1 de 4 3"


def test_numbers_are_written_as_they_are_read_back(top: Path) -> None:
    assert command(top, "x ${lr} ${tiny} ${epochs} ${on} ${day}") == "x 0.1 1e-05 3 true 2024-02-29"


def test_a_backslash_leaves_the_reference_to_the_shell(top: Path) -> None:
    assert command(top, r"echo \${HOME} $HOME ${epochs}") == "echo ${HOME} $HOME 3"


def test_every_text_of_a_stage_is_filled_in(top: Path) -> None:
    (stage,) = stages(
        top,
        """
        [stage.a]
        cmd = ["x ${lr}", "y ${epochs}"]
        deps = ["in/${name}.csv"]
        params = ["net.layers[${one}]", "${file}:lr"]
        outs = ["m-${lr}.pt", {path = "d/${epochs}/", desc = "after ${epochs}", persist = "${on}"}]
        wdir = "${file}.d"
        env = {LR = "${lr}"}
        timeout = "${epochs}"
        retries = "${epochs}"
        frozen = "${on}"
        desc = "lr ${lr}"
        resources = {gpu = "${epochs}"}
        [vars]
        one = 1
        file = "p.toml"
        """,
    )
    assert stage.commands == ("x 0.1", "y 3")
    assert stage.deps[0].text == "in/a b.csv"
    assert [str(param) for param in stage.params] == ["params.toml: net.layers.1", "p.toml: lr"]
    assert [str(out.path) for out in stage.outs] == ["m-0.1.pt", "d/3"]
    assert (stage.outs[1].desc, stage.outs[1].persist) == ("after 3", True)
    assert (str(stage.wdir), stage.env, stage.desc) == ("p.toml.d", {"LR": "0.1"}, "lr 0.1")
    assert (stage.timeout_s, stage.retries, stage.is_frozen) == (3.0, 3, True)
    assert stage.resources == {"gpu": 3}


def test_a_reference_alone_stands_for_a_list_or_a_whole_command(top: Path) -> None:
    (stage,) = stages(
        top,
        '[stage.a]\ncmd = "${run}"\ndeps = "${files}"\n[vars]\nrun = "a | b"\nfiles = ["x", "y"]',
    )
    assert stage.commands == ("a | b",)
    assert [dep.text for dep in stage.deps] == ["x", "y"]


def test_a_value_is_not_filled_in_again(top: Path) -> None:
    (top / "params.toml").write_text("a = '${b}'\nb = 1\n")
    assert command(top, "x ${a}") == "x '${b}'"


def test_values_are_words_wherever_they_stand_in_a_command(top: Path) -> None:
    assert command(top, "x ${name} --n=${name} \"${name}\" '${name}'") == (
        "x 'a b' --n='a b' \"a b\" 'a b'"
    )
    assert command(top, "x ${net.words}") == "x --x 'y z'"
    assert command(top, "# don't\nx ${name}") == "# don't\nx 'a b'"


TEMPLATES = [
    "printf %s {}",
    'printf %s "{}"',
    "printf %s '{}'",
    'printf %s "$(printf %s {})"',
    'printf %s "$(printf %s "{}")"',
    "printf %s \\\\ >/dev/null; printf %s {}",
    "# it's\nprintf %s {}",
    "(printf %s {})",
]


@settings(max_examples=12)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\1"), max_size=12)))
def test_a_shell_gets_exactly_the_value(values: list[str]) -> None:
    """One process for many values: each is printed and then a character that is in none."""
    script, expected = [], []
    for value in ["it's", '"$HOME"', "`id`", "a\\", "$(id)", "#", "\n", *values]:
        scope = Scope(NoFiles(), variables={"v": value})
        for template in TEMPLATES:
            script.append(templating.fill_command(template.replace("{}", "${v}"), scope, ()))
            script.append("printf '\\001'")
            expected.append(value.rstrip("\n") if "$(" in template else value)
    done = subprocess.run(["sh", "-c", "\n".join(script)], capture_output=True, check=True)
    assert done.stdout.decode().split("\1")[:-1] == expected


@pytest.mark.parametrize(
    ("written", "what", "hint"),
    [
        ("${lrr}", "${lrr} is not known", "${lr}"),
        ("${net.layer[0].units}", "is not known", "${net.layers.0.units}"),
        ("${net.layers[7].units}", "is not known", "${net.layers"),
        ("${HOME}", "is not known", "'\\${HOME}'"),
        ("${x:-3}", "cannot be read", "'\\${x:-3}'"),
        ("${lr", "has no '}'", "close it"),
        ("${}", "cannot be read", ""),
        ("${net}", "is a table", "${net.layers}"),
        ("${net.layers}", "is a list", "${net.layers[0]}"),
        ("${item.x}", "is not known", ""),
        ("${params.toml:lrr}", "params.toml has no key 'lrr'", "'lr'"),
        ("${no.yaml:lr}", "the params file no.yaml does not exist", "write no.yaml"),
        ("${../no.yaml:lr}", "leads out of the repository", ""),
    ],
)
def test_a_name_that_means_nothing_is_told_with_its_line(
    top: Path, written: str, what: str, hint: str
) -> None:
    error = refusal(top, f"[stage.a]\n\ncmd = 'x {written}'")
    assert error.what.startswith("mlvc.toml, line 3, column 1: stage 'a', cmd: ")
    assert what in error.what
    assert hint in error.hint


def test_without_a_params_file_the_message_says_so(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[stage.a]\ncmd = "x ${lr}"')
    assert "params.toml (which does not exist)" in error.why


def test_a_name_in_vars_and_in_the_params_file_is_refused(top: Path) -> None:
    error = refusal(top, '[stage.a]\ncmd = "x ${lr}"\n[vars]\nlr = 1')
    assert "both in [vars] and in params.toml" in error.what
    assert "${params.toml:lr}" in error.hint


def test_vars_are_not_filled_in(top: Path) -> None:
    assert "only texts of stages" in refusal(top, "[vars]\na = '${lr}'").why
    assert command(top, "x ${a}", "[vars]\na = '\\${lr}'") == "x '${lr}'"


@given(st.floats() | st.integers() | st.text() | st.booleans() | st.none())
def test_a_single_value_as_text_tells_what_it_was(value: Value) -> None:
    text = templating.fill("${v}", Scope(NoFiles(), variables={"v": value}), ())
    if isinstance(value, str):
        assert text == value
    elif isinstance(value, float):
        assert repr(float(text)) == repr(value)
    else:
        assert json.loads(text) == value

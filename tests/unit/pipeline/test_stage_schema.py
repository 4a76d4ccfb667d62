"""The JSON schema for editors says what the parser says."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import tomli

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.pipeline.stage_files import out_entries, stage_file, stage_table

SCHEMA = json.loads(
    (resources.files("git_mlvc.pipeline.stage_files") / "schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
TOP = Path(__file__).parents[3]


def schema_takes(text: str) -> bool:
    return bool(VALIDATOR.is_valid(tomli.loads(text)))


def parser_takes(text: str, folder: Path) -> bool:
    try:
        stage_file.parse(text.encode(), None, ParamsReader(OnDisk(folder)))
    except ConfigError:
        return False
    return True


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_every_key_of_the_parser_is_in_the_schema_and_the_other_way_round() -> None:
    defined = SCHEMA["definitions"]
    assert set(SCHEMA["properties"]) == set(stage_file.ROOT_KEYS)
    assert set(defined["stage"]["properties"]) == set(stage_table.STAGE_KEYS)
    assert set(defined["out"]["properties"]) == set(out_entries.OUT_KEYS)
    assert set(defined["metric"]["properties"]) == set(out_entries.METRIC_KEYS)
    assert set(defined["plot"]["properties"]) == set(out_entries.PLOT_KEYS)
    assert set(defined["goal"]["enum"]) == set(out_entries.GOALS)
    for name in ("stage", "out", "metric", "plot"):
        assert defined[name]["additionalProperties"] is False


def test_every_key_is_explained() -> None:
    for name, told in SCHEMA["definitions"]["stage"]["properties"].items():
        assert told.get("description"), name


GOOD: dict[str, list[str]] = {
    "cmd": ['"x"', '["x", "y"]', '"${run}"'],
    "deps": ["[]", '["a", "b/", "*.c", "https://h/x"]', '"${files}"'],
    "params": ['["lr", "a.yaml:b", "c.json"]', '[{"a.toml" = ["b"]}]', '"${files}"'],
    "outs": ['["o", "d/", {path = "p", persist = true, store = false, push = "${on}", desc = "d"}]'],
    "metrics": ['["m"]', '[{path = "m", goal = "min"}]', '[{path = "m", goal = {a = "max"}}]'],
    "plots": [
        '["p", {path = "q", x = "a", y = ["b"], title = "t", template = "t", x_label = "x", y_label = "y"}]',
        '[{path = "p", y = "b"}]',
    ],
    "wdir": ['"."', '"${run}"'],
    "env": ['{A = "b", B = 1, C = 1.5, D = true}'],
    "timeout": ["3", "1.5", '"90s"', '"1h 30m"', '"${n}"', '"${n}m"'],
    "retries": ["0", "3", '"${n}"'],
    "frozen": ["true", '"${on}"'],
    "always": ["false", '"${on}"'],
    "desc": ['"d ${n}"'],
    "resources": ["{gpu = 1, big-disk = 0}", '{gpu = "${n}"}'],
    "matrix": ['{a = [1, "x", {b = 2}], b = "${files}"}'],
    "foreach": ["[1]", "{a = 1}", '"${files}"'],
}  # fmt: skip
BAD: dict[str, list[str]] = {
    "cmd": ["3", "[]", '""', '["x", ""]', "{}"],
    "deps": ['"a"', "[1]", "[[]]", '[""]'],
    "params": ['"a"', "[1]", '[{"a.ini" = ["b"]}]', '[{"a.toml" = "b"}]'],
    "outs": ['["*.pt"]', "[{}]", '[{path = "a", stored = true}]', '[{path = "a", store = 1}]', "[1]"],
    "metrics": ['[{path = "a", goal = "up"}]', '[{path = "a", x = "b"}]', '[{path = "a", goal = 1}]'],
    "plots": ['[{path = "a", y = 1}]', '[{path = "a", y = [1]}]', '[{path = "a", goal = "max"}]'],
    "wdir": ["1", '""'],
    "env": ['{"a b" = "c"}', "{A = []}", '{MLVC_STAGE = "x"}', "[]"],
    "timeout": ["0", "-1", '"soon"', "true", "[]"],
    "retries": ["-1", "1.5", '"3"', "true"],
    "frozen": ["1", '"true"'],
    "always": ["1", '"true"'],
    "desc": ["1"],
    "resources": ["{gpu = -1}", "{my_gpu = 1}", "{gpu = 1.5}", "{gpu = true}"],
    "matrix": ["{}", "{a = []}", "{a = 1}", '{"a b" = [1]}', "[1]"],
    "foreach": ["[]", "{}", "1", '"a"'],
}  # fmt: skip


def test_examples_of_every_key_are_there() -> None:
    assert set(GOOD) == set(BAD) == set(stage_table.STAGE_KEYS)


@pytest.mark.parametrize("key", GOOD)
def test_what_one_takes_the_other_takes(tmp_path: Path, key: str) -> None:
    (tmp_path / "params.toml").write_text('n = 3\non = true\nrun = "x"\nfiles = ["a", "b"]\n')
    command = "" if key == "cmd" else 'cmd = "x"\n'
    for written in GOOD[key]:
        text = f"[stage.a]\n{command}{key} = {written}\n"
        assert parser_takes(text, tmp_path), text
        assert schema_takes(text), text
    for written in BAD[key]:
        text = f"[stage.a]\n{command}{key} = {written}\n"
        assert not parser_takes(text, tmp_path), text
        assert not schema_takes(text), text


@pytest.mark.parametrize(
    "text",
    [
        "[stages.a]\ncmd = 'x'",
        "[stage.'a b']\ncmd = 'x'",
        "[stage.'a@b']\ncmd = 'x'",
        "[stage.'-a']\ncmd = 'x'",
        "stage = 1",
        "vars = 1",
        "[stage]\na = 1",
        "[stage.a]\ndeps = []",
        "[stage.a]\ncmd = 'x'\nmatrix = {a = [1]}\nforeach = [1]",
    ],
)
def test_what_one_refuses_the_other_refuses(tmp_path: Path, text: str) -> None:
    assert not parser_takes(text, tmp_path)
    assert not schema_takes(text)

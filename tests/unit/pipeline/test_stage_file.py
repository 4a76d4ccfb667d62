"""Stage files: what stands in `mlvc.toml`, as stages; what is wrong in it, with file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from git_mlvc.errors import ConfigError
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import DepKind, OutKind, Param, PipelineError, Stage
from git_mlvc.pipeline.parameters.params import ParamsReader
from git_mlvc.pipeline.stage_files import out_entries, stage_file, stage_table
from git_mlvc.repo_path import RepoPath

path = RepoPath.parse


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return tmp_path


def stages(top: Path, text: str, folder: str | None = None) -> list[Stage]:
    return list(
        stage_file.parse(text.encode(), path(folder) if folder else None, ParamsReader(OnDisk(top)))
    )


def one(top: Path, text: str, folder: str | None = None) -> Stage:
    (stage,) = stages(top, text, folder)
    return stage


def refusal(top: Path, text: str, folder: str | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        stages(top, text, folder)
    return caught.value


def test_every_key_of_a_stage_is_read(top: Path) -> None:
    stage = one(
        top,
        """
        [stage.train]
        cmd = ["python a.py", "python b.py"]
        deps = ["src/a.py", "data/", "src/**/*.py", "https://example.org/data.csv"]
        params = ["lr", "net/model.yaml:layers[0]", "all.json", {"b.toml" = ["x", "y.z"]}]
        outs = ["model.pt", "logs/", {path = "cache", persist = true, store = false, push = false, desc = "d"}]
        metrics = ["m.json", {path = "n.json", goal = {loss = "min"}}]
        plots = [{path = "loss.csv", x = "step", y = ["loss", "acc"], title = "Loss", template = "line"}]
        wdir = "src"
        env = {SEED = 1, MODE = "fast", DEBUG = true}
        timeout = "1h30m"
        retries = 2
        frozen = true
        always = true
        desc = "trains"
        resources = {gpu = 1}
        """,
    )
    assert stage.commands == ("python a.py", "python b.py")
    assert [(dep.kind, dep.text) for dep in stage.deps] == [
        (DepKind.PATH, "src/a.py"),
        (DepKind.PATH, "data"),
        (DepKind.GLOB, "src/**/*.py"),
        (DepKind.URL, "https://example.org/data.csv"),
    ]
    assert [str(param) for param in stage.params] == [
        "params.toml: lr",
        "net/model.yaml: layers.0",
        "all.json",
        "b.toml: x",
        "b.toml: y.z",
    ]
    outs = {str(out.path): out for out in stage.outs}
    assert list(outs) == ["model.pt", "logs", "cache", "m.json", "n.json", "loss.csv"]
    assert outs["logs"].is_directory and not outs["model.pt"].is_directory
    cache = outs["cache"]
    assert (cache.persist, cache.is_stored, cache.is_pushed, cache.desc) == (
        True,
        False,
        False,
        "d",
    )
    assert outs["n.json"].options == {"goal": {"loss": "min"}}
    assert outs["loss.csv"].kind is OutKind.PLOT
    assert outs["loss.csv"].options["y"] == ["loss", "acc"]
    assert stage.wdir == path("src")
    assert stage.env == {"SEED": "1", "MODE": "fast", "DEBUG": "true"}
    assert (stage.timeout_s, stage.retries) == (5400.0, 2)
    assert stage.is_frozen and stage.is_always and not stage.is_repeatable
    assert (stage.desc, stage.resources, stage.line) == ("trains", {"gpu": 1}, 2)


def test_metrics_and_plots_stay_in_git_unless_stated(top: Path) -> None:
    stage = one(
        top,
        """
        [stage.a]
        cmd = "x"
        outs = ["o"]
        metrics = ["m.json", {path = "n.json", store = true}]
        plots = ["p.csv"]
        """,
    )
    assert [out.is_stored for out in stage.outs] == [True, False, True, False]


def test_paths_are_relative_to_the_file_and_wdir_does_not_move_them(top: Path) -> None:
    stage = one(
        top,
        """
        [stage.a]
        cmd = "x"
        deps = ["../data/raw.csv", "./b//c/"]
        params = ["lr", "../p.yaml:x"]
        outs = ["out put/é.bin"]
        wdir = "inner"
        """,
        "sub",
    )
    assert (stage.address, stage.name) == ("sub:a", "a")
    assert [dep.text for dep in stage.deps] == ["data/raw.csv", "sub/b/c"]
    assert stage.params == (Param(path("sub/params.toml"), "lr"), Param(path("p.yaml"), "x"))
    assert [str(out.path) for out in stage.outs] == ["sub/out put/é.bin"]
    assert stage.wdir == path("sub/inner")


def test_a_wdir_may_be_the_top_and_is_the_folder_of_the_file_if_not_given(top: Path) -> None:
    assert one(top, '[stage.a]\ncmd = "x"\nwdir = ".."', "sub").wdir is None
    assert one(top, '[stage.a]\ncmd = "x"', "sub").wdir == path("sub")


@pytest.mark.parametrize(
    ("text", "where", "hint"),
    [
        ('[stage.a]\ncmd = "x"\ndep = []', "line 3, column 1: stage 'a', dep: there", "'deps'"),
        ('[stage.a]\ncmd = "x"\ndeps = ["b", 3]', "line 3, column 14: stage 'a', deps: exp", ""),
        ("[stage.a]\ncmd = 3", "line 2, column 1: stage 'a', cmd: expected a command", ""),
        ('[stage.a]\ncmd = "x"\ndeps = "b"', "expected a list of", "in brackets"),
        ("[stage.a]\nouts = []", "line 1, column 1: stage 'a': it has no command", "add cmd"),
        ('[stages.a]\ncmd = "x"', "line 1, column 1: [stages]: there is no such", "'stage'"),
        ('[stage."a b"]\ncmd = "x"', "'a b' cannot be the name of a stage", ""),
        ('[stage.a]\ncmd = "x"\nouts = ["/tmp/x"]', "an absolute path", "below the"),
        ('[stage.a]\ncmd = "x"\nouts = ["../x"]', "leads out of the repository", ""),
        ('[stage.a]\ncmd = "x"\ndeps = ["../x"]', "leads out of the repository", "track"),
        ('[stage.a]\ncmd = "x"\ndeps = [".git/x"]', "leads into .git", ""),
        ('[stage.a]\ncmd = "x"\nouts = ["m/*.pt"]', "is a pattern", "directory"),
        ('[stage.a]\ncmd = "x"\nouts = ["mlvc.lock"]', "cannot make a mlvc.lock", ""),
        ('[stage.a]\ncmd = "x"\nouts = ["."]', "whole repository", ""),
        ('[stage.a]\ncmd = "x"\nouts = ["s3://b/x"]', "is an address", ""),
        (
            '[stage.a]\ncmd = "x"\ndeps = ["a\\u001b[31m"]',
            "a\\x1b[31m': it holds a control char",
            "",
        ),
        ('[stage.a]\ncmd = "x"\ndeps = ["http://a/\\u001b"]', "nobody can see", ""),
        ('[stage.a]\ncmd = "x"\n"de\\u001bp" = 1', "stage 'a', de\\x1bp: there is no", ""),
        ('[stage.a]\ncmd = "x"\ndeps = ["https://u:pw@h/x"]', "holds a secret", ""),
        ('[stage.a]\ncmd = "x"\nouts = [{path = "x", stor = true}]', "column 22", "'store'"),
        ('[stage.a]\ncmd = "x"\nmetrics = [{path = "x", goal = "up"}]', "'max' or 'min'", ""),
        ('[stage.a]\ncmd = "x"\ntimeout = "soon"', "is no duration", '"90s"'),
        ('[stage.a]\ncmd = "x"\ntimeout = 0', "above zero", "no limit"),
        ('[stage.a]\ncmd = "x"\nretries = -1', "from 0 to 2147483647", ""),
        ('[stage.a]\ncmd = "x"\nretries = true', "expected a whole number, found true", ""),
        ('[stage.a]\ncmd = "x"\nenv = {MLVC_STAGE = "x"}', "is set by git-mlvc", ""),
        (f'[stage.a]\ncmd = "x"\nretries = 0x{"f" * 5000}', "from 0 to", ""),
        ('[stage.a]\ncmd = "x"\nenv = {"a b" = "x"}', "environment variable", ""),
        ('[stage.a]\ncmd = "x"\nresources = {my_gpu = 1}', "name of a resource", ""),
        ('[stage.a]\ncmd = "x"\nparams = ["a..b"]', "is not a key", ""),
        ('[stage.a]\ncmd = "x"\nparams = ["x.ini:a"]', "'x.ini' is no params file", ""),
        ('[stage.a]\ncmd = "x"\nwdir = "/"', "absolute", ""),
        ('[stage.a]\ncmd = ""', "the command is empty", ""),
        ("[stage.a]\ncmd = []", "it has no command", ""),
        ('[stage.a]\ncmd = "x"\ncmd = "y"', "line 3", ""),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_was_meant(
    top: Path, text: str, where: str, hint: str
) -> None:
    error = refusal(top, text)
    assert error.what.startswith("mlvc.toml, line "), error.what
    assert where in f"{error.what}: {error.why}"
    assert hint in error.hint


def test_what_is_for_the_root_file_is_refused_below_with_file_and_line(top: Path) -> None:
    for table in ("remote.lab", "track", "fetch", "exp"):
        text = f'[stage.a]\ncmd = "x"\n[{table}]\n'
        assert one(top, text).name == "a"
        error = refusal(top, text, "sub")
        assert error.what.startswith("sub/mlvc.toml, line 3, column 1: ")
        assert "only for the mlvc.toml at the top" in error.what


def test_a_stage_that_is_written_without_a_header_has_its_line_too(top: Path) -> None:
    made = stages(top, 'vars = {a = 1}\nstage.b.cmd = "x"\n\nstage.c = {cmd = "y"}\n')
    assert [(stage.name, stage.line) for stage in made] == [("b", 2), ("c", 4)]


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(top: Path) -> None:
    data = b'\xef\xbb\xbf# a\r\n[stage.a]\r\ncmd = """\r\nx\r\ny"""\r\n'
    (stage,) = stage_file.parse(data, None, ParamsReader(OnDisk(top)))
    assert (stage.line, stage.commands) == (2, ("x\ny",))
    bad = refusal(top, data.decode() + "dep = 1\r\n")
    assert bad.what.startswith("mlvc.toml, line 6, column 1")


class Params:
    """A params file that has a value of each kind."""

    def default(self, folder: RepoPath | None) -> RepoPath:
        return path("params.toml")

    def document(self, file: RepoPath) -> Any:
        return {"a": 1, "b": [1, "x y"], "c": {"d": "../e"}, "f": None, "g": "", "h": 0.5}

    def exists(self, file: RepoPath) -> bool:
        return True

    def note(self, param: Param) -> None:
        pass


words = st.sampled_from(
    [
        *("a", "", "a b", "../x", "/x", "x/", "*.c", "é", "http://h", ".git", "a.yaml:b.c", "b.json"),
        *("${a}", "${b}", "x ${b}", "${c.d}", "${c}", "${f}", "${g}", "${item}", "${item.a}", "${", "${}"),
        *("\\${a}", "${x.toml:a}", "${b[1]}", "1h", "-1", "min", "'", '"', "\0", "mlvc.toml"),
    ]
)  # fmt: skip
keys = st.sampled_from(
    [*stage_table.STAGE_KEYS, *out_entries.METRIC_KEYS, *out_entries.PLOT_KEYS, "a", "b.toml", ""]
)
plain = words | st.text(max_size=6) | st.integers() | st.floats() | st.booleans() | st.dates()
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(keys, values, max_size=5).flatmap(
    lambda table: st.sampled_from([table, {**table, "cmd": "x"}])
)
files = st.dictionaries(
    st.sampled_from(["stage", "vars", "remote", "x"]),
    st.dictionaries(words | st.sampled_from(["s", "t"]), tables, max_size=3) | values,
    max_size=3,
)


@given(files)
def test_any_toml_gives_stages_or_an_error_with_a_place(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    try:
        made = stage_file.parse(text.encode(), None, Params())
    except (ConfigError, PipelineError) as error:
        assert "mlvc.toml" in error.what or "params.toml" in error.what
        return
    assert len({stage.name for stage in made}) == len(made)
    for stage in made:
        assert stage.commands and stage.line
        for dep in stage.deps:
            assert dep.kind is DepKind.URL or dep.path.text == dep.text


@given(st.binary(max_size=80) | st.text("[stage.]=\"'\n{},#1\\$", max_size=60).map(str.encode))
def test_any_bytes_give_stages_or_an_error(data: bytes) -> None:
    try:
        stage_file.parse(data, None, Params())
    except ConfigError as error:
        assert "mlvc.toml" in error.what

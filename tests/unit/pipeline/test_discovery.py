"""All stage files of a worktree, as one pipeline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import ConfigError, InputError
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline import discovery
from git_mlvc.pipeline.discovery import Pipeline
from git_mlvc.pipeline.files import OnDisk
from git_mlvc.pipeline.model import PipelineError
from git_mlvc.repo_path import RepoPath

STAGE = b'[stage.train]\ncmd = "x"\n'


def load(repo: Repo) -> Pipeline:
    return discovery.load(Repository.discover(repo.path, repo.machine.env()))


def test_all_stage_files_that_git_does_not_ignore_make_one_pipeline(bare_machine: Machine) -> None:
    repo = bare_machine.init().write(
        {
            "mlvc.toml": STAGE + b'[remote.lab]\nurl = "/nfs"\n',
            "sub/mlvc.toml": STAGE
            + b'deps = ["../o"]\n[stage.prepare]\ncmd = "y"\nouts = ["../o"]',
            "sub/gone/mlvc.toml": STAGE,
            "dé p/new/mlvc.toml": STAGE,
        }
    )
    repo.add()
    repo.remove("sub/gone/mlvc.toml")
    repo.write(
        {
            ".gitignore": b"ignored/\n",
            "ignored/mlvc.toml": STAGE,
            "not.mlvc.toml": b"[broken",
            "untracked/mlvc.toml": STAGE,
        }
    )
    inner = bare_machine.init("repo/inner").write({"mlvc.toml": STAGE, "x/mlvc.toml": STAGE})
    inner.add().commit("another repository")
    repo.git("-c", "advice.addEmbeddedRepo=false", "add", "inner")
    bare_machine.init("repo/loose").write({"mlvc.toml": STAGE})

    found = load(repo)

    assert [stage.address for stage in found.stages] == [
        "dé p/new:train",
        "train",
        "sub:train",
        "sub:prepare",
        "untracked:train",
    ]
    assert [str(file) for file in found.files] == [
        *("dé p/new/mlvc.toml", "mlvc.toml", "sub/mlvc.toml", "untracked/mlvc.toml"),
    ]
    order = found.graph.order
    assert order.index("sub:prepare") < order.index("sub:train")
    assert found.graph.resolve(["train"], RepoPath(b"sub")) == ["sub:train"]


def test_a_worktree_without_stages_has_an_empty_pipeline(bare_machine: Machine) -> None:
    assert load(bare_machine.init()).stages == ()
    with pytest.raises(InputError):
        load(bare_machine.bare())


@pytest.mark.parametrize(
    ("folder", "address"),
    [
        (b"\xff dir", '"\\377 dir":train'),
        (b"a\x1b[31m\n", '"a\\033[31m\\n":train'),
        ("é ü".encode(), "é ü:train"),
        (b"a:b", "a:b:train"),
    ],
)
def test_what_nobody_could_type_is_called_as_git_quotes_it(
    tmp_path: Path, folder: bytes, address: str
) -> None:
    """A clone may bring names that a terminal would obey."""
    file = RepoPath(folder + b"/mlvc.toml")
    (tmp_path / os.fsdecode(folder)).mkdir()
    (tmp_path / file.text).write_bytes(STAGE)
    found = discovery.read(OnDisk(tmp_path), [file])
    assert found.graph.order == (address,)
    assert found.graph.resolve(["train"], RepoPath(folder)) == [address]


def read(top: Path, files: dict[str, str]) -> Pipeline:
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    names = sorted(RepoPath.parse(name) for name in files if name.endswith("mlvc.toml"))
    return discovery.read(OnDisk(top), names)


def test_a_mistake_in_any_file_names_that_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"a/b/mlvc.toml": '[stage.x]\ncmd = "x"\nout = ["y"]\n'})
    assert (
        caught.value.what == "a/b/mlvc.toml, line 3, column 1: stage 'x', out: there is no such key"
    )
    assert caught.value.hint == "did you mean 'outs'?"


def test_marks_of_a_merge_in_a_stage_file_are_called_so(tmp_path: Path) -> None:
    text = '<<<<<<< HEAD\n[stage.x]\n=======\n[stage.y]\n>>>>>>> other\ncmd = "x"\n'
    with pytest.raises(ConfigError, match=r"mlvc\.toml, line 1: a merge has left both sides"):
        read(tmp_path, {"mlvc.toml": text})


def test_a_stage_cannot_make_a_directory_that_holds_a_stage_file(tmp_path: Path) -> None:
    files = {
        "mlvc.toml": '[stage.x]\ncmd = "x"\nouts = ["a/"]\n',
        "a/b/mlvc.toml": '[stage.y]\ncmd = "x"\n',
    }
    with pytest.raises(PipelineError) as caught:
        read(tmp_path, files)
    assert "stage 'x' makes a, which holds a/b/mlvc.toml" in caught.value.what
    assert caught.value.why == "mlvc.toml, line 1"


def test_a_stage_cannot_make_what_a_reference_reads(tmp_path: Path) -> None:
    text = """
    [stage.x]
    cmd = "x"
    outs = ["made/"]
    [stage.y]
    cmd = "x ${made/p.json:a}"
    """
    with pytest.raises(PipelineError) as caught:
        read(tmp_path, {"mlvc.toml": text, "made/p.json": '{"a": 1}'})
    assert "stage 'x' makes made/p.json" in caught.value.what


def test_params_that_stages_only_name_may_be_made_by_one(tmp_path: Path) -> None:
    text = """
    [stage.x]
    cmd = "x"
    outs = ["made/"]
    [stage.y]
    cmd = "x"
    params = ["made/p.json:a"]
    """
    assert read(tmp_path, {"mlvc.toml": text}).graph.order == ("x", "y")


def test_law_12_a_stage_file_behind_a_link_is_no_longer_there(bare_machine: Machine) -> None:
    repo = bare_machine.init().write({"mlvc.toml": STAGE, "sub/mlvc.toml": STAGE}).add()
    repo.remove("sub/mlvc.toml")
    elsewhere = bare_machine.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mlvc.toml").write_bytes(b"[stage.evil]\ncmd = 'y'\n")
    repo.at("sub").rmdir()
    repo.at("sub").symlink_to(elsewhere)
    assert [stage.address for stage in load(repo).stages] == ["train"]

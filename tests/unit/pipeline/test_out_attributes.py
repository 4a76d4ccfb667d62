"""Outs get the lines that keep them out of git, and those that are to stay in git get out of the way of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import UNUSUAL_NAMES
from support.outs import stage
from support.repo import Machine, Repo

from git_mlvc.errors import InputError
from git_mlvc.git import attributes
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.model import Out, Stage
from git_mlvc.pipeline.outs.out_attributes import cover
from git_mlvc.repo_path import RepoPath
from git_mlvc.settings import Settings

DATA = " filter=mlvc diff=mlvc -merge -text\n"
OUT = " !filter !diff !merge !text\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Machine(tmp_path).init()


def _covered(repo: Repo, *stages: Stage, settings: Settings = Settings()) -> list[str]:
    found = Repository.discover(repo.path, repo.machine.env())
    return [path.text for path in cover(found, settings, stages)]


def _filters(repo: Repo, *names: str | bytes) -> list[str]:
    found = Repository.discover(repo.path, repo.machine.env())
    paths = [RepoPath.parse(n) if isinstance(n, str) else RepoPath(n) for n in names]
    return [values["filter"] for _, values in attributes.check(found.git, paths, ("filter",))]


def _raw(name: str, *, is_directory: bool = False) -> Out:
    return Out(RepoPath.parse(name), is_directory=is_directory, is_stored=False)


def _lines(repo: Repo, name: str = ".gitattributes") -> str:
    """What is said of outs; the line by which git merges the file itself stands once."""
    text, _, rest = repo.read(name).decode().partition(".gitattributes merge=union\n")
    assert "merge=union" not in text + rest
    return text + rest


def test_branches_that_add_different_stages_merge_without_conflict(repo: Repo) -> None:
    _covered(repo, stage("a"))
    repo.add().commit("a")
    repo.git("switch", "-qc", "topic")
    _covered(repo, stage("b"))
    repo.add().commit("b")
    repo.git("switch", "-q", "-")
    _covered(repo, stage("c"))
    repo.add().commit("c")
    repo.git("merge", "-q", "topic", "-m", "both")
    assert _lines(repo) == f"/a{DATA}/c{DATA}/b{DATA}"


def test_files_and_directories_get_lines_once(repo: Repo) -> None:
    made = stage("model.pt", "data/prepared/")
    assert _covered(repo, made) == [".gitattributes"]
    assert _lines(repo) == f"/model.pt{DATA}/data/prepared/**{DATA}"
    assert _covered(repo, made) == []
    assert _filters(repo, "model.pt", "data/prepared/a/b", "sub/model.pt") == [
        "mlvc", "mlvc", "unspecified",
    ]  # fmt: skip


def test_a_directory_that_stands_there_is_one_without_a_slash_too(repo: Repo) -> None:
    repo.write({"plain/x": b"1"})
    _covered(repo, stage("plain"))
    assert _lines(repo) == f"/plain/**{DATA}"


def test_what_other_lines_say_stays(repo: Repo) -> None:
    text = "*.pt filter=lfs\n*.csv filter=mlvc\n*.txt -filter\n* text=auto"
    repo.write({".gitattributes": text.encode()})
    assert _covered(repo, stage("a.pt", "b.csv", "c.txt")) == []
    assert _covered(repo, stage("d.bin")) == [".gitattributes"]
    assert _lines(repo) == f"{text}\n/d.bin{DATA}"


def test_what_git_ignores_gets_no_line(repo: Repo) -> None:
    repo.write({".gitignore": b"/tmp/\n*.log\n"})
    assert _covered(repo, stage("tmp/out/", "a.log")) == []


def test_where_small_content_stays_in_git_the_line_suits_text(repo: Repo) -> None:
    _covered(repo, stage("report.txt"), settings=Settings(min_size_bytes=1 << 20))
    assert _lines(repo) == "/report.txt filter=mlvc merge=mlvc\n"


def test_lines_are_in_the_folder_of_the_stage_file(repo: Repo) -> None:
    inside = Stage(
        "sub:train", "train", ("true",), RepoPath(b"sub"),
        outs=(Out(RepoPath(b"sub/m.pt")), Out(RepoPath(b"other.pt"))),
    )  # fmt: skip
    assert _covered(repo, inside) == [".gitattributes", "sub/.gitattributes"]
    assert _lines(repo, "sub/.gitattributes") == f"/m.pt{DATA}"
    assert _lines(repo) == f"/other.pt{DATA}"


@pytest.mark.parametrize("name", [n for n in UNUSUAL_NAMES if b"\n" not in n], ids=repr)
def test_unusual_names_are_meant_literally(repo: Repo, name: bytes) -> None:
    _covered(repo, Stage("s", "s", ("true",), outs=(Out(RepoPath(name)),)))
    assert _filters(repo, name, b"other.bin") == ["mlvc", "unspecified"]


def test_what_stays_in_git_is_taken_out_only_where_a_line_would_take_it(repo: Repo) -> None:
    made = stage(_raw("metrics.json"), _raw("plots", is_directory=True))
    assert _covered(repo, made) == []
    repo.write({".gitattributes": b"*.json filter=mlvc\n"})
    assert _covered(repo, made) == [".gitattributes"]
    assert _lines(repo) == f"*.json filter=mlvc\n/metrics.json{OUT}"
    repo.write({"plots/loss.csv": b"1", "plots/deep/loss.json": b"1"})
    assert _covered(repo, made) == [".gitattributes"]
    assert _filters(repo, "plots/deep/loss.json", "metrics.json", "x.json") == [
        "unspecified", "unspecified", "mlvc",
    ]  # fmt: skip
    assert _covered(repo, made) == []


def test_it_is_taken_out_where_it_counts(repo: Repo) -> None:
    repo.write({"eval/.gitattributes": b"*.json filter=mlvc\n"})
    _covered(repo, stage(_raw("eval/metrics.json")))
    assert _filters(repo, "eval/metrics.json") == ["unspecified"]


def test_an_out_may_change_its_mind(repo: Repo) -> None:
    _covered(repo, stage("m.json"))
    _covered(repo, stage(_raw("m.json")))
    assert _lines(repo) == ""
    repo.write({".gitattributes": b"*.json filter=mlvc\n"})
    _covered(repo, stage(_raw("m.json")))
    assert _filters(repo, "m.json") == ["unspecified"]
    repo.write({".gitattributes": _lines(repo).replace("*.json filter=mlvc\n", "").encode()})
    assert _covered(repo, stage("m.json")) == [".gitattributes"]
    assert _lines(repo) == f"/m.json{DATA}"


def test_a_link_is_not_written_through(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"")
    repo.at(".gitattributes").symlink_to(tmp_path / "theirs")
    with pytest.raises(InputError, match="symbolic link"):
        _covered(repo, stage("m.json"))
    assert (tmp_path / "theirs").read_bytes() == b""

"""Where data goes for a git remote that is a directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from git_mlvc.transfer.beside import default_url


def git_dir(path: Path) -> Path:
    (path / "objects").mkdir(parents=True)
    (path / "refs").mkdir()
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    return path


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "work"
    git_dir(top / ".git")
    return top


def test_a_bare_repository(tmp_path: Path, top: Path) -> None:
    bare = git_dir(tmp_path / "team data.git")
    expected = str(bare / "mlvc")
    assert default_url(str(bare), top) == expected
    assert default_url(f"{bare}/", top) == expected
    assert default_url("../team data.git", top) == expected
    assert default_url(str(tmp_path / "team data"), top) == expected  # as git does
    assert default_url(f"file://{bare}", top) == expected
    assert default_url(f"file://{tmp_path}/team%20data.git", top) == expected
    assert default_url(f"file://localhost{bare}", top) == expected


def test_a_repository_with_a_worktree(tmp_path: Path, top: Path) -> None:
    other = tmp_path / "other"
    git_dir(other / ".git")
    assert default_url(str(other), top) == str(other / ".git/mlvc")
    assert default_url(str(other / ".git"), top) == str(other / ".git/mlvc")
    assert default_url(".", top) == str(top / ".git/mlvc")


def test_linked_worktrees_and_submodules_share_the_common_directory(
    tmp_path: Path, top: Path
) -> None:
    common = git_dir(tmp_path / "main/.git")
    own = common / "worktrees/linked"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/x\n")
    (own / "commondir").write_text("../..\n")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / ".git").write_text(f"gitdir: {own}\n")
    assert default_url(str(linked), top) == str(common / "mlvc")
    module = git_dir(tmp_path / "main/.git/modules/sub")
    sub = tmp_path / "main/sub"
    sub.mkdir()
    (sub / ".git").write_text("gitdir: ../.git/modules/sub\n")
    assert default_url(str(sub), top) == str(module / "mlvc")


def test_what_git_makes_is_found(tmp_path: Path, top: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "real")], check=True)
    assert default_url(str(tmp_path / "real"), top) == str(tmp_path / "real/mlvc")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-x",
        "https://host/repo.git",
        "ssh://host/repo.git",
        "git://host/repo",
        "host:repo.git",
        "user@host:/srv/repo.git",
        "ext::sh -c true",
        "file://server/share/repo.git",
        "C:\\repos\\data.git",
        "c:/repos/data.git",
    ],
)
def test_other_remotes_have_no_place_beside_them(url: str, top: Path) -> None:
    assert default_url(url, top) is None


def test_a_path_with_a_colon_behind_a_slash_is_a_path(tmp_path: Path, top: Path) -> None:
    bare = git_dir(tmp_path / "a:b.git")
    assert default_url(str(bare), top) == str(bare / "mlvc")
    assert default_url("./c:d.git", top) == str(top / "c:d.git/mlvc")


def test_a_directory_that_is_not_there_is_not_forgotten(tmp_path: Path, top: Path) -> None:
    gone = tmp_path / "not-mounted/data.git"
    assert default_url(str(gone), top) == str(gone / "mlvc")
    assert not gone.parent.exists()


def test_a_bundle_or_an_ordinary_directory_is_no_remote_for_data(tmp_path: Path, top: Path) -> None:
    (tmp_path / "a.bundle").write_bytes(b"# v2 git bundle\n")
    (tmp_path / "plain").mkdir()
    assert default_url(str(tmp_path / "a.bundle"), top) is None
    assert default_url(str(tmp_path / "plain"), top) is None

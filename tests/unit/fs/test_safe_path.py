"""No path of a repository leads out of the worktree (law 12)."""

from __future__ import annotations

import os

import pytest

from git_mlvc.errors import InputError
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.repo_path import RepoPath


def test_a_path_need_not_exist(tmp_path):
    assert resolve_inside(tmp_path, RepoPath(b"a/b/c")) == tmp_path / "a" / "b" / "c"


def test_directories_on_the_way_are_fine(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert resolve_inside(tmp_path, RepoPath(b"a/b/c")) == tmp_path / "a" / "b" / "c"


@pytest.mark.parametrize("target", ["..", "/", "elsewhere", "inside"])
def test_a_link_on_the_way_is_refused_wherever_it_leads(tmp_path, target):
    (tmp_path / "inside").mkdir()
    (tmp_path / "a").symlink_to(target)
    with pytest.raises(InputError, match="symbolic link"):
        resolve_inside(tmp_path, RepoPath(b"a/c"))
    with pytest.raises(InputError):
        resolve_inside(tmp_path, RepoPath(b"a/b/c"))


def test_the_last_part_may_be_a_link_and_is_not_followed(tmp_path):
    (tmp_path / "a").symlink_to("/etc/passwd")
    assert resolve_inside(tmp_path, RepoPath(b"a")) == tmp_path / "a"


def test_a_file_on_the_way_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(InputError, match="is a file"):
        resolve_inside(tmp_path, RepoPath(b"a/b"))


def test_names_that_are_not_text_keep_their_bytes(tmp_path):
    path = resolve_inside(tmp_path, RepoPath(b"d\xff/x\ny"))
    assert os.fsencode(path) == os.fsencode(tmp_path) + b"/d\xff/x\ny"


def test_the_top_itself_may_be_reached_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert resolve_inside(tmp_path / "link", RepoPath(b"a/b")) == tmp_path / "link" / "a" / "b"

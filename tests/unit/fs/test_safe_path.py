"""No path of a repository leads out of the worktree (law 12)."""

from __future__ import annotations

import os
import stat

import pytest

from git_mlvc.errors import InputError
from git_mlvc.fs.safe_path import HAS_DIR_FD, Place, Places, resolve_inside
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


def _touch(place: Place) -> None:
    os.close(place.open(os.O_WRONLY | os.O_CREAT))


def test_places_are_where_their_paths_say(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    places = Places(tmp_path)
    for raw in (b"x", b"a/x", b"a/b/x", b"a/b/d\xffx"):
        _touch(places.of(RepoPath(raw)))
        assert os.path.lexists(os.path.join(os.fsencode(tmp_path), raw))
    assert stat.S_ISREG(places.of(RepoPath(b"a/b/x")).lstat().st_mode)


def test_a_place_below_a_link_or_a_file_is_refused_and_below_nothing_is_not_found(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_bytes(b"")
    places = Places(tmp_path)
    for raw in (b"link/x", b"file/x", b"link/b/x"):
        with pytest.raises(InputError):
            places.of(RepoPath(raw))
    with pytest.raises(FileNotFoundError):
        places.of(RepoPath(b"nowhere/x"))


@pytest.mark.skipif(not HAS_DIR_FD, reason="this system cannot open directories")
def test_law_12_a_directory_that_becomes_a_link_later_leads_nowhere(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "top" / "dir").mkdir(parents=True)
    places = Places(tmp_path / "top")
    place = places.of(RepoPath(b"dir/x"))
    (tmp_path / "top" / "dir").rename(tmp_path / "top" / "moved")
    (tmp_path / "top" / "dir").symlink_to(tmp_path / "outside")
    _touch(place)
    assert (tmp_path / "top" / "moved" / "x").exists()
    assert not (tmp_path / "outside" / "x").exists()


def test_directories_are_opened_once_and_few_stay_open(tmp_path):
    opened = []
    places = Places(tmp_path)
    for number in range(200):
        (tmp_path / f"d{number:03}" / "s").mkdir(parents=True)
    fds = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
    for number in range(200):
        for name in range(5):
            place = places.of(RepoPath(b"d%03d/s/%d" % (number, name)))
            opened.append(place.directory)
    assert len({id(directory) for directory in opened}) == 200
    del opened, place
    if fds:
        assert len(os.listdir("/dev/fd")) <= fds + 70

"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from git_mlvc.fs import atomic
from git_mlvc.fs.atomic import Permissions


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def test_write_file_replaces_what_was_there_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "file with space"
    atomic.write_file(path, b"one")
    atomic.write_file(path, memoryview(b"two"), durable=False)
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == [path.name]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        atomic.write_file(path, "text, not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_write_over_a_directory_fails_and_cleans_up(tmp_path):
    (tmp_path / "dir").mkdir()
    with pytest.raises(OSError):
        atomic.write_file(tmp_path / "dir", b"x")
    assert os.listdir(tmp_path) == ["dir"]


def test_a_writer_does_not_change_an_inode_that_others_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        atomic.write_file(path, b"new")
        assert reader.read() == b"old"


def test_modes_are_left_to_the_umask_unless_given(tmp_path, umask):
    atomic.write_file(tmp_path / "plain", b"")
    atomic.write_file(tmp_path / "shared", b"", permissions=Permissions(file_mode=0o664))
    assert mode(tmp_path / "plain") == 0o640
    assert mode(tmp_path / "shared") == 0o664


def test_new_directories_get_the_mode_and_old_ones_keep_theirs(tmp_path, umask):
    old = tmp_path / "old"
    old.mkdir(0o700)
    atomic.make_dirs(old / "a" / "b", Permissions(dir_mode=0o2775))
    atomic.make_dirs(old / "a" / "b", Permissions(dir_mode=0o700))
    assert mode(old) == 0o700
    assert mode(old / "a") == mode(old / "a" / "b") == 0o2775
    atomic.make_dirs(tmp_path / "plain" / "x")
    assert mode(tmp_path / "plain" / "x") == 0o750


def test_make_dirs_refuses_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        atomic.make_dirs(tmp_path / "file" / "x")
    with pytest.raises(OSError):
        atomic.make_dirs(tmp_path / "file")


def test_publish_gives_the_name_once(tmp_path):
    final = tmp_path / "final"
    results = []
    for text in (b"first", b"second"):
        fd, temp = atomic.open_temp(tmp_path, "stem")
        os.write(fd, text)
        os.close(fd)
        results.append(atomic.publish(temp, final))
    assert results == [True, False]
    assert final.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["final"]
    assert os.stat(final).st_nlink == 1


def test_publish_without_hard_links_still_works(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    test_publish_gives_the_name_once(tmp_path)


def test_of_many_publishers_one_wins(tmp_path):
    final = tmp_path / "final"
    temps = []
    for number in range(16):
        fd, temp = atomic.open_temp(tmp_path, "stem")
        os.write(fd, b"%d" % number)
        os.close(fd)
        temps.append(temp)
    won: list[int] = []

    def publish(number):
        if atomic.publish(temps[number], final, durable=False):
            won.append(number)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert final.read_bytes() == b"%d" % won[0]
    assert os.listdir(tmp_path) == ["final"]

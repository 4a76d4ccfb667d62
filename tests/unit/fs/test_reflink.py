"""Copies are true copies, whatever the file system can do."""

from __future__ import annotations

import errno
import os

import pytest

from git_mlvc.fs import reflink

DATA = os.urandom(3_000_001)


@pytest.fixture(params=["kernel", "plain", "kernel that gives up"])
def how(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    elif request.param == "kernel that gives up":

        def refuse(*args):
            raise OSError(errno.EXDEV, "another file system")

        monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    elif not hasattr(os, "copy_file_range"):
        pytest.skip("this system has no copy_file_range")


@pytest.fixture
def pair(tmp_path):
    (tmp_path / "src").write_bytes(DATA)
    src = os.open(tmp_path / "src", os.O_RDONLY)
    dst = os.open(tmp_path / "dst", os.O_RDWR | os.O_CREAT)
    yield src, dst, tmp_path / "dst"
    os.close(src)
    os.close(dst)


def test_a_range_is_copied_to_its_place(how, pair):
    src, dst, path = pair
    reflink.copy_range(src, 4097, dst, 10, 2_500_000)
    assert path.read_bytes() == bytes(10) + DATA[4097 : 4097 + 2_500_000]


def test_positions_do_not_move(how, pair):
    src, dst, _ = pair
    reflink.copy_range(src, 0, dst, 0, 1000)
    assert os.lseek(src, 0, os.SEEK_CUR) == os.lseek(dst, 0, os.SEEK_CUR) == 0


def test_a_source_that_is_too_short_is_an_error(how, pair):
    src, dst, _ = pair
    with pytest.raises(OSError) as caught:
        reflink.copy_range(src, len(DATA) - 10, dst, 0, 11)
    assert caught.value.errno == errno.EIO


def test_a_clone_is_the_same_bytes_where_it_is_possible(pair):
    src, dst, path = pair
    if reflink.clone_file(src, dst):
        assert path.read_bytes() == DATA
    else:
        assert path.read_bytes() == b""

"""A directory as a remote: durability, permissions, and places that are not what they should be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from git_mlvc.backend.base import NotFound, Offline
from git_mlvc.backend.file import FileBackend
from git_mlvc.errors import InputError, RemoteRefused, RemoteUnavailable
from git_mlvc.fs import reflink
from git_mlvc.fs.atomic import Permissions

needs_permission_bits = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permission bits bind"
)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_the_root_is_made_on_first_write_only(tmp_path: Path) -> None:
    backend = FileBackend(tmp_path / "remote")
    assert backend.stat("format") is None
    assert not (tmp_path / "remote").exists()
    backend.put("packs/ab/x", b"")
    assert (tmp_path / "remote/packs/ab/x").is_file()


def test_a_missing_mount_is_unavailable_and_nothing_is_made_there(tmp_path: Path) -> None:
    backend = FileBackend(tmp_path / "mnt" / "disk" / "remote")
    for ask in (
        lambda: backend.put("format", b""),
        lambda: backend.put_if_absent("format", b""),
        lambda: backend.get("format"),
        lambda: backend.stat("format"),
        lambda: list(backend.list("")),
    ):
        with pytest.raises(Offline, match="cannot reach") as caught:
            ask()
        assert "mounted" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "remote").write_text("a letter")
    backend = FileBackend(tmp_path / "remote")
    with pytest.raises(RemoteRefused, match="is not a directory"):
        backend.put("format", b"")
    with pytest.raises(RemoteRefused, match="is not a directory"):
        list(backend.list(""))


def test_new_files_follow_a_shared_directory(tmp_path: Path) -> None:
    home = tmp_path / "shared.git"
    home.mkdir()
    home.chmod(0o2775)
    FileBackend(home / "mlvc").put("packs/ab/x", b"x")
    assert mode(home / "mlvc") == 0o2775
    assert mode(home / "mlvc/packs/ab") == 0o2775
    assert mode(home / "mlvc/packs/ab/x") == 0o664


def test_new_files_follow_a_private_directory(tmp_path: Path) -> None:
    home = tmp_path / "private"
    home.mkdir()
    home.chmod(0o700)
    FileBackend(home / "mlvc").put("packs/ab/x", b"x")
    assert mode(home / "mlvc/packs") == 0o700
    assert mode(home / "mlvc/packs/ab/x") == 0o600


def test_a_place_for_everybody_does_not_make_a_remote_for_everybody(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    umask = os.umask(0o022)
    try:
        FileBackend(tmp_path / "plain").put("format", b"x")
        group = Permissions(file_mode=0o660, dir_mode=0o770)
        FileBackend(tmp_path / "group", group).put("format", b"x")
    finally:
        os.umask(umask)
    assert mode(tmp_path / "plain") == 0o755
    assert mode(tmp_path / "plain/format") == 0o644
    assert mode(tmp_path / "group") == 0o770
    assert mode(tmp_path / "group/format") == 0o660


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_clear_refusal_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    backend = FileBackend(tmp_path / "remote")

    def full(src_fd: int, src_off: int, dst_fd: int, dst_off: int, n: int) -> None:
        os.write(dst_fd, b"half")
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(reflink, "copy_range", full)
    monkeypatch.setattr(reflink, "clone_file", lambda src, dst: False)
    source = tmp_path / "source"
    source.write_bytes(b"a whole")
    with pytest.raises(RemoteRefused, match="cannot write packs/ab/x") as caught:
        backend.put_if_absent("packs/ab/x", source)
    assert "free some space" in caught.value.hint
    assert list((tmp_path / "remote/packs/ab").iterdir()) == []
    monkeypatch.undo()
    assert backend.put_if_absent("packs/ab/x", source)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_io_errors_that_may_pass_are_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FileBackend(tmp_path / "remote")
    backend.put("format", b"x")

    def stale(fd: int, n: int, offset: int) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "pread", stale)
    with pytest.raises(RemoteUnavailable, match="Stale"):
        backend.get_range("format", 0, 1)


@needs_permission_bits
def test_a_read_only_remote_is_a_clear_refusal(tmp_path: Path) -> None:
    root = tmp_path / "remote"
    FileBackend(root).put("format", b"x")
    root.chmod(0o500)
    try:
        backend = FileBackend(root)
        assert backend.get("format") == b"x"
        with pytest.raises(RemoteRefused, match="cannot write packs/ab/x"):
            backend.put("packs/ab/x", b"")
    finally:
        root.chmod(0o700)


def test_a_read_only_file_system_is_a_clear_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(self: Path, mode: int = 0o777) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(RemoteRefused, match="Read-only file system"):
        FileBackend(tmp_path / "remote").put("format", b"")


def test_temporary_and_foreign_names_are_not_listed(tmp_path: Path) -> None:
    root = tmp_path / "remote"
    backend = FileBackend(root)
    backend.put("packs/ab/x", b"x")
    (root / "packs/ab/.x.1-2.tmp").write_bytes(b"half")
    (root / "packs/ab/Thumbs.db").write_bytes(b"")
    (root / "packs/ab/dangling").symlink_to("nowhere")
    os.mkfifo(root / "packs/ab/fifo")
    assert [found.key for found in backend.list("")] == ["packs/ab/x"]


def test_a_source_that_cannot_be_read_is_not_the_remotes_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        FileBackend(tmp_path / "remote").put("format", tmp_path / "nothing")


def test_a_directory_that_vanished_while_open_is_made_again(tmp_path: Path) -> None:
    backend = FileBackend(tmp_path / "remote")
    backend.put("packs/ab/x", b"x")
    (tmp_path / "remote/packs/ab/x").unlink()
    (tmp_path / "remote/packs/ab").rmdir()
    with pytest.raises(NotFound):
        backend.get("packs/ab/x")
    backend.put("packs/ab/x", b"x")
    assert backend.get("packs/ab/x") == b"x"

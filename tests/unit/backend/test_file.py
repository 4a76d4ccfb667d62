"""A directory as a remote: durability, permissions, and places that are not what they should be."""

from __future__ import annotations

import errno
import os
import stat as modes
import subprocess
import sys
from pathlib import Path

import pytest

from git_mlvc.backend.base import NotFound, Offline
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.opening import METERED_BYTES
from git_mlvc.errors import InputError, RemoteError, RemoteRefused, RemoteUnavailable
from git_mlvc.fs import atomic, reflink
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
    (root / "packs/ab/.nfs000000000012ab3400000001").write_bytes(b"deleted while open, on NFS")
    (root / "packs/ab/Thumbs.db").write_bytes(b"")
    (root / "packs/ab/dangling").symlink_to("nowhere")
    os.mkfifo(root / "packs/ab/fifo")
    assert [found.key for found in backend.list("")] == ["packs/ab/x"]


def test_a_process_that_does_not_wait_for_its_threads_leaves_no_half_files(tmp_path: Path) -> None:
    """As Ctrl-C ends a push: the interpreter goes, whatever threads are at."""
    program = """
import pathlib, sys, threading
from git_mlvc.backend.file import FileBackend
begun = threading.Event()
def hang(n_bytes):
    begun.set()
    threading.Event().wait()
root = pathlib.Path(sys.argv[1])
backend = FileBackend(root, meter=hang)
put = lambda: backend.put_if_absent("packs/ab/" + "ab" * 32, b"x" * 100_000)
threading.Thread(target=put, daemon=True).start()
begun.wait()
assert len(list(root.rglob("*.tmp"))) == 1
raise KeyboardInterrupt
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert "KeyboardInterrupt" in ended.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


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


WHAT_A_SHARE_SAYS = [
    (errno.ESTALE, RemoteUnavailable, "still there"),
    (errno.EIO, RemoteUnavailable, "still there"),
    (errno.ETIMEDOUT, RemoteUnavailable, "still there"),
    (errno.ENOTCONN, RemoteUnavailable, "still there"),
    (errno.EHOSTDOWN, RemoteUnavailable, "still there"),
    (errno.ENOSPC, RemoteRefused, "free some space"),
    (errno.EDQUOT, RemoteRefused, "free some space"),
    (errno.EFBIG, RemoteRefused, "free some space"),
    (errno.EROFS, RemoteRefused, "ask for the right"),
    (errno.EACCES, RemoteRefused, "ask for the right"),
]


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace", "link"])
@pytest.mark.parametrize(("code", "kind", "hint"), WHAT_A_SHARE_SAYS)
def test_what_a_share_says_when_written_to_is_told_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    code: int,
    kind: type[RemoteError],
    hint: str,
) -> None:
    root = tmp_path / "remote"
    backend = FileBackend(root)
    backend.put("packs/ab/old", b"old")

    def refuse(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as at_fault:
        at_fault.setattr(os, step, refuse)
        if step == "link":
            at_fault.setattr(atomic, "_rename_without_links", refuse)
        with pytest.raises(kind) as caught:
            if step == "link":
                backend.put_if_absent("packs/ab/new", b"new")
            else:
                backend.put("packs/ab/new", b"new")
    assert os.strerror(code) in caught.value.why and hint in caught.value.hint
    assert str(root) in caught.value.what
    assert [path.name for path in (root / "packs/ab").iterdir()] == ["old"]
    backend.put("packs/ab/new", b"new")


@pytest.mark.parametrize(("code", "kind", "hint"), WHAT_A_SHARE_SAYS[:5])
def test_silence_of_a_share_is_never_absence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    kind: type[RemoteError],
    hint: str,
) -> None:
    backend = FileBackend(tmp_path / "remote")
    backend.put("packs/ab/x", b"x")

    def stale(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    for name in ("stat", "scandir", "open", "unlink"):
        monkeypatch.setattr(os, name, stale)
    for ask in (
        lambda: backend.stat("packs/ab/x"),
        lambda: backend.get_range("packs/ab/x", 0, 1),
        lambda: list(backend.list("packs/")),
        lambda: backend.delete("packs/ab/x"),
        lambda: backend.put_if_absent("packs/ab/y", b""),
    ):
        with pytest.raises(kind) as caught:
            ask()
        assert hint in caught.value.hint


def test_a_share_that_goes_away_between_two_questions_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FileBackend(tmp_path / "remote")
    backend.put("format", b"x")
    true_stat = os.stat

    def gone_for_the_home(path: object, **options: bool) -> os.stat_result:
        if path == tmp_path:
            raise OSError(errno.ESTALE, "Stale file handle")
        return true_stat(path, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", gone_for_the_home)
    with pytest.raises(RemoteUnavailable, match="cannot reach"):
        backend.get("packs/ab/x")


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_where_there_are_no_hard_links_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    backend = FileBackend(tmp_path / "remote")

    def no_links(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_links)
    assert backend.put_if_absent("segments/a", b"one") is True
    assert backend.put_if_absent("segments/a", b"two") is False
    assert backend.get("segments/a") == b"one"
    assert [path.name for path in (tmp_path / "remote/segments").iterdir()] == ["a"]


def test_bytes_and_names_are_synced_before_a_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = FileBackend(tmp_path / "remote")
    done: list[str] = []
    true_sync, true_replace, true_link = os.fsync, os.replace, os.link

    def sync(fd: int) -> None:
        done.append("sync " + ("directory" if modes.S_ISDIR(os.fstat(fd).st_mode) else "file"))
        true_sync(fd)

    def replace(source: Path, target: Path) -> None:
        done.append("publish")
        true_replace(source, target)

    def link(source: Path, target: Path) -> None:
        done.append("publish")
        true_link(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "link", link)
    backend.put("format", b"x")
    made_root = ["sync directory"]
    assert done == [*made_root, "sync file", "publish", "sync directory"]
    done.clear()
    assert backend.put_if_absent("index", b"x")
    assert done == ["sync file", "publish", "sync directory"]


def test_the_meter_sees_every_byte_in_small_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[int] = []
    monkeypatch.setattr(reflink, "clone_file", lambda source, target: False)
    backend = FileBackend(tmp_path / "remote", meter=passed.append)
    source = tmp_path / "source"
    source.write_bytes(b"x" * 600_000)
    backend.put("packs/ab/x", source)
    backend.put("packs/ab/y", b"y" * 300_000)
    assert sum(passed) == 900_000 and max(passed) <= METERED_BYTES
    passed.clear()
    with (tmp_path / "target").open("w+b") as target:
        backend.get_file("packs/ab/x", target.fileno())
    assert sum(passed) == 600_000 and max(passed) <= METERED_BYTES
    passed.clear()
    backend.get_range("packs/ab/x", 5, 1000)
    assert passed == [1000]

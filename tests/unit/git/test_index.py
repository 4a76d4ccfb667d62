"""Git's index: what we read is what git reads, and what we patch git believes, and nothing more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import FormatError
from git_mlvc.git import index_refresh
from git_mlvc.git.index import IndexReader
from git_mlvc.git.index_lock import IndexLock
from git_mlvc.git.index_refresh import StatUpdate

FORMS = [
    pytest.param("2", "sha1", id="version 2"),
    pytest.param("3", "sha1", id="version 3"),
    pytest.param("4", "sha1", id="version 4"),
    pytest.param("2", "sha256", id="version 2, sha256"),
    pytest.param("4", "sha256", id="version 4, sha256"),
]
HASH_SIZE = {"sha1": 20, "sha256": 32}
LONG = "long/" + "n" * 200 + "/" + "m" * 200
HUGE = "/".join(["d" * 250] * 17) + "/x"  # longer than the 12 bits the entry has for it


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _repository(machine: Machine, version: str, form: str) -> Repo:
    repo = machine.init("repo", f"--object-format={form}")
    files = {f"dir{n % 7}/file {n:03}": b"%d\n" % n for n in range(60)}
    repo.write_now({**files, LONG: b"long\n", "a": b"a\n", "ab": b"ab\n", "b/é": b"e\n"})
    repo.set("index.version", version)
    repo.add()
    if version == "3":
        repo.write_now({"later": b"later\n"})
        repo.git("add", "-N", "later")
    repo.git("update-index", "--index-version", version)
    repo.git("write-tree") if version != "3" else None
    return repo


def _index(repo: Repo) -> Path:
    return repo.git_dir / "index"


def _reader(repo: Repo, form: str = "sha1") -> IndexReader:
    return IndexReader.open(_index(repo), hash_size=HASH_SIZE[form])


def _age(path: Path, seconds: int) -> os.stat_result:
    info = path.lstat()
    then = info.st_mtime_ns - seconds * 10**9
    os.utime(path, ns=(then, then))
    return path.lstat()


def _update(repo: Repo, name: str, form: str = "sha1") -> dict[bytes, StatUpdate]:
    entry = _reader(repo, form).entry(name.encode())
    assert entry is not None
    return {name.encode(): StatUpdate.of(entry.blob_sha, repo.at(name).lstat())}


def _refresh(repo: Repo, updates: dict[bytes, StatUpdate], form: str = "sha1") -> set[bytes]:
    return index_refresh.refresh(
        _index(repo), updates, worktree=repo.path, hash_size=HASH_SIZE[form], timeout_s=0.05
    )


def _replace(repo: Repo, name: str, data: bytes, *, seconds: int = 5) -> None:
    """Put a new file in the place of an old one, as fill does, with an mtime that is not racy."""
    repo.at("new").write_bytes(data)
    _age(repo.at("new"), seconds)
    repo.at("new").rename(repo.at(name))


@pytest.mark.parametrize(("version", "form"), FORMS)
def test_the_entries_are_those_git_lists(machine: Machine, version: str, form: str) -> None:
    repo = _repository(machine, version, form)
    reader = _reader(repo, form)
    assert reader.version == int(version)
    ours = [(f"{e.mode:o} {e.blob_sha} {e.stage}", e.path) for e in reader]
    shown = repo.git("ls-files", "-s", "-z").stdout.split(b"\0")[:-1]
    theirs = [(head.decode(), path) for head, _, path in (line.partition(b"\t") for line in shown)]
    assert ours == theirs
    for number, entry in enumerate(reader):
        assert reader.position(entry.path) == number
    assert reader.positions([e.path for e in reader]) == {e.path: n for n, e in enumerate(reader)}
    assert reader.entry(b"a/") is None
    assert reader.entry(b"zzz") is None
    assert reader.entry(b"") is None


def test_a_name_longer_than_its_length_field_is_read_whole(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n"}).add("a")
    sha = repo.text("rev-parse", ":a")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{sha},{HUGE}")
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{sha},z")
    assert [e.path for e in _reader(repo)] == [b"a", HUGE.encode(), b"z"]


def test_a_missing_index_has_no_entries(tmp_path: Path) -> None:
    assert list(IndexReader.open(tmp_path / "index")) == []


@pytest.mark.parametrize("cut", [0, 11, 40, 100, 500])
def test_a_truncated_index_is_refused(machine: Machine, cut: int) -> None:
    data = _index(_repository(machine, "2", "sha1")).read_bytes()
    with pytest.raises(FormatError):
        IndexReader(data[:cut])


def test_flags_of_an_entry_are_seen(machine: Machine) -> None:
    repo = _repository(machine, "3", "sha1")
    repo.git("update-index", "--skip-worktree", "a")
    repo.git("update-index", "--assume-unchanged", "ab")
    reader = _reader(repo)
    seen = {name: reader.entry(name) for name in (b"a", b"ab", b"later")}
    assert seen[b"a"] and seen[b"a"].skip_worktree
    assert seen[b"ab"] and seen[b"ab"].assume_valid
    assert seen[b"later"] and seen[b"later"].intent_to_add


@pytest.mark.parametrize(("version", "form"), FORMS)
def test_git_takes_a_refreshed_file_for_unchanged_without_looking_into_it(
    machine: Machine, version: str, form: str
) -> None:
    repo = _repository(machine, version, form)
    _replace(repo, "dir1/file 001", b"content that git must not read\n")
    _replace(repo, LONG, b"neither this\n")
    updates = _update(repo, "dir1/file 001", form) | _update(repo, LONG, form)
    before = _reader(repo, form)
    assert _refresh(repo, updates, form) == set(updates)
    assert not _index(repo).with_suffix(".lock").exists()
    after = _reader(repo, form)
    assert after.extensions() == before.extensions()
    assert [(e.path, e.blob_sha, e.mode) for e in after] == [
        (e.path, e.blob_sha, e.mode) for e in before
    ]
    repo.git("fsck", "--no-dangling")
    assert repo.text("diff-files", "--name-only").replace("later", "") == ""


def test_extensions_are_kept_byte_for_byte(machine: Machine) -> None:
    repo = machine.init()
    repo.set("core.untrackedCache", "true").set("index.threads", "2")
    repo.write_now({f"f{n:05}": b"x" for n in range(12000)}).write_now({"a": b"a\n"}).add()
    repo.commit("one")
    repo.git("rm", "-q", "--cached", "f00001")
    repo.git("update-index", "--force-write-index", "--untracked-cache")
    repo.status()
    repo.git("update-index", "--force-write-index", "--force-untracked-cache")
    before = _reader(repo).extensions()
    assert {b"TREE", b"UNTR", b"EOIE", b"IEOT"} <= set(before)
    _replace(repo, "a", b"changed\n")
    assert _refresh(repo, _update(repo, "a")) == {b"a"}
    assert _reader(repo).extensions() == before
    repo.git("fsck", "--no-dangling")
    assert repo.text("diff-files", "--name-only") == ""


def test_an_edit_in_the_second_of_the_checkout_is_still_seen_after_another_file_is_refreshed(
    machine: Machine,
) -> None:
    repo = machine.init()
    repo.write_now({"edited": b"one\n", "filled": b"old\n"}).add()
    repo.at("edited").write_bytes(b"two\n")  # same size, and below: the same mtime as git saw
    entry = _reader(repo).entry(b"edited")
    assert entry is not None
    seen = entry.stat[2] * 10**9 + entry.stat[3]
    os.utime(repo.at("edited"), ns=(seen, seen))
    info = repo.at("edited").lstat()
    # The worst case: ctime and mtime of git's last look, in the second the index was written.
    repo.set("core.trustctime", "false")
    os.utime(_index(repo), ns=(seen, seen))
    assert (entry.stat[5], entry.stat[9]) == (info.st_ino & 0xFFFFFFFF, info.st_size)
    _replace(repo, "filled", b"new content\n")
    assert _refresh(repo, _update(repo, "filled")) == {b"filled"}
    assert _index(repo).stat().st_mtime_ns == seen
    assert repo.text("diff-files", "--name-only") == "edited"


def test_an_old_index_becomes_younger_and_git_still_sees_what_changed_behind_its_back(
    machine: Machine,
) -> None:
    repo = machine.init()
    repo.set("core.trustctime", "false")
    repo.write_now({"edited": b"one\n", "filled": b"old\n", "same": b"same\n", "empty": b""})
    for name in ("edited", "filled", "same", "empty"):
        _age(repo.at(name), 3600)
    repo.add()
    seen = repo.at("edited").lstat().st_mtime_ns
    os.utime(_index(repo), ns=(seen, seen))  # everything is racy, an hour ago
    repo.at("edited").write_bytes(b"two\n")
    os.utime(repo.at("edited"), ns=(seen, seen))
    _replace(repo, "filled", b"new content\n", seconds=2)
    assert _refresh(repo, _update(repo, "filled")) == {b"filled"}
    assert _index(repo).stat().st_mtime > _age(repo.at("filled"), 0).st_mtime
    repo.git("update-index", "-q", "--refresh", check=False)
    assert repo.text("diff-files", "--name-only") == "edited"


def test_a_file_written_in_this_second_is_left_to_git(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n"}).add()
    _age(repo.at("a"), -60)
    assert _refresh(repo, _update(repo, "a")) == set()


def test_entries_that_are_not_what_we_expect_are_left_alone(machine: Machine) -> None:
    repo = _repository(machine, "3", "sha1")
    repo.git("update-index", "--skip-worktree", "a")
    for name in ("a", "ab", "later", "b/é"):
        _replace(repo, name, b"new\n")
    updates = _update(repo, "a") | _update(repo, "later") | _update(repo, "ab")
    updates[b"ab"] = StatUpdate(bytes(20), updates[b"ab"].fields)
    updates[b"no such"] = updates[b"ab"]
    before = _index(repo).read_bytes()
    assert _refresh(repo, updates) == set()
    assert _index(repo).read_bytes() == before
    updates |= _update(repo, "b/é")
    assert _refresh(repo, updates) == {"b/é".encode()}


def test_conflicts_are_left_alone(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"1\n"}).add().commit("base")
    repo.git("checkout", "-q", "-b", "other")
    repo.write_now({"a": b"2\n"}).add().commit("other")
    repo.git("checkout", "-q", "main")
    repo.write_now({"a": b"3\n"}).add().commit("main")
    repo.fails("merge", "-q", "other")
    assert [e.stage for e in _reader(repo)] == [1, 2, 3]
    info = _age(repo.at("a"), 5)
    for entry in _reader(repo):
        assert _refresh(repo, {b"a": StatUpdate.of(entry.blob_sha, info)}) == set()


def test_a_file_that_changed_since_we_wrote_it_is_left_to_git(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n", "b": b"b\n"}).add()
    _replace(repo, "a", b"filled\n")
    _replace(repo, "b", b"filled\n")
    updates = _update(repo, "a") | _update(repo, "b")
    repo.at("a").write_bytes(b"edited\n")
    assert _refresh(repo, updates) == {b"b"}
    assert repo.text("diff-files", "--name-only") == "a"


def test_a_lock_held_by_somebody_else_leaves_the_index_to_git(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n"}).add()
    _replace(repo, "a", b"filled\n")
    lock = Path(f"{_index(repo)}.lock")
    lock.write_bytes(b"theirs")
    before = _index(repo).read_bytes()
    assert _refresh(repo, _update(repo, "a")) == set()
    assert (lock.read_bytes(), _index(repo).read_bytes()) == (b"theirs", before)


def test_a_split_index_is_left_to_git(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n"}).add()
    repo.git("update-index", "--split-index")
    _replace(repo, "a", b"filled\n")
    info = repo.at("a").lstat()
    assert _reader(repo).is_split
    assert _refresh(repo, {b"a": StatUpdate.of(repo.text("rev-parse", ":a"), info)}) == set()


def test_a_checksum_that_was_left_out_stays_out(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n"}).add()
    path = _index(repo)
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    _replace(repo, "a", b"filled\n")
    assert _refresh(repo, _update(repo, "a")) == {b"a"}
    assert path.read_bytes().endswith(bytes(20))


def test_the_index_keeps_its_permissions(machine: Machine) -> None:
    repo = machine.init()
    repo.write_now({"a": b"a\n"}).add()
    _index(repo).chmod(0o664)
    _replace(repo, "a", b"filled\n")
    assert _refresh(repo, _update(repo, "a")) == {b"a"}
    assert _index(repo).stat().st_mode & 0o777 == 0o664


_TERMINATED = """
import os, signal, sys
from pathlib import Path
from git_mlvc.git.index_lock import IndexLock
with IndexLock(Path(sys.argv[1]), timeout_s=0) as lock:
    assert lock.is_held
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    print("held", flush=True)
print("not reached", flush=True)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_process_that_is_told_to_end_leaves_no_lock(tmp_path: Path, name: str) -> None:
    path = tmp_path / "index"
    done = subprocess.run(
        [sys.executable, "-c", _TERMINATED, path, name], capture_output=True, check=False
    )
    assert done.returncode == -getattr(signal, name)
    assert done.stdout == b"held\n"
    assert not path.with_suffix(".lock").exists()


def test_an_error_while_the_lock_is_held_gives_it_up(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with pytest.raises(ValueError, match="inside"), IndexLock(path, timeout_s=0):
        assert path.with_name("index.lock").exists()
        raise ValueError("inside")
    assert not path.with_name("index.lock").exists()


@pytest.mark.parametrize(("version", "form"), FORMS)
def test_rows_of_the_worktree_are_the_regular_entries_git_looks_for(
    machine: Machine, version: str, form: str
) -> None:
    repo = _repository(machine, version, form)
    repo.path.joinpath("link").symlink_to("a")
    repo.write_now({"intended": b"x\n"}).git("add", "-N", "intended")
    repo.git("add", "link")
    repo.git("update-index", "--skip-worktree", "ab")
    reader = IndexReader.open(repo.path / ".git" / "index", hash_size=HASH_SIZE[form])
    wanted = [
        (entry.path, bytes.fromhex(entry.blob_sha), entry.stat)
        for entry in reader
        if entry.mode & 0o170000 == 0o100000 and not entry.skip_worktree and not entry.intent_to_add
    ]
    rows = [(path, blob, tuple(stat)) for path, blob, stat in reader.worktree_rows()]
    assert rows == wanted
    assert not {b"link", b"intended", b"ab"} & {path for path, _, _ in rows}
    assert len(rows) > 60

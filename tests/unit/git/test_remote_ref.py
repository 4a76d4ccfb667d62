"""A table on a ref of a git remote: shared by many, seen by nobody else."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import RemoteRefused, RemoteUnavailable
from git_mlvc.git import config
from git_mlvc.git.remote import GitRemote
from git_mlvc.git.remote_ref import RemoteRef
from git_mlvc.git.repository import Repository

REF = "refs/mlvc/lfs"


def table(repo: Repo, url: Path | str, ref: str = REF) -> RemoteRef:
    repository = Repository.discover(repo.path, repo.machine.env())
    known = config.read(repository.git)
    return GitRemote(repository, known, str(url), repo.store / "remotes").ref(ref)


@pytest.fixture
def one(bare_machine: Machine) -> Repo:
    return bare_machine.init("one")


@pytest.fixture
def other(bare_machine: Machine) -> Repo:
    return bare_machine.init("other")


@pytest.fixture
def origin(bare_machine: Machine) -> Repo:
    return bare_machine.bare()


def test_what_one_publishes_the_other_fetches(one: Repo, other: Repo, origin: Repo) -> None:
    here, there = table(one, origin.path), table(other, origin.path)
    assert here.fetch() == {}
    assert here.publish({"packs/ab/x": b"one", 'odd\n"name" \\ \xc3': b"\0\xff"}, "first")
    assert there.fetch() == {"packs/ab/x": b"one", 'odd\n"name" \\ \xc3': b"\0\xff"}
    assert there.publish({"packs/ab/y": b"", "packs/ab/x": None}, "second")
    assert here.fetch() == {"packs/ab/y": b"", 'odd\n"name" \\ \xc3': b"\0\xff"}
    assert there.fetch() == here.fetch()


def test_who_was_slower_changes_nothing_and_is_told(one: Repo, other: Repo, origin: Repo) -> None:
    here, there = table(one, origin.path), table(other, origin.path)
    here.fetch()
    there.fetch()
    assert here.publish({"a": b"1"}, "first")
    assert not there.publish({"b": b"2"}, "created without having seen the first")
    assert dict(there.fetch()) == {"a": b"1"}
    assert there.publish({"b": b"2"}, "again")
    assert not here.publish({"c": b"3"}, "behind")
    assert dict(here.fetch()) == {"a": b"1", "b": b"2"}


def test_of_many_at_once_nobody_is_lost(bare_machine: Machine, origin: Repo) -> None:
    tables = [table(bare_machine.init(f"clone{n}"), origin.path) for n in range(3)]
    tables.append(table(bare_machine.repo("clone0"), origin.path))  # two processes of one clone

    def work(number: int) -> None:
        for step in range(2):
            while True:
                tables[number].fetch()
                if tables[number].publish({f"{number}/{step}": b"x"}, "mine"):
                    break

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(tables))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"{n}/{step}" for n in range(len(tables)) for step in range(2)}
    assert tables[0].fetch().keys() == expected


def test_the_copy_here_may_be_lost_and_is_not_fetched_twice(
    one: Repo, other: Repo, origin: Repo
) -> None:
    assert table(one, origin.path).publish({"a": b"1"}, "first")
    reader = table(other, origin.path)
    assert dict(reader.fetch()) == {"a": b"1"}
    assert dict(table(other, origin.path).fetch()) == {"a": b"1"}  # from what is here
    for copy in (other.store / "remotes").glob("*/ref.git"):
        other.machine.run("rm", "-rf", copy)
    assert dict(reader.fetch()) == {"a": b"1"}
    assert dict(table(other, origin.path).fetch()) == {"a": b"1"}


def copy_of(repo: Repo) -> Path:
    (found,) = (repo.store / "remotes").glob("*/ref.git")
    return found


def test_locks_that_a_killed_git_left_are_no_obstacle(one: Repo, other: Repo, origin: Repo) -> None:
    mine, reader = table(one, origin.path), table(other, origin.path)
    assert mine.publish({"a": b"1"}, "first")
    assert dict(reader.fetch()) == {"a": b"1"}
    assert mine.publish({"b": b"2"}, "second")
    for name in ("shallow.lock", "refs/mlvc/tip.lock", "packed-refs.lock"):
        (copy_of(other) / name).touch()
    assert dict(reader.fetch()) == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("damage", ["objects", "HEAD", "all"])
def test_a_damaged_copy_is_made_anew(one: Repo, other: Repo, origin: Repo, damage: str) -> None:
    mine = table(one, origin.path)
    assert mine.publish({"a": b"1"}, "first")
    copy = copy_of(one)
    if damage == "all":
        one.machine.run("rm", "-rf", copy)
    elif damage == "HEAD":
        (copy / "HEAD").write_bytes(b"")
    else:
        for path in (copy / "objects").rglob("*"):
            if path.is_file():
                path.chmod(0o644)
                path.write_bytes(b"")
    attempts = 0
    while attempts < 4:  # as whoever asks again would
        attempts += 1
        try:
            if mine.publish({"b": b"2"}, "second"):
                break
            mine.fetch()
        except RemoteUnavailable:
            continue
    assert dict(table(other, origin.path).fetch()) == {"a": b"1", "b": b"2"}


def test_nothing_of_it_is_seen_in_the_repository(one: Repo, origin: Repo) -> None:
    one.git("remote", "add", "origin", origin.path)
    one.write({"x": b"x"}).add().commit("work")
    assert table(one, origin.path).publish({"a": b"1"}, "table")
    assert one.text("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert one.text("log", "--all", "--format=%s") == "work"
    one.git("push", "-q", "--mirror", "origin", check=False)
    clone = one.machine.clone(str(origin.path), "clone")
    assert "mlvc" not in clone.text("for-each-ref", "--format=%(refname)")
    assert clone.text("count-objects") == clone.text("count-objects")


def test_hooks_of_the_user_are_not_run(one: Repo, origin: Repo) -> None:
    hook = one.git_dir / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    one.set("core.hooksPath", str(hook.parent))
    assert table(one, origin.path).publish({"a": b"1"}, "table")


def test_git_s_own_settings_count(one: Repo, origin: Repo) -> None:
    one.set(f"url.{origin.path}.insteadOf", "short:")
    assert table(one, "short:").publish({"a": b"1"}, "by another name")
    assert dict(table(one, origin.path).fetch()) == {"a": b"1"}
    one.git("remote", "add", "split", "/nowhere/at/all.git")
    one.set("remote.split.pushurl", str(origin.path))
    split = table(one, "/nowhere/at/all.git")
    with pytest.raises(RemoteRefused, match="cannot read"):
        split.fetch()


def test_a_relative_address_starts_at_the_top(one: Repo, origin: Repo) -> None:
    assert table(one, "../origin.git").publish({"a": b"1"}, "relative")
    assert dict(table(one, origin.path).fetch()) == {"a": b"1"}


def test_inside_a_hook_git_s_variables_do_not_lead_astray(
    one: Repo, origin: Repo, other: Repo
) -> None:
    env = {
        **one.machine.env(),
        "GIT_DIR": str(one.git_dir),
        "GIT_WORK_TREE": str(one.path),
        "GIT_INDEX_FILE": str(one.git_dir / "index"),
        "GIT_PREFIX": "",
    }
    repository = Repository.discover(one.path, env)
    known = config.read(repository.git)
    ref = GitRemote(repository, known, str(origin.path), one.store / "remotes").ref(REF)
    assert ref.publish({"a": b"1"}, "from a hook")
    assert dict(table(other, origin.path).fetch()) == {"a": b"1"}
    assert not (one.path / "ref.git").exists()


def test_a_remote_of_sha256_names(bare_machine: Machine) -> None:
    repo = bare_machine.init("one", "--object-format=sha256")
    origin = bare_machine.bare("o256.git", "--object-format=sha256")
    assert table(repo, origin.path).publish({"a": b"1"}, "first")
    assert dict(table(repo, origin.path).fetch()) == {"a": b"1"}


def test_what_is_not_there_is_refused_and_silence_is_unknown(one: Repo, tmp_path: Path) -> None:
    with pytest.raises(RemoteRefused, match="cannot read"):
        table(one, tmp_path / "nothing.git").fetch()
    with pytest.raises(RemoteUnavailable, match="cannot read"):
        table(one, "http://127.0.0.1:9/x.git").fetch()


def test_a_host_that_refuses_such_refs_is_quoted(one: Repo, origin: Repo) -> None:
    hook = origin.path / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GL-HOOK-ERR: only branches here' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteRefused) as caught:
        table(one, origin.path).publish({"a": b"1"}, "first")
    assert "only branches here" in caught.value.why
    assert "refs/heads/mlvc" in caught.value.hint


def test_a_large_file_on_the_ref_is_not_taken_in(one: Repo, other: Repo, origin: Repo) -> None:
    assert table(one, origin.path).publish({"a": b"1", "huge": b"x" * ((1 << 20) + 1)}, "first")
    assert dict(table(other, origin.path).fetch()) == {"a": b"1"}


def test_thousands_of_files_cost_each_further_change_little(
    one: Repo, other: Repo, origin: Repo
) -> None:
    names = [hashlib.sha256(b"%d" % n).hexdigest() for n in range(3000)]
    files = {f"objects/packs/{name[:2]}/{name}": name.encode() * 2 for name in names}
    assert table(one, origin.path).publish({**files}, "many")
    reader = table(other, origin.path)
    assert dict(reader.fetch()) == files
    before = origin.text("rev-parse", REF)
    assert reader.publish({f"objects/packs/{names[0][:2]}/more": b"x"}, "one more")
    added = origin.text("rev-list", "--objects", "--disk-usage", f"{before}..{REF}")
    assert int(added) < 20_000

"""Pointers in history: all of them, from every root, and never a fetch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.content import UNUSUAL_NAMES
from support.repo import Machine, Repo

from git_mlvc.errors import FormatError, GitError, UsageError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.git import hook_input, objects, revisions
from git_mlvc.git.hook_input import RefUpdate
from git_mlvc.git.repository import Repository
from git_mlvc.oid import Oid


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _pointer(text: str) -> Pointer:
    return Pointer(Oid.of(text.encode()), len(text))


def _stub(text: str) -> bytes:
    return pointer_format.encode(_pointer(text))


def _found(repo: Repo) -> Repository:
    return Repository.discover(repo.path, repo.machine.env())


def _commit(repo: Repo, *texts: str) -> str:
    repo.write({f"{text}.bin": _stub(text) for text in texts}).add().commit(" ".join(texts))
    return repo.head()


def _between(repo: Repo, include: list[str], exclude: list[str] | None = None) -> set[Pointer]:
    uses = revisions.pointers_between(_found(repo), include, exclude or [])
    return {use.pointer for use in uses}


def _all(repo: Repo) -> set[Pointer]:
    return {use.pointer for use in revisions.all_pointers(_found(repo))}


def _pointers(*texts: str) -> set[Pointer]:
    return {_pointer(text) for text in texts}


def test_what_one_commit_has_more_than_another(machine: Machine) -> None:
    repo = machine.init()
    one, two, three = (_commit(repo, text) for text in ("one", "two", "three"))
    assert _between(repo, [three], [one]) == _pointers("two", "three")
    assert _between(repo, [three]) == _pointers("one", "two", "three")
    assert _between(repo, [one], [three]) == set()
    assert _between(repo, ["HEAD~1"], [one]) == _pointers("two")
    assert _between(repo, []) == set()
    assert {u.commit for u in revisions.pointers_between(_found(repo), [three], [one])} == {three}
    assert {u.commit for u in revisions.pointers_between(_found(repo), [two], [one])} == {two}


def test_each_pointer_comes_with_a_path_and_a_commit_that_has_it(machine: Machine) -> None:
    repo = machine.init()
    repo.write({name: _stub(repr(name)) for name in UNUSUAL_NAMES}).add().commit("one")
    repo.write({b"line\nbreak/x.bin": _stub("later")}).add().commit("two")
    uses = revisions.pointers_between(_found(repo), ["HEAD"])
    assert {use.path.raw for use in uses} == {*UNUSUAL_NAMES, b"line\nbreak/x.bin"}
    for use in uses:
        assert pointer_format.sniff(repo.blob(f"{use.commit}:{use.path.text}")) == use.pointer


@pytest.mark.parametrize("batch", [10, 205, 1 << 12])
def test_paths_are_right_where_one_commit_has_very_many(
    machine: Machine, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "_BATCH", batch)
    repo = machine.init()
    names = [f"d\n{n % 3}/{n}.bin" for n in range(revisions._MANY_USES + 50)]
    repo.write({name: _stub(name) for name in names}).add().commit("many")
    uses = revisions.pointers_between(_found(repo), ["HEAD"])
    assert {use.path.text for use in uses} == set(names)
    assert {use.commit for use in uses} == {repo.head()}


def test_blobs_are_looked_at_a_batch_at_a_time_each_once(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = machine.init()
    _commit(repo, *(f"first {n}" for n in range(30)))
    _commit(repo, *(f"second {n}" for n in range(30)))
    monkeypatch.setattr(revisions, "_BATCH", 7)
    asked: list[list[str]] = []
    ask = objects.pointers

    def noting(repo: Repository, shas: dict[str, object], **more: object) -> dict[str, Pointer]:
        asked.append(list(shas))
        return ask(repo, shas, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(objects, "pointers", noting)
    assert len(list(revisions.each_between(_found(repo), ["HEAD"]))) == 60
    assert max(map(len, asked)) <= 7
    every = [sha for batch in asked for sha in batch]
    assert len(every) == len(set(every)) < 60 + 10


def test_a_pointer_that_was_removed_again_is_in_history_and_counts(machine: Machine) -> None:
    repo = machine.init()
    base = _commit(repo, "base")
    _commit(repo, "gone")
    repo.git("rm", "-q", "gone.bin")
    repo.commit("removed")
    assert _between(repo, ["HEAD"], [base]) == _pointers("gone")


def test_what_only_looks_like_a_pointer_is_content(machine: Machine) -> None:
    repo = machine.init()
    repo.write({"big": _stub("x") * 3, "almost": _stub("x")[:-1], "code": b"x = 1\n" * 20})
    repo.add().commit("one")
    assert _between(repo, ["HEAD"]) == set()


def test_merges_bring_both_sides_and_what_the_merge_itself_made(machine: Machine) -> None:
    repo = machine.init()
    base = _commit(repo, "base")
    repo.git("switch", "-q", "-c", "side")
    _commit(repo, "side")
    repo.git("switch", "-q", "main")
    _commit(repo, "main")
    repo.git("merge", "-q", "--no-commit", "side")
    repo.write({"evil.bin": _stub("evil")}).add().commit("merge")
    assert _between(repo, ["HEAD"], [base]) == _pointers("side", "main", "evil")


def test_tags_of_commits_trees_and_blobs_count(machine: Machine) -> None:
    repo = machine.init()
    _commit(repo, "one")
    repo.git("tag", "-a", "-m", "x", "annotated")
    repo.write({"loose.bin": _stub("blob")})
    blob = repo.text("hash-object", "-w", "loose.bin")
    repo.git("tag", "blob", blob)
    repo.git("tag", "-a", "-m", "y", "tag-of-blob", blob)
    repo.remove("loose.bin").write({"tree/t.bin": _stub("tree")}).add()
    tree = repo.text("write-tree")
    repo.git("reset", "-q", "--hard")
    repo.git("tag", "tree", tree)
    assert _between(repo, ["annotated"]) == _pointers("one")
    assert _between(repo, ["blob"]) == _pointers("blob")
    assert _between(repo, ["tag-of-blob"]) == _pointers("blob")
    assert _between(repo, ["tree"]) == _pointers("one", "tree")
    assert _between(repo, ["--tags"]) == _pointers("one", "blob", "tree")


def test_what_a_remote_has_is_left_out_by_its_remote_refs(machine: Machine) -> None:
    machine.bare()
    repo = machine.init()
    repo.git("remote", "add", "origin", machine.path("origin.git"))
    _commit(repo, "pushed")
    repo.git("push", "-q", "origin", "main")
    _commit(repo, "new")
    assert _between(repo, ["HEAD"], ["--remotes=origin"]) == _pointers("new")
    assert _between(repo, ["HEAD"], ["--remotes=other"]) == _pointers("pushed", "new")


def test_an_excluded_commit_that_is_not_here_is_ignored_and_a_wanted_one_is_an_error(
    machine: Machine,
) -> None:
    repo = machine.init()
    _commit(repo, "one")
    assert _between(repo, ["HEAD"], ["1" * 40]) == _pointers("one")
    with pytest.raises(GitError):
        _between(repo, ["1" * 40])


@pytest.mark.parametrize("name", ["--output=x", "-x", "^HEAD", "a\nb", ""])
def test_what_is_not_a_revision_is_refused(machine: Machine, name: str) -> None:
    repo = machine.init()
    _commit(repo, "one")
    with pytest.raises(UsageError):
        _between(repo, [name])


def test_a_shallow_clone_has_what_it_has(machine: Machine) -> None:
    repo = machine.init()
    for text in ("one", "two", "three"):
        _commit(repo, text)
    repo.git("rm", "-q", "one.bin")
    repo.commit("four")
    shallow = machine.clone(f"file://{repo.path}", "shallow", "--depth", "1")
    assert _between(shallow, ["HEAD"]) == _pointers("two", "three")
    _commit(shallow, "five")
    assert _between(shallow, ["HEAD"], ["--remotes=origin"]) == _pointers("five")


@pytest.mark.parametrize("form", ["blob:none", "tree:0"])
def test_a_partial_clone_is_walked_without_a_single_fetch(machine: Machine, form: str) -> None:
    repo = machine.init()
    repo.set("uploadpack.allowFilter", "true").set("uploadpack.allowAnySHA1InWant", "true")
    _commit(repo, "one")
    repo.git("rm", "-q", "one.bin")
    repo.commit("removed")
    _commit(repo, "two")
    partial = machine.clone(f"file://{repo.path}", "partial", f"--filter={form}")
    _commit(partial, "three")
    trace = machine.path("trace")
    partial.machine.extra_env["GIT_TRACE2_EVENT"] = str(trace)
    assert _between(partial, ["HEAD"]) == _pointers("two", "three")
    assert _pointers("two", "three") <= _all(partial)
    found = _found(partial)
    absent = repo.text("rev-parse", "HEAD~2:one.bin")
    assert objects.existing(found, [absent]) == []
    assert {file.path.text for file in objects.data_files(found, "HEAD")} == {
        "two.bin",
        "three.bin",
    }
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    started = [event["argv"] for event in events if event["event"] == "start"]
    assert started
    assert not [argv for argv in started if "fetch" in argv or "fetch-pack" in argv]


def test_a_sha256_repository(machine: Machine) -> None:
    repo = machine.init("repo", "--object-format=sha256")
    one = _commit(repo, "one")
    _commit(repo, "two")
    assert _between(repo, ["HEAD"], [one]) == _pointers("two")
    assert _all(repo) == _pointers("one", "two")


def test_grafted_history_is_what_git_shows(machine: Machine) -> None:
    repo = machine.init()
    _commit(repo, "one")
    repo.git("rm", "-q", "one.bin")
    repo.commit("removed")
    two = _commit(repo, "two")
    repo.git("replace", "--graft", two)
    assert _between(repo, ["HEAD"]) == _pointers("two")


def test_every_root_keeps_its_pointers(machine: Machine) -> None:
    repo = machine.init()
    _commit(repo, "main")
    repo.git("switch", "-q", "-c", "branch")
    _commit(repo, "branch")
    repo.git("switch", "-q", "main")
    _commit(repo, "reflog")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.write({"indexed.bin": _stub("stash index")}).add()
    repo.write({"indexed.bin": _stub("stash"), "untracked.bin": _stub("stash untracked")})
    repo.git("stash", "push", "-q", "-u")
    repo.write({"b.bin": _stub("newer stash")}).add().git("stash", "push", "-q")
    repo.git("worktree", "add", "-q", "--detach", "../linked")
    linked = repo.worktree("linked")
    _commit(linked, "linked head")
    linked.write({"i.bin": _stub("linked index")}).add()
    linked.git("update-ref", "refs/worktree/mine", _commit(linked, "worktree ref"))
    linked.git("reset", "-q", "--hard", "HEAD~2")
    linked.write({"i.bin": _stub("linked index")}).add()
    (linked.git_dir / "logs" / "HEAD").unlink()
    (linked.git_dir / "ORIG_HEAD").unlink()
    repo.write({"i.bin": _stub("index")}).add()
    expected = _pointers("main", "branch", "reflog", "stash index", "stash", "stash untracked")
    expected |= _pointers("newer stash", "linked index", "index", "worktree ref")
    assert expected <= _all(repo)
    assert expected <= _all(linked)
    places = {use.path.text: use.commit for use in revisions.index_pointers(_found(repo))}
    assert places["i.bin"] == ""


def test_a_conflict_keeps_all_its_sides(machine: Machine) -> None:
    repo = machine.init().track("*.bin")
    repo.write({"a.bin": _stub("base")}).add().commit("base")
    repo.git("switch", "-q", "-c", "side")
    repo.write({"a.bin": _stub("theirs")}).add().commit("theirs")
    repo.git("switch", "-q", "main")
    repo.write({"a.bin": _stub("ours")}).add().commit("ours")
    repo.fails("merge", "-q", "side")
    found = {use.pointer for use in revisions.index_pointers(_found(repo))}
    assert found == _pointers("base", "theirs", "ours")


def test_what_a_rebase_under_way_remembers_is_kept(machine: Machine) -> None:
    repo = machine.init().track("*.bin")
    repo.write({"a.bin": _stub("base")}).add().commit("base")
    repo.write({"a.bin": _stub("ours")}).add().commit("ours")
    repo.git("switch", "-q", "-c", "side", "HEAD~1")
    repo.write({"a.bin": _stub("picked")}).add().commit("picked")
    repo.write({"b.bin": _stub("to do")}).add().commit("to do")
    repo.write({"b.bin": _stub("autostashed")})
    repo.fails("rebase", "-q", "--autostash", "main")
    repo.git("update-ref", "-d", "refs/heads/side")
    for log in (repo.git_dir / "logs").rglob("*"):
        if log.is_file():
            log.unlink()
    (repo.git_dir / "ORIG_HEAD").unlink(missing_ok=True)
    assert _pointers("base", "ours", "picked", "to do", "autostashed") <= _all(repo)


def test_a_merge_head_alone_keeps_its_history(machine: Machine) -> None:
    repo = machine.init()
    _commit(repo, "one")
    sha = _commit(repo, "two")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    for log in (repo.git_dir / "logs").rglob("*"):
        if log.is_file():
            log.unlink()
    (repo.git_dir / "ORIG_HEAD").unlink(missing_ok=True)
    assert _all(repo) == _pointers("one")
    (repo.git_dir / "MERGE_HEAD").write_text(f"{sha}\n")
    assert _all(repo) == _pointers("one", "two")


def test_an_unborn_branch_has_only_its_index(machine: Machine) -> None:
    repo = machine.init()
    assert _all(repo) == set()
    repo.write({"a.bin": _stub("index")}).add()
    assert _all(repo) == _pointers("index")


@pytest.mark.parametrize("batch", [1, 7, 100, 1 << 15])
def test_in_batches_of_any_size_every_pointer_comes_once_under_its_exact_name(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(revisions, "_BATCH", batch)
    monkeypatch.setattr(revisions, "_MANY_USES", 5)
    repo = machine.init()
    names = [
        *UNUSUAL_NAMES,
        b"cut",
        b"cut\nhere",
        b"cut\nthere",
        b"dir\n/x",
        *(b"%d" % n for n in range(40)),
    ]
    repo.write({name: _stub(repr(name)) for name in names}).add().commit("one")
    later = [b"cut\nagain", b"dir\n/y", b"z"]
    repo.write({name: _stub(repr(name)) for name in later}).add().commit("two")
    uses = revisions.pointers_between(_found(repo), ["HEAD"])
    assert sorted((use.path.raw, use.pointer) for use in uses) == sorted(
        (name, _pointer(repr(name))) for name in {*names, *later}
    )


# -- objects


def test_the_data_files_of_a_commit(machine: Machine) -> None:
    repo = machine.init()
    repo.write({"a.bin": _stub("a"), "dir/b.bin": _stub("a"), "code.py": b"x\n"})
    repo.at("dir/b.bin").chmod(0o755)
    repo.at("link.bin").symlink_to("a.bin")
    repo.add().commit("one")
    found = list(objects.data_files(_found(repo), "HEAD"))
    assert [(file.path.text, file.mode, file.pointer) for file in found] == [
        ("a.bin", 0o100644, _pointer("a")),
        ("dir/b.bin", 0o100755, _pointer("a")),
    ]
    with pytest.raises(GitError):
        list(objects.data_files(_found(repo), "nowhere"))


def test_sizes_are_told_of_the_blobs_that_are_here(machine: Machine) -> None:
    repo = machine.init()
    repo.write({"x": b"x" * 1000}).add()
    assert dict(objects.blob_sizes(_found(repo), [repo.text("rev-parse", ":x"), "2" * 40])) == {
        repo.text("rev-parse", ":x"): 1000
    }


# -- what git tells pre-push


def test_pre_push_lines_are_read() -> None:
    zero, one = "0" * 40, "1" * 40
    data = f"HEAD~1 {one} refs/heads/x {zero}\n(delete) {zero} refs/heads/y {one}\n"
    assert hook_input.pre_push(data.encode()) == [
        RefUpdate("HEAD~1", one, "refs/heads/x", zero),
        RefUpdate("(delete)", zero, "refs/heads/y", one),
    ]
    assert [(u.is_new, u.is_delete) for u in hook_input.pre_push(data.encode())] == [
        (True, False),
        (False, True),
    ]
    assert hook_input.pre_push(b"") == []
    spaced = f"HEAD@{{1 day ago}} {one} refs/heads/\udcff {one}\n".encode(
        "utf-8", "surrogateescape"
    )
    assert hook_input.pre_push(spaced)[0].local_ref == "HEAD@{1 day ago}"


@pytest.mark.parametrize("data", [b"x\n", b"a b c d\n", b"a " + b"1" * 40 + b" r " + b"g" * 40])
def test_anything_else_from_git_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        hook_input.pre_push(data)

"""add, commit -a, --amend, mv, rm, add -p, add -N: from worktree to commit."""

from __future__ import annotations

from support import scenes
from support.content import is_pointer, noise, pointer_to, table
from support.repo import Repo
from support.twin import Twin


def test_commits_are_amended_and_made_of_paths(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.write({"a.bin": noise(3100, 5)})
    twin.git("commit", "-qa", "--amend", "--no-edit")
    twin.write({"a.bin": noise(3100, 6), "b.bin": noise(5100, 7), "code.py": b"two\n"})
    twin.git("commit", "-qm", "only b", "b.bin")
    twin.git("commit", "-qm", "include a", "-i", "a.bin")
    twin.git("commit", "-q", "--amend", "-m", "other words", "code.py")
    twin.git("rm", "-q", "--cached", "a.bin")
    twin.git("commit", "-qm", "a is untracked")
    twin.git("add", "-N", "a.bin")
    twin.git("commit", "-qam", "a is back")
    twin.git("commit", "-q", "--allow-empty", "--amend", "-m", "nothing new")


def test_files_are_moved_and_removed(twin: Twin) -> None:
    scenes.one_commit(twin)
    twin.git("mv", "a.bin", "c/renamed.bin")
    twin.git("mv", "c", "d")
    twin.git("commit", "-qm", "moved")
    twin.git("mv", "code.py", "code.bin")
    twin.git("rm", "-q", "d/deep.bin")
    twin.fails("rm", "-q", "no such.bin")
    twin.git("rm", "-rq", "d")
    twin.git("reset", "-q", "--hard")


def test_a_move_to_a_name_that_is_not_tracked_loses_nothing(repo: Repo) -> None:
    """Git asks no filter for such a name: it holds the pointer and sees the content as an edit."""
    data = noise(4000)
    repo.write_now({"x.bin": data}).add().commit("one")
    repo.git("mv", "x.bin", "x.txt")
    assert repo.read("x.txt") == data
    repo.commit("moved", "-a")
    repo.add().commit("whole")
    assert repo.blob("HEAD:x.txt") == data
    repo.git("mv", "x.txt", "x.bin")
    repo.git("add", "--renormalize", ".")
    repo.commit("back")
    assert repo.read("x.bin") == data
    assert repo.is_clean()
    repo.git("checkout", "-q", "HEAD~2")
    assert repo.read("x.txt") in (data, pointer_to(data))


def test_hunks_of_mixed_changes_are_chosen_one_by_one(twin: Twin) -> None:
    twin.commit("base", {"table.bin": table(50), "raw.bin": noise(3000), "code.py": scenes.CODE})
    code = scenes.CODE.replace(b"line_2 ", b"first ").replace(b"line_17 ", b"second ")
    twin.write({"table.bin": table(51), "code.py": code})
    twin.git("add", "-p", "code.py", input=b"n\ny\n")
    twin.git("commit", "-qm", "second hunk")
    twin.git("add", "-p", input=b"y\ny\n")
    twin.git("commit", "-qm", "the rest")
    twin.write({"raw.bin": noise(3000, 9)})
    twin.git("commit", "-qam", "raw")
    twin.write({"table.bin": table(52)})
    twin.git("checkout", "-p", "table.bin", input=b"y\n")
    assert twin.read("table.bin") == table(51)


def test_git_stores_a_pointer_and_the_worktree_keeps_the_content(repo: Repo) -> None:
    data = noise(200_000)
    repo.write({"data.bin": data, "empty.bin": b"", "code.py": b"x = 1\n"}).add().commit("one")
    assert repo.blob("HEAD:data.bin") == pointer_to(data)
    assert repo.blob("HEAD:empty.bin") == b""
    assert repo.blob("HEAD:code.py") == b"x = 1\n"
    assert repo.read("data.bin") == data
    assert repo.is_clean()


def test_a_stub_that_is_added_again_stays_the_same_pointer(repo: Repo) -> None:
    pointer = pointer_to(b"data that is nowhere")
    repo.write({"stub.bin": pointer}).add().commit("a stub by hand")
    assert repo.blob("HEAD:stub.bin") == pointer
    crlf = pointer.replace(b"\n", b"\r\n")
    repo.write({"crlf.bin": crlf}).add()
    assert is_pointer(repo.blob(":crlf.bin").replace(b"\r\n", b"\n"))


def test_content_is_named_by_its_bytes_not_by_its_path(repo: Repo) -> None:
    repo.write({"x.bin": noise(5000, 1)}).add().commit("one")
    other = noise(5000, 2)
    sha = repo.git("hash-object", "-w", "--stdin", "--path=x.bin", input=other).out.strip()
    assert repo.blob(sha) == pointer_to(other)
    shorter = repo.git("hash-object", "-w", "--stdin", "--path=x.bin", input=b"abc").out.strip()
    assert repo.blob(shorter) == pointer_to(b"abc")
    assert repo.is_clean()


def test_an_edit_that_keeps_size_and_time_is_seen_when_git_looks(repo: Repo) -> None:
    """Git itself asks again for a file written in the second of the index; so must we."""
    repo.write_now({"x.bin": noise(5000, 1)}).add()
    repo.write_now({"x.bin": noise(5000, 2)})
    repo.add().commit("two")
    assert repo.blob("HEAD:x.bin") == pointer_to(noise(5000, 2))
    repo.write_now({"x.bin": noise(5000, 3)})
    assert repo.status() == " M x.bin\n"


def test_showing_history_downloads_and_prints_no_content(repo: Repo) -> None:
    repo.write({"x.bin": noise(50_000, 1)}).add().commit("one")
    repo.write({"x.bin": noise(50_000, 2)}).add().commit("two")
    for command in (("log", "-p"), ("show",), ("diff", "HEAD~1"), ("blame", "x.bin")):
        asked = repo.requests(*command)
        assert not [line for line in asked if line.startswith("smudge")], (command, asked)
    assert len(repo.git("log", "-p").stdout) < 5000

"""push: the data of every commit being pushed is on the remote before a ref moves."""

from __future__ import annotations

from support.content import edited, noise, pointer_to
from support.extent import cases
from support.remotes import Place
from support.repo import Machine, Repo

from git_mlvc.backend.file import FileBackend
from git_mlvc.formats import pointer
from git_mlvc.hooks import tracking_refs
from git_mlvc.repo_path import RepoPath
from git_mlvc.transfer.verify import copies_on
from git_mlvc.workspace import Workspace


def refs(repo: Repo) -> dict[str, str]:
    listed = repo.git("for-each-ref", "--format=%(refname) %(objectname)", tick=False).out
    return dict(line.split() for line in listed.splitlines())


def sizes(remote: Repo) -> int:
    """Return the bytes of data that lie beside a bare repository."""
    return sum(path.stat().st_size for path in remote.store.rglob("*") if path.is_file())


def versions(repo: Repo, count: int, name: str = "a.bin") -> list[bytes]:
    """Commit `count` versions of a file on the current branch; return their contents."""
    contents = [noise(20_000 + n, 200 + n) for n in range(count)]
    for data in contents:
        repo.write({name: data}).add().commit(f"version of {name}")
    return contents


def assert_all_on(remote: Repo, ref: str, name: str, contents: list[bytes]) -> None:
    """Raise unless the remote has the last commits of `ref`, and their data, byte by byte."""
    for back, data in enumerate(reversed(contents)):
        assert remote.blob(f"{ref}~{back}:{name}") == pointer_to(data), f"{ref}~{back}"
    assert lacking(remote, *contents) == []


def lacking(remote: Repo, *contents: bytes) -> list[int]:
    """Return the numbers of the contents that do not lie beside a bare repository, whole and undamaged."""
    view = Place(remote.machine.path(f"look at {remote.path.name}")).view(FileBackend(remote.store))
    pointers = [pointer.decode(pointer_to(data)) for data in contents]
    there = copies_on(view, pointers, deep=True)
    return [number for number, one in enumerate(pointers) if one not in there]


def test_all_commits_of_a_push_are_carried(repo: Repo, remote: Repo) -> None:
    contents = versions(repo, 4)
    pushed = repo.git("push", "origin", "main")
    assert "4 files" in pushed.err
    reader = repo.machine.clone("origin.git", "reader")
    for back, data in enumerate(reversed(contents)):
        reader.git("checkout", "-q", "--detach", f"main~{back}")
        assert reader.read("a.bin") == data
    assert_all_on(remote, "main", "a.bin", contents)
    assert lacking(remote, noise(999), *contents) == [0]  # it can tell


def test_only_what_is_lacking_is_sent(repo: Repo, remote: Repo) -> None:
    big = noise(2_000_000, 5)
    repo.write({"big.bin": big}).add().commit("one")
    repo.git("push", "-q", "origin", "main")
    before = sizes(remote)
    changed = edited(big, 5, edits=1)
    repo.write({"big.bin": changed}).add().commit("two")
    repo.git("push", "-q", "origin", "main")
    assert sizes(remote) - before < 700_000
    before = sizes(remote)
    repo.git("mv", "big.bin", "moved.bin")
    repo.commit("moved")
    repo.git("push", "-q", "origin", "main", "main:copy")
    assert sizes(remote) == before
    assert_all_on(remote, "main", "moved.bin", [changed])


def test_several_refs_tags_and_new_branches_go_in_one_push(repo: Repo, remote: Repo) -> None:
    first = versions(repo, 2)
    repo.git("switch", "-q", "-c", "other", "HEAD~1")
    other = versions(repo, 2, "o.bin")
    repo.git("tag", "light")
    repo.git("tag", "-a", "heavy", "-m", "heavy", "main")
    repo.git("push", "-q", "origin", "main", "other:renamed", "--tags")
    assert_all_on(remote, "main", "a.bin", first)
    assert_all_on(remote, "renamed", "o.bin", other)
    assert_all_on(remote, "refs/tags/heavy", "a.bin", first)
    repo.git("switch", "-q", "-c", "new")
    newest = versions(repo, 1, "n.bin")
    repo.git("push", "-q", "-u", "origin", "new")
    assert_all_on(remote, "new", "n.bin", newest)


def test_an_annotated_tag_of_an_unpushed_commit_carries_its_data(repo: Repo, remote: Repo) -> None:
    contents = versions(repo, 2)
    repo.git("tag", "-a", "v1", "-m", "v1")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.git("push", "-q", "origin", "v1")
    assert_all_on(remote, "refs/tags/v1", "a.bin", contents)


def test_refs_are_deleted_and_forced(repo: Repo, remote: Repo) -> None:
    versions(repo, 2)
    repo.git("push", "-q", "origin", "main", "main:gone")
    repo.git("push", "-q", "origin", "--delete", "gone")
    assert "refs/heads/gone" not in refs(remote)
    repo.git("reset", "-q", "--hard", "HEAD~1")
    newer = versions(repo, 1, "f.bin")
    repo.fails("push", "-q", "origin", "main")
    repo.git("push", "-q", "--force", "origin", "main", ":refs/heads/never-was", check=False)
    repo.git("push", "-q", "--force-with-lease", "origin", "main")
    assert_all_on(remote, "main", "f.bin", newer)


def test_an_expression_is_pushed_to_any_ref(repo: Repo, remote: Repo) -> None:
    contents = versions(repo, 2)
    repo.git("push", "-q", "origin", "HEAD~1:refs/heads/x")
    assert list(refs(remote)) == ["refs/heads/x"]
    assert_all_on(remote, "x", "a.bin", contents[:1])
    repo.git("push", "-q", "origin", "HEAD:refs/odd/place")
    assert_all_on(remote, "refs/odd/place", "a.bin", contents)


def test_a_push_by_path_and_by_url_needs_no_remote(repo: Repo, remote: Repo) -> None:
    contents = versions(repo, 2)
    repo.git("push", "-q", "../origin.git", "main~1:refs/heads/main")
    repo.git("push", "-q", f"file://{remote.path}", "main")
    assert_all_on(remote, "main", "a.bin", contents)


def test_a_push_is_refused_when_data_is_nowhere(repo: Repo, remote: Repo) -> None:
    versions(repo, 2)
    repo.git("push", "-q", "origin", "main~1:refs/heads/main")
    before = refs(remote)
    repo.write({"lost/here.bin": pointer_to(b"nowhere one"), "fine.bin": noise(3000)}).add()
    repo.commit("a pointer to data that is nowhere")
    repo.write({"lost/here.bin": noise(100), "code.py": b"x\n"}).add().commit("and it is gone")
    ways = ("main", "main:new main~1:refs/heads/main", "--all", "--force main")
    for args in map(str.split, cases(ways, [ways[1], ways[3]])):
        said = repo.fails("push", "origin", *args)
        assert said.refused_because("lost/here.bin")
        assert "fine.bin" not in said.err
        assert refs(remote) == before


def test_a_push_is_refused_when_the_data_has_been_lost(repo: Repo, remote: Repo) -> None:
    versions(repo, 2)
    repo.lose_data()
    assert repo.fails("push", "origin", "main").refused_because("a.bin")
    assert refs(remote) == {}


def test_data_that_only_the_remote_has_does_not_stop_a_push(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    versions(repo, 2)
    repo.git("push", "-q", "origin", "main")
    copy = machine.clone("origin.git", "copy")
    copy.lose_data()
    copy.write({"code.py": b"x\n"}).add().commit("code")
    copy.git("push", "-q", "origin", "main", "main:more")


def test_a_push_without_the_hook_is_found_and_mended(repo: Repo, remote: Repo) -> None:
    contents = versions(repo, 2)
    repo.git("push", "-q", "--no-verify", "origin", "main")
    found = repo.mlvc("fsck", "--remote", check=False)
    assert found.returncode == 1
    assert "a.bin" in found.out + found.err
    repo.mlvc("push")
    assert_all_on(remote, "main", "a.bin", contents)


def test_a_dead_remote_refuses_the_push_and_no_ref_moves(repo: Repo, remote: Repo) -> None:
    versions(repo, 1)
    repo.set("mlvc.remote.origin.url", str(repo.machine.path("not/a/dir")))
    repo.machine.path("not").write_bytes(b"a file where a directory should be")
    repo.fails("push", "origin", "main")
    assert refs(remote) == {}


def test_a_second_remote_gets_old_data_too(machine: Machine, repo: Repo, remote: Repo) -> None:
    contents = versions(repo, 2)
    repo.git("push", "-q", "origin", "main")
    second = machine.bare("second.git")
    repo.git("push", "-q", "../second.git", "main")
    assert_all_on(second, "main", "a.bin", contents)
    copy = machine.clone("origin.git", "copy")
    third = machine.bare("third.git")
    copy.git("push", "-q", "../third.git", "main")
    assert_all_on(third, "main", "a.bin", contents)


def test_a_push_with_nothing_to_carry_says_nothing(repo: Repo, remote: Repo) -> None:
    repo.write({"code.py": b"x\n"}).add().commit("code only")
    assert repo.git("push", "-q", "origin", "main").stderr == b""


def test_the_summary_tells_files_bytes_and_what_was_there(repo: Repo, remote: Repo) -> None:
    repo.write({f"{n}.bin": noise(50_000, n) for n in range(3)}).add().commit("three")
    said = [line for line in repo.git("push", "origin", "main").err.splitlines() if "sent" in line]
    assert len(said) == 1
    assert "3 files" in said[0]


def test_what_was_last_seen_of_a_remote_is_not_believed_of_another_place(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    """Two push URLs; another URL; a remote made anew: the tracking refs speak of somewhere else."""
    for number in range(2):
        repo.write({"a.bin": noise(5000, number)}).add().commit(f"c{number}")
    repo.git("push", "-q", "origin", "main")
    for name in ("second.git", "third.git", "fourth.git"):
        machine.bare(name)
    repo.git("config", "remote.origin.pushurl", "../second.git")
    repo.git("config", "--add", "remote.origin.pushurl", f"file://{machine.root}/third.git")
    repo.git("push", "-q", "origin", "main")
    repo.git("config", "--unset-all", "remote.origin.pushurl")
    repo.git("remote", "set-url", "origin", "../fourth.git")
    repo.git("push", "-q", "origin", "main~1:refs/heads/main")
    repo.git("push", "-q", "origin", "main")
    machine.path("fourth.git").rename(machine.path("gone.git"))
    machine.bare("fourth.git")
    repo.write({"code.py": b"pass\n"}).add().commit("c2")
    repo.git("push", "-q", "origin", "main")
    for name in ("second.git", "third.git", "fourth.git", "gone.git"):
        assert lacking(machine.repo(name), noise(5000, 0), noise(5000, 1)) == []
    repo.git("push", "-q", "origin", "main:refs/heads/same")
    repo.write({"code.py": b"\n"}).add().commit("c3")
    assert "git-mlvc" not in repo.git("push", "origin", "HEAD:refs/heads/new").err


def test_a_bare_clone_gets_all_data_with_the_first_push(machine: Machine, repo: Repo) -> None:
    """`git clone --bare` is how many make their server: it has the commits and none of the data."""
    for number in range(2):
        repo.write({"a.bin": noise(5000, number), f"f{number}.bin": noise(900, 10 + number)})
        repo.add().commit(f"c{number}")
    machine.git("clone", "-q", "--bare", "repo", "origin.git")
    repo.git("remote", "add", "origin", "../origin.git")
    repo.write({"a.bin": noise(5000, 2)}).add().commit("c2")
    repo.git("push", "-q", "origin", "main")
    contents = [noise(5000, n) for n in range(3)]
    assert_all_on(machine.repo("origin.git"), "main", "a.bin", contents)
    assert lacking(machine.repo("origin.git"), noise(900, 10), noise(900, 11)) == []


def test_what_the_pushed_paths_were_before_is_taken_to_be_there(repo: Repo, remote: Repo) -> None:
    """Only large remotes need it; here it is looked at what would be handed down."""
    _, other, _ = versions(repo, 3)
    repo.write({"b.bin": noise(5000, 9)}).add().commit("another file")
    repo.git("push", "-q", remote.path, "HEAD~2:refs/heads/main")
    before = repo.git("rev-parse", "HEAD~2", tick=False).out.strip()
    workspace = Workspace.open(repo.path, repo.machine.env())
    paths = {RepoPath(b"a.bin")}
    found = list(tracking_refs.bases(workspace, [repo.head()], [before], paths))
    assert [pointer.encode(one) for one in found] == [pointer_to(other)]
    assert not list(tracking_refs.bases(workspace, [repo.head()], [], paths))
    assert not list(tracking_refs.bases(workspace, [repo.head()], ["0" * 39 + "1"], paths))

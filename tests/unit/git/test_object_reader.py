"""Objects one after another, from one git that stays."""

from __future__ import annotations

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import GitError
from git_mlvc.git.object_reader import ObjectReader
from git_mlvc.git.repository import Repository


def reader(repo: Repo) -> ObjectReader:
    return ObjectReader(Repository.discover(repo.path, repo.machine.env()))


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_commits_trees_and_blobs_by_name(bare_machine: Machine, hash_name: str) -> None:
    repo = bare_machine.init("repo", f"--object-format={hash_name}")
    repo.write({"a b": b"1\n2", "sub/x": b"", "sub/deep/x": b"3"})
    repo.at("link").symlink_to("a b")
    repo.add().commit("one")
    with reader(repo) as objects:
        head = objects.commit("HEAD")
        assert head == repo.head()
        tree = objects.tree_of(head)
        assert tree == repo.text("rev-parse", "HEAD^{tree}")
        entries = objects.tree(tree)
        assert entries is not None
        kinds = {
            name: (one.is_file, one.is_link, one.is_directory) for name, one in entries.items()
        }
        assert kinds == {
            b"a b": (True, False, False),
            b"link": (False, True, False),
            b"sub": (False, False, True),
        }
        blob = objects.blob(entries[b"a b"].sha)
        assert blob is not None
        assert (blob.data, blob.size_bytes) == (b"1\n2", 3)
        assert objects.names_in(tree, b"x") == (b"sub/deep/x", b"sub/x")
        assert objects.names_in(tree) == (b"a b", b"link", b"sub/deep/x", b"sub/x")
        # what is not that kind, or not there at all, and the next answer is its own
        assert (
            objects.blob(tree) is objects.tree(head) is objects.commit(entries[b"a b"].sha) is None
        )
        assert objects.commit("no such\x01thing") is objects.blob("0" * len(head)) is None
        assert [
            one and one.data for one in objects.each(["0" * len(head), entries[b"a b"].sha])
        ] == [None, b"1\n2"]
        large = objects.blob(entries[b"a b"].sha, max_bytes=2)
        assert large is not None
        assert (large.data, large.size_bytes) == (None, 3)
        assert objects.tree_of(head) == tree


def test_more_questions_than_a_pipe_holds_are_all_answered(bare_machine: Machine) -> None:
    repo = bare_machine.init().write({"a": b"x" * 70000})
    repo.add().commit("one")
    sha = repo.text("rev-parse", "HEAD:a")
    with reader(repo) as objects:
        found = objects.each([sha, "0" * 40] * 500)
        assert [one is None for one in found] == [False, True] * 500


def test_a_damaged_object_is_an_error_of_git_and_the_next_one_is_read(
    bare_machine: Machine,
) -> None:
    repo = bare_machine.init().write({"a": bytes(range(256)) * 40, "b": b"two"})
    repo.add().commit("one")
    bad, good = repo.text("rev-parse", "HEAD:a", "HEAD:b").split()
    file = repo.git_dir / "objects" / bad[:2] / bad[2:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:100])
    with reader(repo) as objects:
        with pytest.raises(GitError, match="damaged"):
            objects.blob(bad)
        found = objects.blob(good)
        assert found is not None
        assert found.data == b"two"


def test_what_a_partial_clone_lacks_is_absent_and_not_fetched(bare_machine: Machine) -> None:
    repo = bare_machine.init().write({"a": b"one", "b": b"two"})
    repo.add().commit("one")
    repo.git("config", "uploadpack.allowFilter", "true")
    url = f"file://{repo.path}"
    clone = bare_machine.clone(url, "clone", "--filter=blob:none", "--no-checkout")
    with reader(clone) as objects:
        head = objects.commit("main")
        assert head == repo.head()
        tree = objects.tree_of(head)
        entries = objects.tree(tree) if tree else None
        assert entries is not None
        assert list(entries) == [b"a", b"b"]
        assert objects.blob(entries[b"a"].sha) is None
        assert objects.commit("no-such") is None

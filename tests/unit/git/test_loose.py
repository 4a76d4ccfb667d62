"""Loose objects are read as git reads them, or left to git."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import noise, pointer_to
from support.repo import Machine, Repo

from git_mlvc.git import loose, objects, revisions
from git_mlvc.git.loose import LooseObjects
from git_mlvc.git.process import Git
from git_mlvc.git.repository import Repository

SIZES = (0, 1, 59, 60, 199, 200, 201, 1023, 1024, 1025, 4096, 300_000)


@pytest.fixture(params=["sha1", "sha256"])
def repo(tmp_path: Path, request: pytest.FixtureRequest) -> Repo:
    made = Machine(tmp_path).init("repo", f"--object-format={request.param}")
    made.write({f"{size}": noise(size) for size in SIZES})
    return made.write({"a.bin": pointer_to(b"a"), "zeros": bytes(100_000)}).add().commit("one")


def opened(repo: Repo) -> Repository:
    return Repository.discover(repo.path, repo.machine.env())


def all_shas(repo: Repo) -> list[str]:
    listed = repo.text("rev-list", "--objects", "--no-object-names", "HEAD")
    return listed.split()


def read(repo: Repo, sha: str) -> loose.Loose | None:
    found = LooseObjects.of(opened(repo))
    assert found is not None
    return found.read(sha)


@pytest.mark.parametrize("names_remembered", [0, 1024])
def test_every_loose_object_is_what_git_says(
    repo: Repo, names_remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "_MANY_NAMES", names_remembered)
    for sha in all_shas(repo):
        found = read(repo, sha)
        assert found is not None
        assert found.kind.decode() == repo.text("cat-file", "-t", sha)
        assert found.size_bytes == int(repo.text("cat-file", "-s", sha))
        content = repo.git("cat-file", found.kind.decode(), sha).stdout
        assert found.content == (content if len(content) <= loose.SMALL_BYTES else None)


def test_what_is_packed_or_nowhere_is_not_loose(repo: Repo) -> None:
    shas = all_shas(repo)
    repo.git("repack", "-adq")
    repo.git("prune-packed", "-q")
    assert [read(repo, sha) for sha in [*shas, "0" * len(shas[0])]] == [None] * (len(shas) + 1)


def test_crowded_folders_are_read_without_a_list(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "_MANY_NAMES", 0)
    for sha in all_shas(repo):
        assert read(repo, sha) is not None
    assert read(repo, "0" * len(repo.head())) is None


@pytest.mark.parametrize("keep", [0, 1, 12])
def test_a_damaged_one_is_left_to_git(repo: Repo, keep: int) -> None:
    sha = repo.text("rev-parse", ":a.bin")
    path = repo.git_dir / "objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:keep])
    assert read(repo, sha) is None


def test_one_under_a_wrong_name_is_left_to_git(repo: Repo) -> None:
    one, other = repo.text("rev-parse", ":a.bin"), repo.text("rev-parse", ":60")
    path = repo.git_dir / "objects" / one[:2] / one[2:]
    path.chmod(0o644)
    path.write_bytes((repo.git_dir / "objects" / other[:2] / other[2:]).read_bytes())
    assert read(repo, one) is None


@pytest.mark.parametrize("packed", [False, True])
def test_where_objects_are_replaced_only_git_knows(repo: Repo, packed: bool) -> None:
    blob, other = repo.text("rev-parse", ":a.bin"), repo.text("rev-parse", ":60")
    repo.git("replace", blob, other)
    if packed:
        repo.git("pack-refs", "--all")
    assert LooseObjects.of(opened(repo)) is None
    assert objects.pointers(opened(repo), [blob]) == {}


@pytest.mark.parametrize("state", ["loose", "packed", "both", "mixed", "alternate"])
def test_blobs_are_the_same_however_git_keeps_them(repo: Repo, state: str) -> None:
    shas = all_shas(repo)
    expected = {
        (blob.sha, blob.size_bytes, blob.pointer) for blob in objects.blobs(opened(repo), shas)
    }
    assert len(expected) == len(SIZES) + 2
    if state in ("packed", "both", "mixed"):
        repo.git("repack", "-aq" if state == "both" else "-adq")
    if state == "mixed":
        repo.write({"later.bin": pointer_to(b"later")}).add().commit("two")
        shas = [*shas, repo.text("rev-parse", ":later.bin")]
        expected |= {(b.sha, b.size_bytes, b.pointer) for b in objects.blobs(opened(repo), shas)}
    where = repo
    if state == "alternate":
        where = repo.machine.clone(repo.path, "other", "-q", "--shared")
    found = objects.blobs(opened(where), [*shas, "1" * len(shas[0])])
    assert {(blob.sha, blob.size_bytes, blob.pointer) for blob in found} == expected
    assert dict(objects.blob_sizes(opened(where), shas)) == {sha: n for sha, n, _ in expected}


def test_many_loose_pointers_cost_no_question_to_git_for_each(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write({f"many/{i}.bin": pointer_to(b"%d" % i) for i in range(400)}).add().commit("many")
    asked: list[bytes] = []
    whole = Git.streaming

    def counted(self: Git, *args: str, **options: object) -> object:
        if args[0] == "cat-file" and "--batch" in " ".join(map(str, args)):
            fed = list(options.get("input") or ())  # type: ignore[call-overload]
            asked.extend(fed)
            options["input"] = fed
        return whole(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "streaming", counted)
    uses = revisions.pointers_between(opened(repo), [repo.head()])
    assert {str(use.path) for use in uses} == {"a.bin", *(f"many/{i}.bin" for i in range(400))}
    assert len(asked) < 10
    assert all(repo.text("rev-parse", f":{use.path}") == use.blob_sha for use in uses[:20])

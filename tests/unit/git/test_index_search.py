"""Finding one entry of git's index gives what reading all of it gives."""

from __future__ import annotations

import pytest
from support.repo import Machine, Repo

from git_mlvc.git import index_search
from git_mlvc.git.index import IndexReader
from git_mlvc.git.index_search import IndexSearch

NAMES = [
    b"a",
    b"a.bin",
    b"b/a.bin",
    b"aa",
    b"z" * 200,
    b"sp ace",
    b"\xff\xfe",
    b"deep/" * 800 + b"x",
]


@pytest.fixture(params=["sha1", "sha256"])
def repo(bare_machine: Machine, request: pytest.FixtureRequest) -> Repo:
    repo = bare_machine.init("repo", f"--object-format={request.param}")
    lines = []
    for number, name in enumerate(NAMES):
        sha = repo.git("hash-object", "-w", "--stdin", input=b"%d" % number).stdout.strip()
        lines.append(b"100644 " + sha + b" 0\t" + name + b"\0")
    conflicted = repo.git("hash-object", "-w", "--stdin", input=b"c").stdout.strip()
    lines += [b"100644 " + conflicted + b" %d\tconflict\0" % stage for stage in (1, 2, 3)]
    repo.git("update-index", "-z", "--index-info", input=b"".join(lines))
    return repo


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("searches", [0, 1000])
def test_search_and_read_agree(
    repo: Repo, version: int, searches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_search, "SEARCHES", searches)
    repo.git("update-index", "--index-version", str(2 if version == 3 else version))
    if version == 3:  # what makes git write version 3
        repo.git("update-index", "--skip-worktree", "b/a.bin")
    data = (repo.git_dir / "index").read_bytes()
    assert data[7] == version
    size = 32 if "sha256" in repo.git("rev-parse", "--show-object-format").out else 20
    search, reader = IndexSearch(data, hash_size=size), IndexReader(data, hash_size=size)
    for name in [*NAMES, b"conflict", b"nowhere", b"bin", b".bin", b"eep/x", b"x", b""]:
        entry = reader.entry(name)
        assert search.blob(name) == (entry and entry.blob_sha), name


def test_no_index_holds_nothing_until_git_writes_one(bare_machine: Machine) -> None:
    repo = bare_machine.init()
    index = repo.git_dir / "index"
    search = IndexSearch.open(index)
    assert [search.blob(b"a") for _ in range(2 * index_search.SEARCHES)] == [None] * 32
    assert search.is_current()
    repo.write({"a": b"1"}).add("a")
    assert not search.is_current()
    assert IndexSearch.open(index).blob(b"a") is not None

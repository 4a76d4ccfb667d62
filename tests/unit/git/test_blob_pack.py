"""Blobs handed to git as a pack are the blobs that git itself would make of the contents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.repo import Machine, Repo

from git_mlvc.git.blob_pack import FEWEST_PACKED, BlobPack, packed
from git_mlvc.git.process import Git

SIZES = [0, 1, 15, 16, 105, 160, 161, 2047, 2048, 65535, 65536, 300_000]


@pytest.fixture(params=["sha1", "sha256"])
def repo(bare_machine: Machine, request: pytest.FixtureRequest) -> Repo:
    return bare_machine.init("repo", f"--object-format={request.param}")


def stored(repo: Repo, contents: list[bytes], folder: Path) -> list[str]:
    kind = repo.text("rev-parse", "--show-object-format")
    git = Git(repo.path, env=repo.machine.env())
    with BlobPack(kind, folder) as pack:
        blobs = [packed(data, kind) for data in contents]
        for blob in blobs:
            pack.add(blob)
        assert pack.count == len(set(contents))
        pack.store(git)
    return [blob.name.hex() for blob in blobs]


@pytest.mark.parametrize("count", [1, FEWEST_PACKED - 1, FEWEST_PACKED, 1000])
def test_contents_come_back_under_gits_names(repo: Repo, count: int, tmp_path: Path) -> None:
    contents = [bytes([n % 251]) * [*SIZES, n][n % (len(SIZES) + 1)] for n in range(count)]
    names = stored(repo, contents, tmp_path)
    repo.git("fsck", "--strict")
    for number in range(0, count, max(1, count // 13)):
        hashed = repo.git("hash-object", "--stdin", input=contents[number]).out.strip()
        assert names[number] == hashed
        assert repo.blob(names[number]) == contents[number]
    has_pack = any((repo.git_dir / "objects" / "pack").glob("*.pack"))
    assert has_pack == (len(set(contents)) >= FEWEST_PACKED)


def test_nothing_makes_no_pack(repo: Repo, tmp_path: Path) -> None:
    assert stored(repo, [], tmp_path) == []
    assert repo.text("count-objects") == "0 objects, 0 kilobytes"


def test_more_than_memory_is_for_goes_through_a_file(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_mlvc.git.blob_pack._MEMORY_BYTES", 1000)
    names = stored(repo, [b"%d" % n * 40 for n in range(500)], tmp_path)
    assert repo.blob(names[499]) == b"499" * 40
    assert list(tmp_path.iterdir()) == [repo.machine.root]


@given(st.binary(max_size=5000))
def test_an_entry_holds_the_size_and_the_content(data: bytes) -> None:
    import hashlib
    import zlib

    blob = packed(data, "sha1")
    size, shift, at = blob.entry[0] & 15, 4, 0
    while blob.entry[at] & 0x80:
        at += 1
        size |= (blob.entry[at] & 0x7F) << shift
        shift += 7
    assert blob.entry[0] >> 4 & 7 == 3
    assert size == len(data)
    assert zlib.decompress(blob.entry[at + 1 :]) == data
    assert blob.name == hashlib.sha1(b"blob %d\0" % len(data) + data).digest()

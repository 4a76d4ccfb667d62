"""What a refresh leaves alone stays byte for byte, in every form of the index and beside every extension."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.extent import cases
from support.repo import Machine, Repo

from git_mlvc.git import index_refresh
from git_mlvc.git.index import IndexReader
from git_mlvc.git.index_refresh import StatUpdate
from git_mlvc.git.index_search import entry_offsets

STAT_BYTES = 40
MODE = slice(24, 28)


def _plain(repo: Repo) -> None:
    pass


def _with_tree(repo: Repo) -> None:
    repo.git("write-tree")


def _with_untracked_cache(repo: Repo) -> None:
    repo.set("core.untrackedCache", "true")
    repo.status()
    repo.git("update-index", "--force-untracked-cache")


def _with_monitor(repo: Repo) -> None:
    hook = repo.git_dir / "monitor"
    hook.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    hook.chmod(0o755)
    repo.set("core.fsmonitor", str(hook))
    repo.git("update-index", "--fsmonitor")
    repo.status()


def _sparse(repo: Repo) -> None:
    repo.commit("one")
    repo.git("sparse-checkout", "init", "--cone", "--sparse-index")
    repo.git("sparse-checkout", "set", "dir1", "long")


def _with_offsets(repo: Repo) -> None:
    repo.set("index.threads", "2")
    repo.write_now({f"many/{n:05}": b"x" for n in range(11000)}).add()


EXTENSIONS: dict[bytes, Callable[[Repo], None]] = {
    b"": _plain,
    b"TREE": _with_tree,
    b"UNTR": _with_untracked_cache,
    b"FSMN": _with_monitor,
    b"sdir": _sparse,
    b"EOIE": _with_offsets,
}


# The last needs 11,000 files.
VERSIONS = list(product(["2", "3", "4"], ["sha1", "sha256"], EXTENSIONS))
QUICK = [case for case in VERSIONS if case[2] != b"EOIE" or case[:2] == ("4", "sha1")]


@pytest.mark.parametrize(("version", "form", "extension"), cases(VERSIONS, QUICK))
def test_only_the_stat_data_of_what_was_refreshed_changes(
    tmp_path: Path, version: str, form: str, extension: bytes
) -> None:
    repo = Machine(tmp_path).init("repo", f"--object-format={form}")
    repo.set("index.version", "4" if version == "4" else "2")
    repo.write_now({f"dir{n % 3}/file {n:02}": b"%d\n" % n for n in range(30)})
    repo.write_now({"a": b"a\n", "ab": b"ab\n"}).add()
    if version == "3":
        repo.git("update-index", "--skip-worktree", "ab")
    EXTENSIONS[extension](repo)
    index, size = repo.git_dir / "index", 20 if form == "sha1" else 32
    before = index.read_bytes()
    reader = IndexReader(before, hash_size=size)
    assert extension in {b"", *reader.extensions()}
    updates = {}
    for name in (b"a", b"dir1/file 01", b"dir1/file 28"):
        place = repo.at(name)
        place.write_bytes(b"filled\n")
        then = place.lstat().st_mtime_ns - 5 * 10**9
        os.utime(place, ns=(then, then))
        entry = reader.entry(name)
        assert entry is not None
        updates[name] = StatUpdate.of(entry.blob_sha, place.lstat())
    told = index_refresh.refresh(index, updates, worktree=repo.path, hash_size=size, timeout_s=5)
    assert told == set(updates)
    expected = bytearray(before)
    for name, update in updates.items():
        number = reader.position(name)
        assert number is not None
        at = reader.entry_offset(number)
        mode = expected[at:][MODE]
        expected[at : at + STAT_BYTES] = update.fields
        expected[at + MODE.start : at + MODE.stop] = mode
    digest = hashlib.new(form, expected[:-size]).digest()
    assert index.read_bytes() == bytes(expected[:-size]) + digest


names = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda raw: 0 not in raw), unique=True, max_size=40
)


def _synthetic(held: list[tuple[bytes, int, bool]], *, blob: bytes) -> bytes:
    """An index of version 3 with these (name, stage, is skip-worktree)."""
    data = bytearray(struct.pack(">4sII", b"DIRC", 3, len(held)))
    for name, stage, absent in held:
        start = len(data)
        data += struct.pack(">10I", 0, 0, 7, 7, 7, 7, 0o100644, 7, 7, 7) + blob
        data += struct.pack(">H", min(len(name), 0xFFF) | stage << 12 | (0x4000 if absent else 0))
        data += b"\x40\0" if absent else b""
        data += name
        data += bytes(8 - (len(data) - start) % 8)
    return bytes(data + hashlib.sha1(data).digest())


@given(names, names, st.data())
def test_places_found_by_searching_are_those_found_by_reading(
    held: list[bytes], asked: list[bytes], data: st.DataObject
) -> None:
    entries = [
        (name, data.draw(st.sampled_from([0, 0, 0, 2])), data.draw(st.booleans()))
        for name in sorted(held)
    ]
    index = _synthetic(entries, blob=data.draw(st.binary(min_size=20, max_size=20)))
    reader = IndexReader(index)
    wanted = [*asked, *held[::3]]
    found = entry_offsets(index, wanted, hash_size=20)
    if found is not None:
        numbers = reader.positions(wanted)
        assert found == {name: reader.entry_offset(n) for name, n in numbers.items()}


def test_a_few_of_many_are_found_without_reading_the_others() -> None:
    held = [(b"%06d" % n, 0, False) for n in range(5000)]
    index = _synthetic(held, blob=bytes(20))
    assert entry_offsets(index, [b"000000", b"004999", b"gone"], hash_size=20) == {
        b"000000": 12,
        b"004999": 12 + 4999 * 72,
    }
    assert entry_offsets(index, [b"%06dx" % n for n in range(20)], hash_size=20) is None
    assert entry_offsets(index, [name for name, _, _ in held], hash_size=20) is None
    assert entry_offsets(b"DIRC\0\0\0\4" + index[8:], [b"000000"], hash_size=20) is None

"""Look-ups: fast, fresh, and over few segments."""

from __future__ import annotations

import os
import random
import stat
import time
from pathlib import Path

import pytest
from support.content import noise

from git_mlvc.fs.atomic import Permissions
from git_mlvc.store import fsck
from git_mlvc.store.compaction import FANOUT, to_merge
from git_mlvc.store.open_journals import DirectoryStamp
from git_mlvc.store.store import Store


def test_segments_stay_few_however_many_sessions(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    pointers = []
    for number in range(60):
        with store.session() as session:
            pointers.append(session.ingest([noise(100, number)]))
        assert len(store.segments()) <= 3 * FANOUT
    assert len(store.packs()) == 60
    for reader in (store, Store.open(tmp_path / "mlvc")):
        assert all(p is not None and reader.is_complete(p) for p in pointers)
    assert fsck.check(store).is_sound


def test_the_number_of_segments_grows_as_the_logarithm() -> None:
    rng = random.Random(5)
    sizes: dict[bytes, int] = {}
    written = 0
    for number in range(3000):
        rows = rng.choice((1, 5, 200, 3000))
        written += rows
        sizes[number.to_bytes(4, "big")] = rows
        while chosen := to_merge(sizes):
            assert len(chosen) > 1
            total = sum(sizes.pop(c) for c in chosen)
            sizes[b"m" + number.to_bytes(4, "big") + chosen[0]] = total
        assert len(sizes) <= FANOUT * written.bit_length() / 2 + written // 500000 + FANOUT
    assert sum(sizes.values()) == written


def test_a_reader_opened_before_sees_what_others_publish_and_merge(tmp_path: Path) -> None:
    reader = Store.open(tmp_path / "mlvc")
    assert reader.find(bytes(32)) is None
    for number in range(3 * FANOUT):
        with Store.open(tmp_path / "mlvc").session() as session:
            pointer = session.ingest([noise(100, number)])
        assert pointer is not None
        assert reader.has(pointer.oid)
        assert reader.read_chunk(pointer.oid.digest) == noise(100, number)


def test_missing_answers_for_many_at_once_in_order(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        known = [session.ingest([noise(100, n)]) for n in range(50)]
    digests = [p.oid.digest for p in known if p]
    strangers = [noise(32, 1000 + n) for n in range(50)]
    asked = [d for pair in zip(digests, strangers, strict=True) for d in pair]
    assert Store.open(tmp_path / "mlvc").missing(asked) == strangers


def test_what_is_made_has_the_permissions_of_a_shared_repository(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        shared = Permissions(file_mode=0o664, dir_mode=0o2775)
        store = Store.open(tmp_path / "mlvc", permissions=shared)
        session = store.session()
        session.ingest([noise(100)])
        names = [*(tmp_path / "mlvc").rglob("*")]
        session.close()
        for path in [tmp_path / "mlvc", *names, *(tmp_path / "mlvc").rglob("*")]:
            if path.exists():
                expected = 0o2775 if path.is_dir() else 0o664
                assert stat.S_IMODE(path.stat().st_mode) == expected, path
    finally:
        os.umask(old)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_without_sharing_the_umask_decides(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        with Store.open(tmp_path / "mlvc").session() as session:
            session.ingest([noise(100)])
    finally:
        os.umask(old)
    for path in (tmp_path / "mlvc").rglob("*"):
        base = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == base & ~umask


def test_find_many_sees_own_packs_segments_and_what_others_have_open(tmp_path: Path) -> None:
    other = Store.open(tmp_path / "mlvc").session()
    store = Store.open(tmp_path / "mlvc")
    with store.session() as session:
        sealed = [session.ingest([noise(100, n)]) for n in range(50)]
    mine = store.session()
    own = [mine.ingest([noise(100, n)]) for n in range(100, 150)]
    foreign = [other.ingest([noise(100, n)]) for n in range(200, 250)]
    digests = [p.oid.digest for p in [*sealed, *own, *foreign] if p is not None]
    strangers = [noise(32, 1000 + n) for n in range(50)]
    found = store.index.find_many([*strangers, *digests, *digests])
    assert found == {digest: store.find(digest) for digest in digests}
    assert store.missing([*digests, *strangers, *strangers]) == [*strangers, *strangers]
    mine.close()
    other.close()


@pytest.mark.parametrize(
    ("age_ns", "tail_ns", "again"),
    [
        (50_000_000, 123, True),
        (500_000_000, 123, False),
        (1_000_000_000, 0, True),
        (3_000_000_000, 0, False),
    ],
)
def test_a_directory_is_read_again_only_while_its_time_stamp_may_hide_a_change(
    tmp_path: Path, age_ns: int, tail_ns: int, again: bool
) -> None:
    stamp = DirectoryStamp(str(tmp_path))
    then = (time.time_ns() - age_ns) // 1_000_000 * 1_000_000 + tail_ns
    os.utime(tmp_path, ns=(then, then))
    assert stamp.is_changed()
    assert stamp.is_changed() == again

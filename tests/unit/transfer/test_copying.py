"""Copying from one remote to another: nothing kept here, nothing sent twice, nothing wrong passed on."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3
from support.faulty_backend import FaultyBackend
from support.remotes import Place, Use, content, ingest, restored, uses

from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.backend.wrap.read_only import ReadOnly
from git_mlvc.errors import RemoteRefused, RemoteUnavailable
from git_mlvc.formats.pointer import Pointer
from git_mlvc.formats.recipe import MIN_MEAN_LEN, Recipe, decode
from git_mlvc.oid import Oid
from git_mlvc.transfer.copying import CopyReport, copy
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on

LARGE = 9_000_000  # a pack that is worth passing on whole


class Remotes:
    """Two remotes, `a` with contents of Ann's, and Bob, who has neither looked at them nor any data."""

    def __init__(self, path: Path) -> None:
        self.ann = Place(path / "ann")
        self.bob = Place(path / "bob")
        self.eve = Place(path / "eve")
        self.a = FaultyBackend(MemoryBackend())
        self.b = FaultyBackend(MemoryBackend())
        self.scratch = path / "scratch"

    def push(self, *datas: bytes) -> list[Pointer]:
        """Push contents to `a`, each in a pack of its own."""
        pointers = [ingest(self.ann.store, data)[0] for data in datas]
        for pointer in pointers:
            push(self.ann.store, self.ann.view(self.a, "a"), uses(pointer))
        self.a.calls.clear()
        return pointers

    def copy(self, *pointers: Pointer, **options: int) -> CopyReport:
        try:
            return copy(
                self.bob.view(self.a, "a"),
                self.bob.view(self.b, "b"),
                uses(*pointers),
                scratch=self.scratch,
                **options,
            )
        finally:
            assert not list(self.scratch.glob("*"))

    def held_by_b(self, *pointers: Pointer) -> set[Pointer]:
        return copies_on(self.eve.view(self.b, "b"), pointers, deep=True)

    def packs(self, backend: FaultyBackend) -> set[str]:
        return {key for key in backend.inner.objects if key.startswith("packs/")}  # type: ignore[attr-defined]


@pytest.fixture
def remotes(tmp_path: Path) -> Remotes:
    return Remotes(tmp_path)


def test_all_of_it_is_on_the_other_remote_and_nothing_here(remotes: Remotes) -> None:
    datas = [b"x", content(1, 5000), content(2, 300_000), content(3, LARGE)]
    pointers = remotes.push(*datas)
    report = remotes.copy(*pointers)
    assert report.missing is None
    assert report.done.files == 4
    assert report.done.logical_bytes == report.done.raw_sent_bytes == sum(map(len, datas))
    assert remotes.held_by_b(*pointers) == set(pointers)
    assert not fetch(remotes.eve.store, [remotes.eve.view(remotes.b, "b")], pointers).failed
    assert [restored(remotes.eve.store, pointer) for pointer in pointers] == datas
    assert remotes.bob.store.packs() == []


def test_a_pack_wanted_whole_is_one_get_and_one_put(remotes: Remotes) -> None:
    pointers = remotes.push(content(1, LARGE), content(2, LARGE))
    remotes.copy(*pointers)
    assert remotes.packs(remotes.b) == remotes.packs(remotes.a)
    assert [key[:6] for verb, key in remotes.a.log if verb == "get_file"].count("packs/") == 2
    reads = [key for verb, key in remotes.a.log if verb == "get_range" and "packs/" in key]
    assert len(reads) == 2  # the recipes
    sent = [key for verb, key in remotes.b.log if verb == "put_if_absent" and "packs/" in key]
    assert len(sent) == 2


def test_small_packs_are_put_together(remotes: Remotes) -> None:
    pointers = remotes.push(*[content(n, 3000 + n) for n in range(40)])
    assert len(remotes.packs(remotes.a)) == 40
    remotes.copy(*pointers)
    assert len(remotes.packs(remotes.b)) == 1
    assert remotes.held_by_b(*pointers) == set(pointers)


@pytest.mark.parametrize("asked", [LARGE, LARGE // 20], ids=["most of a pack", "a part of one"])
def test_what_is_not_asked_for_does_not_travel(remotes: Remotes, asked: int) -> None:
    secret = b"a secret of another branch, which nobody copies"
    data = (content(1, asked), content(2, LARGE - asked + 1), secret)
    wanted, *others = ingest(remotes.ann.store, *data)
    push(remotes.ann.store, remotes.ann.view(remotes.a, "a"), uses(wanted, *others))
    remotes.copy(wanted)
    assert remotes.held_by_b(wanted, *others) == {wanted}
    assert not any(secret in pack for pack in remotes.b.inner.objects.values())  # type: ignore[attr-defined]
    packs_read = {
        key for verb, key in remotes.a.log if verb == "get_file" and key.startswith("packs/")
    }
    assert len(packs_read) == (asked == LARGE)


def test_a_second_copy_sends_nothing_and_asks_little(remotes: Remotes) -> None:
    pointers = remotes.push(content(1, LARGE), b"small")
    remotes.copy(*pointers)
    remotes.a.calls.clear()
    remotes.b.calls.clear()
    report = remotes.copy(*pointers)
    assert report.done.sent_bytes == report.done.packs == 0
    assert "all of it was there" in report.done.summary()
    assert sum(remotes.b.calls.values()) <= 3
    assert sum(remotes.a.calls.values()) <= 4  # and the recipe


def test_what_the_other_has_is_not_sent_again(remotes: Remotes) -> None:
    data = content(1, LARGE)
    edited = data[:3_000_000] + b"an edit" + data[3_000_000:]
    pointers = remotes.push(data, edited)
    remotes.copy(pointers[0])
    report = remotes.copy(*pointers)
    assert 0 < report.done.sent_bytes < 600_000
    assert remotes.held_by_b(*pointers) == set(pointers)


def test_what_the_one_lacks_is_named_and_the_rest_is_copied(remotes: Remotes) -> None:
    pointers = remotes.push(content(1, LARGE), content(2, 40_000), content(3, LARGE + 1))
    (lost,) = ingest(remotes.ann.store, content(4, 300_000))
    gone = next(k for k in remotes.packs(remotes.a) if len(remotes.a.inner.objects[k]) > LARGE + 1)  # type: ignore[attr-defined]
    remotes.a.inner.delete(gone)
    report = remotes.copy(*pointers, lost)
    here = remotes.held_by_b(*pointers, lost)
    assert report.missing is not None
    assert pointers[1] in here and len(here) == 2 and lost not in here
    assert "data/3.bin" in report.missing.paths and len(report.missing.paths) == 2
    assert "neither on remote 'a' nor on remote 'b'" in report.missing.why
    assert report.done.files == 2


def test_what_only_the_other_has_is_there_already(remotes: Remotes) -> None:
    pointers = ingest(remotes.ann.store, content(1, 300_000))
    push(remotes.ann.store, remotes.ann.view(remotes.b, "b"), uses(*pointers))
    report = remotes.copy(*pointers)
    assert report.missing is None
    assert report.done.packs == 0


@pytest.mark.parametrize("size", [LARGE, 300_000], ids=["whole pack", "records"])
def test_law_3_a_flipped_bit_is_not_passed_on(remotes: Remotes, size: int) -> None:
    (bad,) = remotes.push(content(1, size))
    (key,) = remotes.packs(remotes.a)
    (good,) = remotes.push(content(2, size))
    objects = remotes.a.inner.objects  # type: ignore[attr-defined]
    data = bytearray(objects[key])
    data[len(data) // 2] ^= 1
    objects[key] = bytes(data)
    report = remotes.copy(bad, good)
    assert report.missing is not None
    assert report.missing.paths == ("data/0.bin",)
    assert remotes.held_by_b(bad, good) == {good}
    assert key not in remotes.packs(remotes.b)


def test_law_9_a_remote_that_falls_silent_is_no_answer(remotes: Remotes) -> None:
    pointers = remotes.push(content(1, LARGE), content(2, 400_000))
    for works in range(12):
        remotes.a.set("." * works, then="E")
        try:
            report = remotes.copy(*pointers)
        except RemoteUnavailable:
            continue
        assert report.missing is None
        break
    else:
        pytest.fail("never enough answers")
    assert remotes.held_by_b(*pointers) == set(pointers)


def test_law_10_an_interrupted_copy_is_taken_up_where_it_was(remotes: Remotes) -> None:
    pointers = remotes.push(*[content(n, LARGE + n) for n in range(3)])
    remotes.b.set("." * 3, only={"put", "put_if_absent"}, then="E")  # format and two packs
    with pytest.raises(RemoteUnavailable):
        remotes.copy(*pointers)
    assert not remotes.held_by_b(*pointers)
    arrived = remotes.packs(remotes.b)
    assert len(arrived) == 2
    remotes.b.set("")
    remotes.b.log.clear()
    remotes.copy(*pointers)
    sent = {key for verb, key in remotes.b.log if verb == "put_if_absent" and "packs/" in key}
    assert sent.isdisjoint(arrived)
    assert remotes.held_by_b(*pointers) == set(pointers)


def test_waves_are_published_one_by_one(remotes: Remotes) -> None:
    pointers = remotes.push(*[content(n, 300_000 + n) for n in range(6)])
    report = remotes.copy(*pointers, wave_records=10)
    assert report.done.packs > 1
    assert remotes.held_by_b(*pointers) == set(pointers)


def test_a_remote_that_cannot_be_written_to_is_refused_by_name(remotes: Remotes) -> None:
    pointers = remotes.push(b"small")
    target = ReadOnly(remotes.b)
    with pytest.raises(RemoteRefused, match=r"cannot copy data .* write"):
        copy(
            remotes.bob.view(remotes.a, "a"),
            remotes.bob.view(target, "b"),
            uses(*pointers),
            scratch=remotes.scratch,
        )
    assert not remotes.a.calls and not remotes.b.calls


def long_content(ann: Place, seed: int) -> Pointer:
    """Take in a content of so many chunks that its recipe is kept in pieces itself."""
    chunk = content(seed, 4 * MIN_MEAN_LEN)
    (piece,) = ingest(ann.store, chunk)
    count = 20_000
    whole = Oid(blake3(chunk * count).digest())
    recipe = Recipe.of([(piece.oid.digest, len(chunk))] * count)
    with ann.store.session() as session:
        session.add_recipe(whole.digest, recipe)
    assert decode(ann.store.read_record(whole.digest, 1)).depth
    return Pointer(whole, len(chunk) * count)


def test_a_recipe_in_pieces_is_copied_with_them(remotes: Remotes) -> None:
    pointer = long_content(remotes.ann, 1)
    push(remotes.ann.store, remotes.ann.view(remotes.a, "a"), [Use(pointer, uses(pointer)[0].path)])
    report = remotes.copy(pointer)
    assert report.missing is None
    assert remotes.held_by_b(pointer) == {pointer}


def test_a_false_pointer_is_not_there(remotes: Remotes) -> None:
    small, large = remotes.push(b"small", content(1, 300_000))
    false = [Pointer(small.oid, 6), Pointer(large.oid, 300_001)]
    report = remotes.copy(*false)
    assert report.missing is not None and len(report.missing.paths) == 2

"""How many requests things cost. Sizes are scaled down where only the number of packs matters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.faulty_backend import FaultyBackend
from support.remotes import Place, content, ingest, restored, uses

from git_mlvc.backend.base import Backend, Capability
from git_mlvc.backend.file import FileBackend
from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.transfer import fetch as fetching
from git_mlvc.transfer import plan
from git_mlvc.transfer import push as pushing
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.segments import remote_segments

SCALE = 32
GIB = (1 << 30) // SCALE


@pytest.fixture
def ann(tmp_path: Path) -> Place:
    return Place(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Place:
    return Place(tmp_path / "bob")


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (pack_format, "PACK_TARGET_BYTES"),
        (plan, "COMBINE_BELOW_BYTES"),
        (plan, "WHOLE_FROM_BYTES"),
        (pushing, "ASK_FIRST_BYTES"),
        (fetching, "WINDOW_BYTES"),
        (remote_segments, "WHOLE_BYTES"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) // SCALE)


def asked(remote: FaultyBackend) -> int:
    """Return how many requests there were, and begin anew."""
    made = sum(remote.calls.values())
    remote.calls.clear()
    remote.log.clear()
    return made


def of_packs(remote: FaultyBackend) -> Counter[str]:
    return Counter(verb for verb, key in remote.log if key.startswith("packs/"))


@pytest.mark.parametrize("lacking", [None, Capability.LIST, Capability.FLAT_LIST])
def test_a_gibibyte(
    scaled: None, ann: Place, bob: Place, tmp_path: Path, lacking: Capability | None
) -> None:
    inner = MemoryBackend(capabilities=frozenset(Capability) - {lacking})
    remote = FaultyBackend(inner)
    pointers = ingest(ann.store, content(1, GIB))
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert 16 <= report.packs <= 18
    # Nothing can stand where there was no format: each is looked at once, when it has arrived.
    assert of_packs(remote)["stat"] == (report.packs if lacking else 0)
    assert asked(remote) <= (44 if lacking else 27)
    assert push(ann.store, ann.view(remote), uses(*pointers)).packs == 0
    assert asked(remote) <= (3 if lacking is None else 3 + report.packs)
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert asked(remote) <= 28
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert asked(remote) == 0


def test_a_gibibyte_whose_push_was_interrupted(scaled: None, ann: Place) -> None:
    remote = FaultyBackend(MemoryBackend())
    pointers = ingest(ann.store, content(1, GIB))
    remote.set("", only={"put_if_absent"}, below="segments/", then="R")
    with pytest.raises(Exception, match="403"):
        push(ann.store, ann.view(remote), uses(*pointers))
    remote.set("")
    asked(remote)
    assert push(ann.store, ann.view(remote), uses(*pointers)).packs == 0
    assert of_packs(remote)["put_if_absent"] == 0  # each was looked at, and stood there
    assert asked(remote) <= 28


def test_twenty_thousand_small_files(ann: Place, bob: Place, tmp_path: Path) -> None:
    remote = FaultyBackend(MemoryBackend())
    data = content(1, 20_000 * 256)  # of 256 bytes here: requests do not depend on it
    pointers = ingest(ann.store, *[data[at : at + 256] for at in range(0, len(data), 256)])
    push(ann.store, ann.view(remote), uses(*pointers))
    assert asked(remote) <= 12
    push(ann.store, ann.view(remote), uses(*pointers))
    assert asked(remote) <= 3
    assert not fetch(bob.store, [bob.view(remote)], pointers).failed
    assert asked(remote) <= 6


def test_one_small_file(ann: Place, bob: Place) -> None:
    remote = FaultyBackend(MemoryBackend())
    (pointer,) = ingest(ann.store, b"small")
    push(ann.store, ann.view(remote), uses(pointer))
    assert asked(remote) <= 9
    push(ann.store, ann.view(remote), uses(pointer))
    assert asked(remote) <= 3
    assert not fetch(bob.store, [bob.view(remote)], [pointer]).failed
    assert asked(remote) <= 3


# -- a remote that cannot do everything


def test_a_fresh_clone_of_a_static_server_reads_the_index_and_what_it_names(
    ann: Place, bob: Place, tmp_path: Path
) -> None:
    remote = FileBackend(tmp_path / "remote")
    pointers = [ingest(ann.store, content(n, 50_000))[0] for n in range(3)]
    for pointer in pointers:
        push(ann.store, ann.view(remote), uses(pointer))

    class Static(FaultyBackend):
        capabilities = frozenset({Capability.RANGES})  # type: ignore[assignment]

    static = Static(remote)
    assert not fetch(bob.store, [bob.view(static)], pointers).failed
    assert asked(static) <= 1 + 3 + 2 * 3  # index, segments, what each pack has of it
    assert not fetch(Place(bob.path / "b").store, [bob.view(static)], pointers[:1]).failed
    assert asked(static) <= 3  # segments are kept


@pytest.mark.parametrize("wanted", [slice(0, 60, 20), slice(0, 60)])
def test_without_ranged_reads_each_pack_is_fetched_once(
    scaled: None, ann: Place, bob: Place, wanted: slice
) -> None:
    inner = MemoryBackend(capabilities=frozenset(Capability) - {Capability.RANGES})
    remote = FaultyBackend(inner)
    datas = [content(n, 100_000) for n in range(60)]
    pointers = ingest(ann.store, *datas)
    packs = push(ann.store, ann.view(remote), uses(*pointers)).packs
    assert packs == 3
    asked(remote)
    assert not fetch(bob.store, [bob.view(remote)], pointers[wanted]).failed
    brought = [key for verb, key in remote.log if key.startswith("packs/")]
    assert of_packs(remote).keys() == {"get_file"}
    assert len(set(brought)) == len(brought) <= packs
    assert asked(remote) <= 6
    assert [restored(bob.store, p) for p in pointers[wanted]] == datas[wanted]


def test_without_ranged_reads_wrong_bytes_are_found_out_all_the_same(
    ann: Place, bob: Place
) -> None:
    inner = MemoryBackend(capabilities=frozenset(Capability) - {Capability.RANGES})
    pointers = ingest(ann.store, content(1, 300_000), content(2, 300_000))
    push(ann.store, ann.view(inner), uses(*pointers))
    (key,) = [key for key in inner.objects if key.startswith("packs/")]
    inner.objects[key] = inner.objects[key][:1000] + b"?" + inner.objects[key][1001:]
    failed = fetch(bob.store, [bob.view(inner)], pointers).failed
    assert len(failed) == 1
    assert not any(bob.store.is_complete(pointer) for pointer in failed)


def test_without_ranged_reads_and_a_place_to_keep_packs_it_works_slowly(
    ann: Place, bob: Place
) -> None:
    inner: Backend = MemoryBackend(capabilities=frozenset(Capability) - {Capability.RANGES})
    pointers: list[Pointer] = ingest(ann.store, content(1, 300_000))
    push(ann.store, ann.view(inner), uses(*pointers))
    bob.path.mkdir(exist_ok=True)
    (bob.path / "cache-origin").write_text("in the way")
    assert not fetch(bob.store, [bob.view(inner)], pointers).failed


def test_where_a_listing_goes_folder_by_folder_few_packs_are_asked_for_alone(ann: Place) -> None:
    inner = MemoryBackend(capabilities=frozenset(Capability) - {Capability.FLAT_LIST})
    remote = FaultyBackend(inner)
    for number in range(6):
        (pointer,) = ingest(ann.store, content(number, 30_000))
        push(ann.store, ann.view(remote), uses(pointer))
    asked(remote)
    assert push(ann.store, ann.view(remote), uses(pointer)).packs == 0
    assert ("list", "packs/") not in remote.log
    assert of_packs(remote) == {"stat": 1}


def test_where_folders_can_be_told_only_what_may_stand_in_one_is_looked_for(
    scaled: None, ann: Place
) -> None:
    class Foldered(FaultyBackend):
        def folders(self, prefix: str) -> frozenset[str]:
            self.log.append(("folders", prefix))
            return frozenset(f"{key.rpartition('/')[0]}/" for key in inner.objects if prefix in key)

    inner = MemoryBackend(capabilities=frozenset(Capability) - {Capability.FLAT_LIST})
    remote = Foldered(inner)
    push(ann.store, ann.view(remote), uses(*ingest(ann.store, content(0, 30_000))))
    (first,) = [key for key in inner.objects if key.startswith("packs/")]
    asked(remote)
    pointers = ingest(ann.store, content(1, GIB))
    report = push(ann.store, ann.view(remote), uses(*pointers))
    assert ("folders", "packs/") in remote.log
    before = [key for verb, key in remote.log if verb == "stat" and key.startswith("packs/")]
    beside = sum(key[:9] == first[:9] for key in inner.objects) - 1
    assert len(before) == report.packs + beside  # all when they had arrived
    for key in [key for key in inner.objects if key.startswith("segments/")]:
        del inner.objects[key]
    inner.objects.pop("index")
    asked(remote)
    assert push(ann.store, ann.view(remote), uses(*pointers)).packs == 0  # each is found standing
    assert of_packs(remote)["put_if_absent"] == 0

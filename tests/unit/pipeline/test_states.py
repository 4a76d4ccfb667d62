"""What stands at a path, by content and never by time."""

from __future__ import annotations

import mmap
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.content import noise
from support.extent import examples
from support.repo import Machine
from support.states import Place, dep, file, folder
from support.stubs import Stubbed, stubbed

from git_mlvc.errors import InputError
from git_mlvc.formats import pointer as pointer_format
from git_mlvc.formats.pointer import Pointer
from git_mlvc.oid import Oid
from git_mlvc.pipeline.standing import stat_cache
from git_mlvc.pipeline.standing.states import States
from git_mlvc.repo_path import RepoPath
from git_mlvc.worktree.fill import fill


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stubbed]:
    made = stubbed(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def place(machine: Machine) -> Place:
    return Place(machine.init())


# -- files


def test_a_file_is_its_content_and_whether_it_may_be_executed(place: Place) -> None:
    place.write({"a.csv": b"1,2", "empty": b"", "run": b"#!"})
    (place.top / "run").chmod(0o755)
    assert place.state("a.csv") == file(b"1,2")
    assert place.state("empty") == file(b"")
    assert place.state("run") == file(b"#!", x=True)
    assert place.state("nothing") is None
    assert place.state("a.csv/below") is None


def test_a_large_file_is_its_content_too(place: Place) -> None:
    data = noise(9_000_001)
    place.write({"large.bin": data})
    assert place.state("large.bin") == file(data)


def test_a_stub_counts_as_the_content_it_stands_for(place: Place) -> None:
    pointer = Pointer(Oid.of(b"content"), 7)
    place.write({"d/stub.bin": pointer_format.encode(pointer), "d/x.bin": b"x"})
    full = {"stub.bin": b"content", "x.bin": b"x"}
    for _ in range(2):  # hashed, then remembered
        assert place.state("d/stub.bin") == file(b"content")
        assert place.state("d") == folder(full)
    place.write({"d/stub.bin": b"content"})
    assert place.state("d") == folder(full)


def test_links_count_as_what_they_lead_to(place: Place, tmp_path: Path) -> None:
    place.write({"data/a": b"1", "data/sub/b": b"2"})
    (tmp_path / "elsewhere").write_bytes(b"outside")
    (place.top / "file").symlink_to(tmp_path / "elsewhere")
    (place.top / "folder").symlink_to("data")
    (place.top / "data" / "sub" / "up").symlink_to("../a")
    (place.top / "data" / "dangling").symlink_to("nowhere")
    (place.top / "more").mkdir()
    (place.top / "more" / "all").symlink_to("../data")
    files = {"a": b"1", "sub/b": b"2", "sub/up": b"1"}
    assert place.state("file") == file(b"outside")
    assert place.state("folder") == place.state("data") == folder(files)
    assert place.state("more") == folder({f"all/{name}": data for name, data in files.items()})


@pytest.mark.parametrize("kind", ["circle", "loop", "pipe", "socket", "pipe in it", "unreadable"])
def test_what_has_no_content_is_named(place: Place, kind: str) -> None:
    place.write({"d/a": b"1"})
    at = place.top / "d" / "odd"
    asked = "d"
    if kind == "circle":
        at.symlink_to("odd")
    elif kind == "loop":
        at.symlink_to("../d")
    elif kind == "socket":
        asked = "d/odd"
        folder_fd = os.open(at.parent, os.O_RDONLY)  # the name of a socket must be short
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{folder_fd}/odd")
        os.close(folder_fd)
    elif kind == "unreadable":
        if os.geteuid() == 0:
            at.symlink_to("/proc/self/mem")  # root may open everything, and not read this
        else:
            at.write_bytes(b"secret")
            at.chmod(0)
    else:
        os.mkfifo(at)
        asked = "d/odd" if kind == "pipe" else "d"
    with pytest.raises(InputError, match="d/odd"):
        place.state(asked)


# -- what is not read


def test_nothing_is_read_twice(place: Place) -> None:
    files = {f"data/{n % 3}/{n}": b"%d" % n for n in range(30)}
    place.write({**files, "src/a.py": b"a"})
    texts = ("data", "src/a.py", "data/0/*")
    assert place.read(*texts) == 31
    assert place.read(*texts) == 0
    place.write({"data/1/4": b"four"})
    assert place.read(*texts) == 1
    assert place.read(*texts) == 0


def test_what_git_holds_as_pointers_is_not_read_at_all(scene: Stubbed) -> None:
    contents = {"data/full.bin": noise(3000), "data/stub.bin": noise(4000)}
    wanted = scene.commit(contents)
    by_name = {path.text: (path, pointer) for path, pointer in wanted.items()}
    fill(scene.repository, scene.store, [by_name["data/full.bin"]])
    index = scene.repository.index_path
    os.utime(index, ns=(0, os.stat(index).st_mtime_ns + 10**10))  # as if git had looked later
    states = States(scene.repository)
    expected = {path.removeprefix("data/"): data for path, data in contents.items()}
    assert states.state(dep("data")) == folder(expected)
    assert states.contents.files_read == 0
    each = [dep(path) for path in contents]
    states = States(scene.repository, deps=each)
    assert [states.state(one) for one in each] == [file(data) for data in contents.values()]
    assert (states.contents.files_read, states.known_to_git.questions) == (0, 1)
    os.utime(index, ns=(0, 10**9))  # everything may have changed since: git's racy entries
    states = States(scene.repository)
    assert states.state(dep("data")) == folder(expected)
    assert states.contents.files_read == 2


def test_what_may_change_unseen_is_read_again(place: Place) -> None:
    """A file written within the tick of being read may be written again and look the same."""
    place.write({"a": b"old"})
    stamps = os.stat(place.top / "a")

    def at_once() -> int:
        return max(stamps.st_mtime_ns, stamps.st_ctime_ns) + 5 * 10**6

    assert place.read("a", clock=at_once) == 1
    assert place.read("a", clock=at_once) == 1
    assert place.read("a") == 1
    assert place.read("a") == 0


def test_coarse_stamps_are_trusted_later() -> None:
    def looking(mtime_ns: int, ctime_ns: int) -> Any:
        return SimpleNamespace(st_mtime_ns=mtime_ns, st_ctime_ns=ctime_ns)

    s = 10**9
    assert stat_cache.is_settled(looking(100 * s + 1, 100 * s), 101 * s)
    assert not stat_cache.is_settled(looking(100 * s, 100 * s), 101 * s)
    assert not stat_cache.is_settled(looking(100 * s, 100 * s), 102 * s)
    assert stat_cache.is_settled(looking(100 * s, 100 * s), 103 * s)
    assert not stat_cache.is_settled(looking(s, 100 * s + 1), 100 * s + 1)


# -- what changes without showing


def _edit(path: Path, how: str, data: bytes, aside: Path) -> None:
    before = os.stat(path)
    if how == "map":
        with open(path, "r+b") as opened, mmap.mmap(opened.fileno(), 0) as mapped:
            mapped[:] = data
    elif how == "move over":
        aside.write_bytes(data)
        os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.replace(aside, path)
    elif how == "hard link":
        os.link(path, aside)
        aside.write_bytes(data)
        aside.unlink()
    else:
        path.write_bytes(data)
    if how in ("touch", "hard link"):
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("how", ["write", "map", "move over", "hard link", "touch"])
def test_an_edit_of_the_same_size_and_date_is_seen(place: Place, how: str, tmp_path: Path) -> None:
    path = place.top / "d" / "a"
    for round in range(5):  # several: one may fall on the edge of a tick
        data = b"content %d" % round
        if round:
            _edit(path, how, data, tmp_path / "aside")
        else:
            place.write({"d/a": data, "d/b": b""})
        assert place.state("d/a", clock=stat_cache.moment) == file(data)
        assert place.state("d", clock=stat_cache.moment) == folder({"a": data, "b": b""})


# -- the cache file


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0), st.integers(1, 255), st.booleans())
def test_a_damaged_cache_costs_time_and_nothing_else(
    place: Place, at: int, by: int, is_cut: bool
) -> None:
    files = {"a": b"1", "b/c": b"2", "b/d": b"3"}
    place.write({f"d/{name}": data for name, data in files.items()})
    place.cache.unlink(missing_ok=True)
    place.state("d")
    data = bytearray(place.cache.read_bytes())
    at %= len(data)
    data[at] ^= by
    place.cache.write_bytes(data[:at] if is_cut else data)
    assert place.state("d") == folder(files)
    assert place.read("d") == 0


def test_a_cache_of_another_worktree_is_no_use_and_no_harm(place: Place, machine: Machine) -> None:
    place.write({"d/a": b"1"})
    place.state("d")
    other = Place(machine.init("other"))
    other.write({"d/a": b"2"})
    other.found.state_dir.mkdir(exist_ok=True)
    other.cache.write_bytes(place.cache.read_bytes())
    assert other.state("d") == folder({"a": b"2"})


def test_processes_side_by_side_keep_what_each_has_learnt(place: Place) -> None:
    place.write({"one/a": b"1", "two/b": b"2", "one/c": b"3", "gone/d": b"4"})
    place.state("gone")
    (place.top / "gone" / "d").unlink()
    (place.top / "gone").rmdir()
    first, second = place.states(), place.states()
    for states, texts in ((first, ["one/a", "two"]), (second, ["one/c"])):
        for text in texts:
            states.state(dep(text))
    first.save()
    second.save()
    assert place.read("one/a", "one/c", "two") == 0
    assert b"gone" not in place.cache.read_bytes()


def test_what_was_just_written_need_not_be_read(place: Place) -> None:
    place.write({"o/a": b"1"})
    states = place.states()
    path, info = RepoPath(b"o/a"), os.stat(place.top / "o/a")
    assert states.known(path, info) is None
    states.know(path, file(b"1"), info, states.moment())
    assert states.known(path, info) == file(b"1")
    states.save()
    assert place.read("o/a") == 0


def test_what_was_seen_is_seen_again_until_it_is_forgotten(place: Place) -> None:
    place.write({"d/s/a": b"1", "e": b"1"})
    states = place.states()
    texts = ("d", "d/s", "d/s/a", "d/*/a", "e")
    before = [states.state(dep(text)) for text in texts]
    place.write({"d/s/a": b"2", "e": b"2"})
    assert [states.state(dep(text)) for text in texts] == before
    states.forget([RepoPath(b"d/s")])
    after = [states.state(dep(text)) for text in texts]
    assert after == [place.state(text) for text in texts[:-1]] + [file(b"1")]
    states.forget()
    assert states.state(dep("e")) == file(b"2")


def test_threads_that_ask_and_forget_at_once_all_hear_the_truth(place: Place) -> None:
    files = {f"{n % 7}/{n}": b"%d" % n for n in range(60)}
    place.write({f"d/{name}": data for name, data in files.items()} | {".gitignore": b"*.x\n"})
    texts = ["d", *(f"d/{n}" for n in range(7)), "d/**/1*", *(f"d/{name}" for name in files)]
    expected = {text: place.state(text) for text in texts}
    place.cache.unlink()
    states = place.states(*map(dep, texts))

    def ask(number: int) -> bool:
        text = texts[number * 5 % len(texts)]
        if number % 3 == 0:
            states.forget([RepoPath(b"d/%d" % (number % 7))])
        if number % 40 == 0:
            states.save()
        return states.state(dep(text)) == expected[text]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(300)))
    states.save()
    assert place.read(*texts) == 0

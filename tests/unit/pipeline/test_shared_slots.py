"""Slots that several processes share, each with its own files; here all of them are in one process."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FuturesTimeout
from contextlib import ExitStack, suppress

import pytest

from git_mlvc.fs.lock import FileLock
from git_mlvc.fs.owner import Owner
from git_mlvc.git.repository import Repository
from git_mlvc.pipeline.model import Stage
from git_mlvc.pipeline.running.shared_slots import SharedSlots
from git_mlvc.pipeline.running.slot_files import SlotFiles, waiting
from git_mlvc.pipeline.running.slots import Slots


def stage(name, **resources):
    return Stage(name, name, ("true",), resources=resources)


@pytest.fixture
def process(tmp_path):
    """Make the slots of a process that may run `stages`."""
    with ExitStack() as stack:

        def make(*stages, jobs=4, gpus=2, place="a"):
            files = SlotFiles(tmp_path / "mlvc" / "slots", str(tmp_path / place))
            shared = stack.enter_context(SharedSlots(Slots(jobs, {"gpu": gpus}), files))
            shared.expect(stages)
            return shared

        yield make


def chosen(shared, *ready):
    choice = shared.choose(ready)
    return {one.stage.name: one.slots.get("gpu") for one in choice.admitted}, choice.waits


def files(tmp_path):
    return sorted(path.suffix for path in (tmp_path / "mlvc" / "slots").iterdir())


def test_two_processes_get_numbers_of_their_own_and_the_third_is_told_who_has_them(
    tmp_path, process
):
    one, two = stage("one", gpu=1), stage("two", gpu=1)
    first, second, third = process(one), process(one, place="b"), process(two)
    assert chosen(first, one) == ({"one": (0,)}, {})
    assert chosen(second, one) == ({"one": (1,)}, {})
    started, waits = chosen(third, two, stage("free"))
    assert started == {"free": None}
    pid = Owner.current().pid
    for place in "ab":
        assert f"process {pid} runs one in {tmp_path / place}" in waits["two"]
    assert [wish.stage for wish in waiting(tmp_path)[Owner.current()]] == ["two"]
    first.give_back("one")
    assert chosen(third, two) == ({"two": (0,)}, {})
    assert waiting(tmp_path) == {}
    for shared in (first, second, third):
        shared.__exit__()
    assert files(tmp_path) == [""]  # the lock for taking turns


def test_where_no_stage_asks_for_slots_nothing_is_written(tmp_path, process):
    plain = stage("plain", gpu=0)
    shared = process(plain)
    assert chosen(shared, plain) == ({"plain": None}, {})
    assert shared.fds() == [] and not (tmp_path / "mlvc").exists()


def test_a_lock_tells_the_dead_from_those_whose_stages_still_run(tmp_path, process):
    one = stage("one", gpu=1)
    killed, other = process(one, gpus=1), process(one, gpus=1)
    chosen(killed, one)
    (path,) = (tmp_path / "mlvc" / "slots").glob("*.json")
    lock = path.with_suffix(".lock")
    left = path.read_bytes(), lock.read_bytes()
    killed.__exit__()
    path.write_bytes(left[0])
    lock.write_bytes(left[1])
    with FileLock(lock, timeout_s=0):  # as whoever stops what a killed process has started
        assert chosen(other, one)[0] == {}
    assert chosen(other, one) == ({"one": (0,)}, {})
    assert not path.exists() and not lock.exists()


def test_other_machines_and_those_that_wait_no_more_do_not_count(tmp_path, process):
    one, big = stage("one", gpu=1), stage("big", gpu=2)
    first, second = process(one, big), process(one)
    assert chosen(first, one)[0] == {"one": (0,)}
    assert chosen(first, big) == ({}, {})  # it waits for a stage of its own process
    assert chosen(second, one)[0] == {}
    (path,) = (
        file for file in (tmp_path / "mlvc" / "slots").glob("*.json") if b"big" in file.read_bytes()
    )
    said = json.loads(path.read_bytes())
    path.write_text(json.dumps({**said, "seen_ns": said["seen_ns"] - 10**11}))  # stopped by Ctrl-Z
    assert chosen(second, one)[0] == {"one": (1,)}
    second.give_back("one")
    path.write_text(json.dumps({**said, "owner": "elsewhere" + said["owner"]}))
    assert chosen(second, one)[0] == {"one": (0,)}
    path.write_text("{")  # says nothing sensible, and is held: nobody knows of what
    second.give_back("one")
    assert chosen(second, one)[0] == {"one": (0,)}


def test_where_nothing_can_be_written_a_process_counts_alone_and_says_so_once(tmp_path, process):
    (tmp_path / "mlvc").write_bytes(b"in the way")
    one = stage("one", gpu=1)
    shared = process(one)
    assert chosen(shared, one) == ({"one": (0,)}, {})
    place = tmp_path / "mlvc" / "slots"
    assert f"other processes do not see: {place}: Not a directory" in shared.trouble()
    assert shared.trouble() == ""
    shared.give_back("one")
    assert chosen(shared, one) == ({"one": (0,)}, {})


def test_whoever_comes_while_another_takes_its_turn_is_counted_too(tmp_path, process):
    one = stage("one", gpu=1)
    shared, late = process(one, gpus=1), process(one, gpus=1)
    chosen(shared, one)
    with ThreadPoolExecutor(1) as pool:
        with FileLock(tmp_path / "mlvc" / "slots" / "lock", timeout_s=0):
            choice = pool.submit(chosen, late, one)
            with suppress(FuturesTimeout):
                choice.result(0.3)  # longer than a turn is waited for
        assert choice.result()[0] == {} and late.trouble() == ""


def test_while_another_takes_its_turn_only_stages_without_slots_begin(tmp_path, process):
    one, free = stage("one", gpu=1), stage("free")
    shared = process(one)
    chosen(shared, free)
    with FileLock(tmp_path / "mlvc" / "slots" / "lock", timeout_s=0):
        started, waits = chosen(shared, one, stage("also free"))
        assert (started, waits) == ({"also free": None}, {"one": ""})
    assert chosen(shared, one) == ({"one": (0,)}, {})


def test_what_a_stage_with_slots_starts_counts_by_itself_and_begins_with_those(tmp_path):
    """If it waited for others, two such stages could wait for each other."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    one = stage("one", big_disk=1)
    repo = Repository.discover(tmp_path, {"MLVC_SLOT_BIG_DISK": "2,3", "MLVC_SLOT_OTHER": "none"})
    with SharedSlots.of(repo, 1, {"big-disk": 4}) as shared:
        shared.expect([one])
        (admitted,) = shared.choose([one]).admitted
        assert admitted.slots == {"big-disk": (2,)}
        assert shared.fds() == []

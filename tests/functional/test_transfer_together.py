"""Several people push to one remote at once, each from processes of their own, while others read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from support.content import noise
from support.extent import IN_FULL
from support.repo import Machine, Repo

PEOPLE = 3 if IN_FULL else 2
PUSHES = 4  # each adds a segment, so that some of them merge


def at_once(*works: Callable[[], None]) -> None:
    """Run them on threads of their own; raise what the first to fail raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_reader_of_a_busy_remote_sees_whole_files_and_nothing_is_lost(
    machine: Machine, repo: Repo, remote: Repo
) -> None:
    common = noise(150_000, 1)
    repo.write({"common.bin": common}).add().commit("start")
    repo.git("push", "-q", "origin", "main")
    clones = [machine.clone("origin.git", f"clone{number}") for number in range(PEOPLE)]
    written: list[tuple[str, str, bytes]] = []
    still_writing = [True] * PEOPLE

    def write(number: int) -> None:
        clone = clones[number]
        branch = f"branch{number}"
        clone.git("checkout", "-q", "-b", branch)
        try:
            for turn in range(PUSHES):
                data = common[:100_000] + noise(20_000, 100 * number + turn + 2)
                name = f"{number}-{turn}.bin"
                clone.write({name: data}).add().commit(name)
                clone.git("push", "-q", "origin", branch)
                written.append((branch, name, data))
        finally:
            still_writing[number] = False

    def read() -> None:
        number = 0
        while any(still_writing) or number == 0:
            reader = machine.clone("origin.git", f"reader{number}", "--bare")
            # Whatever a ref that can be fetched needs is there in full.
            reader.mlvc("fetch", "--all")
            number += 1

    at_once(*[lambda number=number: write(number) for number in range(PEOPLE)], read)  # type: ignore[misc]
    place = remote.path / "mlvc"
    assert list(place.glob("segments/*.in-*")), "nothing was merged"
    assert not list(place.glob("**/.*"))  # no temporary file stays
    assert_all_there(machine, written)


def assert_all_there(machine: Machine, written: list[tuple[str, str, bytes]]) -> None:
    last = machine.clone("origin.git", "last")
    last.mlvc("fetch", "--all")
    last.mlvc("fsck", "--remote")
    assert len(written) == PEOPLE * PUSHES
    for branch in dict.fromkeys(branch for branch, _, _ in written):
        last.git("checkout", "-q", branch)
        for _, name, data in [one for one in written if one[0] == branch]:
            assert last.read(name) == data


def test_the_same_data_pushed_by_everybody_at_once_is_there_once_or_more(
    machine: Machine, repo: Repo, tmp_path: Path
) -> None:
    data = noise(400_000, 3)
    repo.write({"data.bin": data}).add().commit("data")
    place = tmp_path / "share" / "data"
    place.parent.mkdir()
    machine.config("mlvc.remote.lab.url", str(place))
    clones = [machine.clone("repo", f"clone{number}") for number in range(PEOPLE)]
    at_once(*[lambda clone=clone: clone.mlvc("push", "lab") for clone in clones])  # type: ignore[misc]
    assert 1 <= len(list(place.glob("packs/*/*"))) <= PEOPLE
    reader = machine.clone("repo", "reader", env={"MLVC_SKIP_SMUDGE": "1"})
    reader.git("remote", "remove", "origin")
    reader.mlvc("pull", "lab")
    assert reader.read("data.bin") == data

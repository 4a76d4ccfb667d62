"""Real transfers, killed or interrupted in the middle: what had arrived is not sent again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.content import noise
from support.extent import cases
from support.fault_proxy import FaultProxy, Stall, retry_after
from support.repo import Machine, Repo, launcher

PACKS = 4
LARGE_BYTES = 40 << 20  # is filled while it comes
PACK_BYTES = 8_600_000  # a local pack of its own on the remote
INTERRUPTED = 130
HANG_S = 60
_FASTER_BYTES = 15_000_000  # a second: so that a transfer takes a moment
_SLOW_BYTES = 300_000  # a second: a transfer would take minutes


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a few packs to send."""
    machine = Machine(tmp_path_factory.mktemp("interrupted")).install()
    repo = machine.init().track("*.bin").commit("set up")
    for number in range(PACKS):
        repo.write({f"{number}.bin": noise(PACK_BYTES, number)}).add()
    repo.commit("data")
    return machine.root


@pytest.fixture
def machine(template: Path, tmp_path: Path) -> Machine:
    shutil.copytree(template, tmp_path / "machine", symlinks=True)
    machine = Machine(tmp_path / "machine")
    machine.config("mlvc.jobs", "1")
    (tmp_path / "machine" / "share").mkdir()
    machine.config("mlvc.remote.lab.url", str(tmp_path / "machine" / "share" / "data"))
    machine.config("mlvc.default", "lab")
    return machine


@pytest.fixture
def repo(machine: Machine) -> Repo:
    return machine.repo("repo")


@pytest.fixture
def clone(machine: Machine, repo: Repo) -> Repo:
    """Another clone, which has stubs only; the data is on the remote."""
    repo.mlvc("push", "lab")
    clone = machine.clone("repo", "clone", env={"MLVC_SKIP_SMUDGE": "1"})
    clone.git("remote", "remove", "origin")
    return clone


def packs(place: Path) -> set[str]:
    return {path.name for path in (place / "packs").glob("*/*") if not path.name.startswith(".")}


def share(machine: Machine) -> Path:
    return machine.root / "share" / "data"


@contextmanager
def running(repo: Repo, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, and end it whatever happens."""
    process = subprocess.Popen(
        [launcher(), *args],
        cwd=repo.path,
        env=repo.machine.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until it holds; fail if the process ends before."""
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def interrupted(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C, and see that it ends at once, quietly."""
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == INTERRUPTED, said
    assert b"Traceback" not in said
    assert time.monotonic() - began < HANG_S / 2


def is_sound(repo: Repo) -> bool:
    return repo.mlvc("fsck").ok


# -- killed


def killed_half_way(repo: Repo, *verb: str, place: Path, afresh: Callable[[], object]) -> set[str]:
    """Kill a transfer when two packs have come; return which have. Slower if this machine was too busy to see it."""
    for slower in (1, 5, 25):
        repo.set("mlvc.limitRate", str(_FASTER_BYTES // slower))
        with running(repo, *verb) as process:
            wait_for(lambda: len(packs(place)) >= 2, process)
            process.send_signal(signal.SIGKILL)
            process.wait()
        if len(packs(place)) < PACKS:
            break
        afresh()
    there = packs(place)
    assert 2 <= len(there) < PACKS
    return there


def test_a_push_that_was_killed_goes_on_where_it_was(machine: Machine, repo: Repo) -> None:
    place = share(machine)
    there = killed_half_way(repo, "push", "lab", place=place, afresh=lambda: shutil.rmtree(place))
    repo.set("mlvc.limitRate", "0")
    report = json.loads(repo.mlvc("push", "lab", "--json").out)
    assert report["packs"] == PACKS - len(there)
    assert there <= packs(share(machine))
    assert len(packs(share(machine))) == PACKS


def test_a_fetch_that_was_killed_goes_on_where_it_was(
    machine: Machine, repo: Repo, clone: Repo
) -> None:
    here = killed_half_way(clone, "fetch", place=clone.store, afresh=clone.lose_data)
    clone.set("mlvc.limitRate", "0")
    report = json.loads(clone.mlvc("fetch", "--json").out)
    assert not report["failed"]
    assert report["received_bytes"] < (PACKS - len(here)) * PACK_BYTES + 100_000
    assert is_sound(clone)
    clone.mlvc("pull")
    assert clone.read("0.bin") == noise(PACK_BYTES, 0)


# -- Ctrl-C


def test_ctrl_c_ends_a_push_at_once(machine: Machine, repo: Repo) -> None:
    repo.set("mlvc.limitRate", str(_SLOW_BYTES))
    with running(repo, "push", "lab") as process:
        wait_for(lambda: any(share(machine).glob("packs/*/.*")), process)
        interrupted(process)
    assert is_sound(repo)
    repo.set("mlvc.limitRate", "0")
    repo.mlvc("push", "lab")
    assert len(packs(share(machine))) == PACKS


@pytest.mark.parametrize("verb", cases(["fetch", "pull"], ["pull"]))
def test_ctrl_c_ends_a_fetch_at_once(clone: Repo, verb: str) -> None:
    clone.set("mlvc.limitRate", str(_SLOW_BYTES))
    with running(clone, verb) as process:
        wait_for(lambda: any(clone.store.glob("tmp/*")), process)
        interrupted(process)
    clone.set("mlvc.limitRate", "0")
    assert is_sound(clone)
    clone.mlvc("pull")
    assert clone.stubs() == []


@pytest.mark.parametrize("sign", cases([signal.SIGINT, signal.SIGKILL], [signal.SIGKILL]))
def test_a_pull_that_ends_while_a_large_file_is_written_goes_on(
    machine: Machine, repo: Repo, sign: int
) -> None:
    """What has come of it is in the store; of the file itself nothing is to be seen."""
    data = noise(LARGE_BYTES, 9)
    repo.write({"large.bin": data}).add().commit("large")
    repo.mlvc("push", "lab")
    clone = machine.clone("repo", "clone", env={"MLVC_SKIP_SMUDGE": "1"})
    clone.git("remote", "remove", "origin")
    clone.set("mlvc.limitRate", str(_FASTER_BYTES))
    with running(clone, "pull", "large.bin") as process:
        spare = clone.git_dir / "mlvc" / "tmp"
        wait_for(lambda: any(spare.glob(".git-mlvc-*")), process)
        wait_for(lambda: any(clone.store.glob("tmp/*")), process)
        if sign == signal.SIGINT:
            interrupted(process)
            assert not any(spare.glob(".git-mlvc-*"))
        else:
            process.send_signal(sign)
            process.wait()
    assert "large.bin" in clone.stubs()
    assert not (clone.git_dir / "index.lock").exists()
    clone.set("mlvc.limitRate", "0")
    assert is_sound(clone)
    report = json.loads(clone.mlvc("pull", "--json").out)
    assert len(report["fill"]["filled"]) == PACKS + 1
    assert report["fill"]["size_bytes"] == PACKS * PACK_BYTES + len(data)
    assert clone.read("large.bin") == data
    assert clone.status() == ""


@pytest.mark.parametrize("key", cases(["index", "packs"], ["index"]))
def test_ctrl_c_ends_a_wait_for_a_server_that_says_nothing(
    machine: Machine, clone: Repo, key: str
) -> None:
    """A pipe that nobody writes to: whoever opens it waits, on the main thread or on another."""
    place = share(machine)
    silent = [place / key] if key == "index" else sorted(place.glob("packs/*/*"))
    kept = {path: path.read_bytes() for path in silent}
    for path in silent:
        path.unlink()
        os.mkfifo(path)
    with running(clone, "fetch") as process:
        began = time.monotonic()
        wait_for(lambda: is_waiting(process.pid) or time.monotonic() > began + 5, process)
        interrupted(process)
    for path, data in kept.items():
        path.unlink()
        path.write_bytes(data)
    assert is_sound(clone)
    clone.mlvc("pull")
    assert clone.stubs() == []


@contextmanager
def web_server(directory: Path) -> Iterator[FaultProxy]:
    """Show a directory as a static web server does, one that can have bad days."""
    handler = partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            with FaultProxy(server.server_port) as proxy:
                yield proxy
        finally:
            server.shutdown()
            thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


WAITS = {
    "busy-index": (retry_after("60"), "index"),
    "busy-packs": (retry_after("60"), "packs/"),
    "stalled-index": (Stall(), "index"),
    "stalled-packs": (Stall(), "packs/"),
}


@pytest.mark.parametrize("wait", cases(WAITS, ["busy-index", "stalled-packs"]))
def test_ctrl_c_ends_a_wait_for_a_web_server(machine: Machine, clone: Repo, wait: str) -> None:
    """In a pause that it asked for, and while it says nothing; on the main thread and on another."""
    fault, path = WAITS[wait]
    with web_server(share(machine)) as proxy:
        proxy.rules.add(fault, path=path, times=-1)
        clone.set("mlvc.remote.lab.url", proxy.url)
        with running(clone, "fetch") as process:
            wait_for(lambda: bool(proxy.asked("GET", path)), process)
            interrupted(process)
    clone.set("mlvc.remote.lab.url", str(share(machine)))
    assert is_sound(clone)


def is_waiting(pid: int) -> bool:
    """True if some thread of the process waits for somebody to open a pipe, as far as the kernel tells."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (thread / "wchan").read_text().startswith(("wait_for_partner", "fifo_open")):
                return True
        except OSError:
            continue
    return False

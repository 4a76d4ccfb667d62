"""Starting the filter: what it imports, and that it survives being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.content import noise, pointer_to
from support.filter_client import FilterClient, packet
from support.repo import Machine, Repo, launcher

GOLDEN = Path(__file__).parents[2] / "golden" / "filter_start_modules.txt"
_LISTING = """
import os, sys
from git_mlvc.filter import serve
heads = {name.partition(".")[0] for name in sys.modules}
third = heads - set(sys.stdlib_module_names) - {"__main__", "git_mlvc"}
ours = {name for name in sys.modules if name.startswith("git_mlvc")}
heavy = {"subprocess", "asyncio", "socket", "ssl", "http", "logging", "tempfile", "hashlib",
         "concurrent", "threading", "json", "dataclasses", "inspect", "tomllib", "email", "multiprocessing"}
print("\\n".join(sorted(ours) + sorted(heads & heavy) + sorted(t for t in third if "editable" not in t.lower())))
"""


def test_the_filter_imports_what_the_golden_list_says_and_nothing_more() -> None:
    """To change the list: run the listing above; each line costs every `git status` its import."""
    listed = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            "import sys; sys.path[:0] = sys.argv[1:]\n" + _LISTING,
            str(GOLDEN.parents[2]),
        ],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert listed.split() == GOLDEN.read_text().split()


_HANDSHAKE = """
import os, sys
sys.argv = ["git-mlvc", "filter-process"]
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
from git_mlvc.cli.main import main
assert main() == 0
os.dup2(out, 1)
"""


def test_a_filter_that_git_starts_imports_what_the_second_golden_list_says(repo: Repo) -> None:
    """From the console script's entry to the first request, in a repository that has its hooks."""
    said = [packet(b"git-filter-client\n"), packet(b"version=2\n"), b"0000"]
    said += [packet(b"capability=clean\n"), b"0000"]
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        + _HANDSHAKE
        + _LISTING.replace("from git_mlvc.filter import serve", "")
    )
    command = [sys.executable, "-S", "-c", script, str(GOLDEN.parents[2])]
    for _ in range(2):  # the first one installs the hooks
        done = subprocess.run(
            command,
            cwd=repo.path,
            env=repo.machine.env(),
            input=b"".join(said),
            capture_output=True,
            check=True,
        )
    golden = GOLDEN.with_name("filter_process_modules.txt")
    assert done.stdout.decode().split() == golden.read_text().split()


class Process:
    """A filter process as git starts it."""

    def __init__(self, repo: Repo, *arguments: str) -> None:
        stdin, to_filter = os.pipe()
        from_filter, stdout = os.pipe()
        self.popen = subprocess.Popen(
            [launcher(), "filter-process", *arguments],
            cwd=repo.path,
            env=repo.machine.env(),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        os.close(stdin)
        os.close(stdout)
        self.client = FilterClient(to_filter, from_filter)

    def end(self) -> tuple[int, str]:
        self.client.hang_up()
        _, stderr = self.popen.communicate(timeout=60)
        return self.popen.returncode, stderr.decode()


@pytest.fixture
def repo(bare_machine: Machine) -> Repo:
    return bare_machine.init()


def test_a_whole_conversation_with_the_real_process(repo: Repo) -> None:
    process = Process(repo)
    data = noise(3_000_000)
    client = process.client.shake_hands()
    pointer = client.clean(b"x", data).content
    assert pointer == pointer_to(data)
    assert client.smudge(b"x", pointer).content == data
    assert client.rest() == b""
    assert process.end() == (0, "")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_git_was_told_survives_any_end(repo: Repo, how: signal.Signals) -> None:
    process = Process(repo)
    client = process.client.shake_hands()
    small, large = noise(5000), noise(3_000_000)
    for data in (small, large):
        assert client.clean(b"x", data).content == pointer_to(data)
    client.send_list("command=clean", "pathname=unfinished")
    client.send(b"fff0" + bytes(65516) + b"fff0" + bytes(100))
    process.popen.send_signal(how)
    process.popen.wait(60)
    _, stderr = process.end()
    assert stderr == "", "an interrupt is normal"
    following = Process(repo)
    client = following.client.shake_hands()
    for data in (small, large):
        assert client.smudge(b"x", pointer_to(data)).content == data
    assert client.clean(b"y", b"goes on").content == pointer_to(b"goes on")
    assert following.end() == (0, "")


def test_law_7_a_closed_standard_error_does_not_reach_standard_output(repo: Repo) -> None:
    stdin, to_filter = os.pipe()
    from_filter, stdout = os.pipe()
    popen = subprocess.Popen(
        ["sh", "-c", f'exec "{launcher()}" filter-process 2>&-'],
        cwd=repo.path,
        env=repo.machine.env(),
        stdin=stdin,
        stdout=stdout,
    )
    os.close(stdin)
    os.close(stdout)
    client = FilterClient(to_filter, from_filter).shake_hands()
    damaged = pointer_to(b"x") + b"appended"
    assert client.clean(b"x", damaged).content == damaged
    assert client.rest() == b""
    client.hang_up()
    assert popen.wait(60) == 0


@pytest.mark.parametrize("size", [0, 1, 5000, 2_000_000])
def test_single_shot_filters_do_the_same(repo: Repo, size: int) -> None:
    data = noise(size)
    machine = repo.machine
    cleaned = machine.run(launcher(), "clean", "--", "a b.bin", cwd=repo.path, input=data).stdout
    assert cleaned == pointer_to(data)
    smudged = machine.run(launcher(), "smudge", "--", "a b.bin", cwd=repo.path, input=cleaned)
    assert smudged.stdout == data


def test_a_single_shot_smudge_of_missing_data_is_a_stub_and_a_message(repo: Repo) -> None:
    pointer = pointer_to(b"nowhere")
    done = repo.machine.run(launcher(), "smudge", "--", "x", cwd=repo.path, input=pointer)
    assert done.stdout == pointer
    assert "x stays a stub" in done.err and "git mlvc pull" in done.err


def test_a_single_shot_smudge_passes_what_is_no_pointer(repo: Repo) -> None:
    data = noise(20_000_000)
    done = repo.machine.run(launcher(), "smudge", "--", "x", cwd=repo.path, input=data)
    assert done.stdout == data

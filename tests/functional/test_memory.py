"""Memory does not grow with the file: in add, in checkout, in push and in a clone."""

from __future__ import annotations

import os
import sys

from support.content import noise
from support.repo import Machine, Repo

LIMIT_KIB = 150 << 10
MIB = 192
# The highest peak of any process that was waited for, however deep in the family.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
sys.exit(code)
"""


def peak_kib(machine: Machine, repo: Repo | None, *args: str | os.PathLike[str]) -> int:
    cwd = repo.path if repo else machine.root
    done = machine.run(sys.executable, "-c", MEASURE, "git", *map(str, args), cwd=cwd)
    return int(done.out.split()[-1])


def test_no_process_needs_memory_for_the_file(machine: Machine, repo: Repo) -> None:
    data = noise(1 << 20) * 3 + noise(MIB << 20, 1)
    repo.write({"big.bin": data})
    remote = machine.bare()
    peaks = {"add": peak_kib(machine, repo, "add", "big.bin", ".gitattributes")}
    repo.commit("one")
    peaks["push"] = peak_kib(machine, repo, "push", "-q", remote.path, "main")
    peaks["clone"] = peak_kib(machine, None, "clone", "-q", remote.path, "copy")
    copy = machine.repo("copy")
    copy.remove("big.bin")
    peaks["checkout"] = peak_kib(machine, copy, "checkout", "--", "big.bin")
    assert {name: peak for name, peak in peaks.items() if peak > LIMIT_KIB} == {}
    assert copy.read("big.bin") == data
    assert copy.is_clean()

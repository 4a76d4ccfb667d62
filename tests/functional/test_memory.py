"""Memory does not grow with the file: in add, checkout, push and clone; the filter's own nowhere."""

from __future__ import annotations

import os
import shlex
import sys
import tarfile

from support.content import noise
from support.repo import Machine, Repo, launcher

LIMIT_KIB = 150 << 10
MIB = 170
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


# Stands between git and the filter, and notes what the filter alone needed.
AROUND_FILTER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
with open(sys.argv[1], "a") as notes:
    print(kib, file=notes)
sys.exit(code)
"""


def test_where_git_itself_buffers_the_filter_does_not(machine: Machine, repo: Repo) -> None:
    data = noise(MIB << 20, 2)
    repo.write({"big.bin": data}).add().commit("one")
    around, notes = machine.path("around.py"), machine.path("notes")
    around.write_text(AROUND_FILTER)
    words = (sys.executable, around, notes, launcher(), "filter-process")
    repo.set("filter.mlvc.process", shlex.join(map(str, words)))
    archive = machine.path("archive.tar")
    repo.git("archive", "-o", archive, "HEAD", "big.bin")
    with tarfile.open(archive) as tar:
        member = tar.extractfile("big.bin")
        assert member is not None and member.read() == data
    repo.remove("big.bin")
    repo.git("checkout-index", "big.bin")
    assert repo.read("big.bin") == data
    peaks = [int(line) for line in notes.read_text().split()]
    assert len(peaks) == 2
    assert max(peaks) <= LIMIT_KIB

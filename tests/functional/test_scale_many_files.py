"""With very many files neither memory nor the number of programs started follows their number.

How much memory a file more costs is the difference between two repositories, so that what Python needs
for itself does not matter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from blake3 import blake3
from support.extent import IN_FULL
from support.repo import Machine, Repo

from git_mlvc.store.store import Store

FEW, MANY = (2_000, 17_000) if IN_FULL else (500, 10_500)
BYTES_A_FILE = 1000  # so that a million need no more than a gigabyte
BYTES_A_RECORD_SENT = 700  # of one wave of a push; there are 131,072 in the largest
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
sys.exit(code)
"""


def with_files(machine: Machine, count: int) -> Repo:
    """Make a repository with so many data files, committed and in the store; stubs in the worktree."""
    repo = machine.init(f"files-{count}").track("*.bin").add().commit("start")
    contents = [b"%d\n" % number for number in range(count)]
    with Store.open(repo.store) as store, store.session() as session:
        for content in contents:
            session.ingest_bytes(content)
    stream = [b"commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\ndata 0\n"]
    stream.append(b"from refs/heads/main^0\n")
    for number, content in enumerate(contents):
        stub = b"git-mlvc pointer 1\noid blake3:%s\nsize %d\n" % (
            blake3(content).hexdigest().encode(),
            len(content),
        )
        path = b"data/%03d/%05d.bin" % (number // 500, number)
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(stub), stub))
    repo.git("fast-import", "--quiet", input=b"".join(stream))
    repo.git("reset", "-q", "--hard", env={"MLVC_SKIP_SMUDGE": "1"})
    return repo


@pytest.fixture(scope="module")
def repos(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, Repo]]:
    machine = Machine(tmp_path_factory.mktemp("machine")).install()
    return [(count, with_files(machine, count)) for count in (FEW, MANY)]


def peak_bytes(repo: Repo, *args: str) -> int:
    """Return what the largest process of a git command needed."""
    command = (sys.executable, "-c", MEASURE, "git", *args)
    return int(repo.machine.run(*command, cwd=repo.path).out.split()[-1])


def bytes_a_file(repos: list[tuple[int, Repo]], measure: Callable[[Repo], int]) -> float:
    (few, small), (many, large) = repos
    return (measure(large) - measure(small)) / (many - few)


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ("mlvc status", BYTES_A_FILE),
        ("mlvc fsck", BYTES_A_FILE),
        ("push -q ../{}.git main", BYTES_A_FILE + BYTES_A_RECORD_SENT),
    ],
)
def test_a_file_more_costs_little_memory(
    repos: list[tuple[int, Repo]], words: str, most: int
) -> None:
    for _, repo in repos:
        repo.machine.bare(f"{repo.path.name}.git")
    found = bytes_a_file(
        repos, lambda repo: peak_bytes(repo, *words.format(repo.path.name).split())
    )
    assert found <= most

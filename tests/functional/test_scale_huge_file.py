"""A file larger than all the memory a process may have: through every step, and back as sparse as it was."""

from __future__ import annotations

import resource
import sys

import pytest
from support.content import noise
from support.repo import Machine, Repo

MIB = 1 << 20
SIZE = 700 * MIB + 12_345
ADDRESS_SPACE = 600 * MIB  # a Python with threads reserves most of it, and touches a tenth


def make(repo: Repo) -> list[tuple[int, bytes]]:
    """Write a file of zeros with islands of other things; return the islands."""
    islands = [
        (0, b"a header\n"),
        (300 * MIB + 17, noise(2 * MIB, 1)),
        (600 * MIB, b"one line like the other\n" * 400_000),
        (SIZE - 5, b"the e"),
    ]
    with open(repo.path / "huge.bin", "wb") as out:
        for at, island in islands:
            out.seek(at)
            out.write(island)
    return islands


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere address space is not limited")
def test_it_passes_where_no_process_could_hold_it(machine: Machine, repo: Repo) -> None:
    islands = make(repo)
    machine.bare()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, hard))
    try:
        repo.add().commit("one")
        assert repo.is_clean()
        repo.git("push", "-q", "../origin.git", "main")
        copy = machine.clone("origin.git", "copy")
        assert copy.is_clean()
        copy.git("mlvc", "fsck")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert repo.blob("HEAD:huge.bin").endswith(b"size %d\n" % SIZE)
    back = copy.path / "huge.bin"
    assert back.stat().st_size == SIZE
    assert back.stat().st_blocks * 512 < 20 * MIB
    with open(back, "rb") as file:
        for at, island in islands:
            file.seek(at)
            assert file.read(len(island)) == island
            assert not file.read(1).strip(b"\0")

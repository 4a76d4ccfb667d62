"""A file above the real inline limit: filled by the hooks without passing through git's memory."""

from __future__ import annotations

from support.content import noise, pointer_to
from support.repo import Machine, Repo


def test_a_file_above_the_limit_is_right_after_each_command(machine: Machine, repo: Repo) -> None:
    size = (33 << 20) + 12_345
    first = noise(size, 1)
    second = first[: size // 2] + b"inserted" + first[size // 2 :]
    repo.write({"big.bin": first}).add().commit("one")
    repo.write({"big.bin": second}).add().commit("two")
    assert repo.blob("HEAD:big.bin") == pointer_to(second)
    stored = sum(path.stat().st_size for path in repo.store.rglob("*") if path.is_file())
    assert stored < size + 2_000_000

    trace = machine.path("trace")
    repo.git("checkout", "-q", "HEAD~1", env={"GIT_TRACE_PACKET": str(trace)})
    assert repo.read("big.bin") == first
    assert b"git-mlvc pointer 1" in trace.read_bytes().split(b"command=smudge")[-1]
    assert repo.is_clean()
    repo.git("reset", "-q", "--hard", "main")
    assert repo.read("big.bin") == second
    assert repo.is_clean()
    repo.git("switch", "-q", "main")
    repo.git("revert", "--no-edit", "HEAD")
    assert repo.read("big.bin") == first
    assert repo.is_clean()
    machine.bare()
    repo.git("push", "-q", "../origin.git", "main")
    copy = machine.clone("origin.git", "copy")
    assert copy.read("big.bin") == first
    assert copy.is_clean()

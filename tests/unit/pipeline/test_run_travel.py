"""Which blocks of lock files are new to whom commits are pushed, and which files stay off remotes."""

from __future__ import annotations

from support.pipeline_values import path, result
from support.repo import Repo

from git_mlvc.formats.pointer import Pointer
from git_mlvc.git.revisions import PointerUse
from git_mlvc.oid import Oid
from git_mlvc.pipeline.lock_files import lock_file
from git_mlvc.pipeline.model import Result
from git_mlvc.pipeline.runs import run_travel
from git_mlvc.workspace import Workspace

ONE, TWO, THREE = result("1"), result("2"), result("3")


def locked(repo: Repo, name: str, **results: Result) -> None:
    folder = path(name.rpartition("/")[0]) if "/" in name else None
    repo.write({name: lock_file.encode(results, folder)}).add().commit("lock")


def new_between(repo: Repo, new: str, old: str | None) -> dict[str, list[Result]]:
    repository = Workspace.open(repo.path, repo.machine.env()).repository
    entries = run_travel.locks_between(repository, [new], [old] if old else [])
    found, failures = run_travel.locked(repository, entries)
    assert not failures
    by_stage: dict[str, list[Result]] = {}
    for one in found:
        by_stage.setdefault(one.stage, []).append(one.result)
    return by_stage


def test_every_version_between_counts_and_what_stood_there_before_does_not(repo: Repo) -> None:
    locked(repo, "mlvc.lock", a=ONE, b=ONE)
    repo.git("tag", "seen")
    locked(repo, "mlvc.lock", a=TWO, b=ONE)
    locked(repo, "sub/mlvc.lock", a=TWO)
    locked(repo, "other/mlvc.lock", a=TWO)  # the same bytes, and another stage
    locked(repo, "mlvc.lock", a=THREE, b=ONE, c=ONE)
    repo.write({"not-mlvc.lock": b"x"}).add().commit("other")
    found = new_between(repo, repo.head(), repo.text("rev-parse", "seen^{commit}"))
    assert found.keys() == {"a", "c", "sub:a", "other:a"}
    assert len(found["a"]) == 2 and set(found["a"]) == {TWO, THREE}
    assert set(new_between(repo, repo.head(), None)["a"]) == {ONE, TWO, THREE}
    assert new_between(repo, repo.head(), repo.head()) == {}
    # Of a merge only what neither side had, or what stands on the other side of the boundary, is left.
    repo.git("switch", "-qc", "side", "seen")
    locked(repo, "mlvc.lock", a=ONE, b=TWO)
    repo.git("merge", "-q", "--no-commit", "main", check=False)
    locked(repo, "mlvc.lock", a=THREE, b=TWO, c=ONE)
    found = new_between(repo, repo.head(), repo.text("rev-parse", "main"))
    assert found.keys() == {"b"}


def test_what_is_in_an_out_that_stays_is_kept_unless_it_stands_elsewhere() -> None:
    def use(name: str, data: bytes) -> PointerUse:
        return PointerUse(Pointer(Oid.of(data), len(data)), path(name), "HEAD")

    kept = {path("data"), path("m.bin")}
    free, inside, both = use("data2/a", b"a"), use("data/b", b"b"), use("m.bin", b"c")
    everywhere = [free, inside, both, use("copy.bin", b"c")]
    found = run_travel.without_unpushed([free, inside, both], kept, lambda: everywhere)
    assert found == [free, both]
    assert run_travel.without_unpushed([free], kept, list) == [free]

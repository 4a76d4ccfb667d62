"""What stages made is remembered: `runs` lists it, `prune` keeps the only copy, `fsck` says what is whole."""

from __future__ import annotations

import json
import os
import shutil

from support import runs
from support.content import noise
from support.repo import Repo

from git_mlvc.formats.run import RunRecord
from git_mlvc.oid import Oid
from git_mlvc.store import fsck, run_contents
from git_mlvc.store.store import Store


def store_of(repo: Repo) -> Store:
    return Store.open(repo.git_dir / "mlvc")


def remember(repo: Repo, number: int, made_at_ms: int) -> RunRecord:
    """A run of stage `train`: a file, and a directory with a file that no commit names."""
    with store_of(repo).session() as session:
        one = runs.record(
            "python train.py",
            ("model.bin", runs.made_file(session, noise(40_000, number))),
            ("plots", runs.made_tree(session, loss=noise(30_000, 100 + number))),
            made_at_ms=made_at_ms,
        )
        runs.add(session, one)
    return one


def grow_old(repo: Repo) -> None:
    for pack in (repo.git_dir / "mlvc" / "packs").rglob("*"):
        os.utime(pack, (1_700_000_000, 1_700_000_000))


def complete(repo: Repo, one: RunRecord) -> bool:
    store = store_of(repo)
    return one in _all(store) and run_contents.is_complete(store, one)


def _all(store: Store) -> list[RunRecord]:
    found = [run_contents.read(store, run_id) for _, run_id in store.all_runs()]
    return [one for one in found if isinstance(one, RunRecord)]


def test_runs_are_listed_with_what_they_made_and_whether_it_is_here(repo: Repo) -> None:
    assert "no run" in repo.mlvc("runs").err
    remember(repo, 1, 1_700_000_000_000)
    newest = remember(repo, 2, 1_700_000_900_000)
    out = repo.mlvc("runs", "train").out
    first, second = out.splitlines()[1:]
    assert "1.5 s" in first and "lab7" in first and "model.bin" in first and "older" not in first
    assert "older result" in second
    assert len(repo.mlvc("runs", "-n", "1").out.splitlines()) == 2
    (listed,) = json.loads(repo.mlvc("runs", "-n", "1", "--json").out)["runs"]
    assert listed["id"] == f"blake3:{runs.id_of(newest).hex()}"
    assert listed["commands"] == ["python train.py"] and listed["is_here"] and listed["is_newest"]
    assert [made["files"] for made in listed["outs"]] == [None, 1]
    failed = repo.mlvc("runs", "trian", check=False)
    assert failed.returncode == 2 and "did you mean 'train'?" in failed.err


def test_law_11_prune_keeps_what_only_a_run_names_until_it_is_to_be_forgotten(
    repo: Repo,
) -> None:
    old, young = remember(repo, 1, 1_600_000_000_000), remember(repo, 2, 4_000_000_000_000)
    with store_of(repo).session() as session:
        session.ingest([noise(50_000, 7)])  # no pointer and no run names it
    grow_old(repo)
    answer = json.loads(repo.mlvc("prune", "--json").out)
    assert len(answer["outcome"]["dropped"]) == 1 and answer["forgotten_runs"] == 0
    assert complete(repo, old) and complete(repo, young)
    assert "2 runs of stages remembered, all of them can be restored" in repo.mlvc("fsck").out
    assert "would forget 1 earlier run" in repo.mlvc("prune", "--runs-older", "90", "--dry-run").out
    assert complete(repo, old)
    repo.mlvc("prune", "--runs-older", "90")
    assert not complete(repo, old) and complete(repo, young)
    assert fsck.check(store_of(repo)).is_sound


def test_law_11_prune_lets_go_of_outs_that_a_remote_holds_and_keeps_what_says_so(
    repo: Repo, remote: Repo
) -> None:
    one = remember(repo, 1, 1_700_000_000_000)
    # A remote has the layout of a store: so this one holds all of the first run.
    shutil.copytree(
        repo.git_dir / "mlvc", remote.git_dir / "mlvc", ignore=shutil.ignore_patterns("tmp")
    )
    only_here = remember(repo, 2, 1_700_000_000_001)
    grow_old(repo)
    freed = json.loads(repo.mlvc("prune", "--json").out)["outcome"]["freed_bytes"]
    assert freed > 60_000
    assert complete(repo, only_here) and not complete(repo, one)
    assert one in _all(store_of(repo)), "what is there to be fetched is still known"
    out = repo.mlvc("fsck").out
    assert "2 runs of stages remembered, 1 of them without all their data here: train" in out
    assert "all is sound" in out


def test_law_11_prune_keeps_what_only_a_lock_names_in_any_version(repo: Repo) -> None:
    with store_of(repo).session() as session:
        directory = runs.made_tree(session, one=noise(400_000, 1), two=noise(40_000, 2))
        files = [runs.made_file(session, noise(20_000 + n, 50 + n)) for n in range(4)]
        small = runs.made_file(session, b"MLVCTREE is how a tree begins, and this is none")
        unneeded = runs.made_file(session, noise(700_000, 99))
    repo.write({"mlvc.lock": f'outs = [{{path = "d", tree = "{directory.oid}"}}]'.encode()})
    repo.add().commit("one")
    conflict = f"<<<<<<< ours\noid = '{files[0].oid}'\n=======\noid = '{small.oid}'\n>>>>>>>\n"
    repo.write({"mlvc.lock": conflict.encode()}).add().commit("two")
    repo.write({"mlvc.lock": f'seal = "{files[1].oid}"'.encode()}).add()
    repo.write({"mlvc.lock": b"", "sub/mlvc.lock": f'oid = "{files[2].oid}"'.encode()})
    repo.git("worktree", "add", "-q", "../other", "HEAD")
    (repo.path.parent / "other" / "mlvc.lock").write_text(f'oid = "{files[3].oid}"')
    grow_old(repo)
    repo.mlvc("prune")
    store = store_of(repo)
    made = [directory, *files, small]
    kept = [state.pointer for state in made if state.pointer is not None]
    assert not store.incomplete(kept)
    assert store.has(Oid.of(noise(400_000, 1))) and store.has(Oid.of(noise(40_000, 2)))
    assert not store.has(unneeded.oid)
    assert fsck.check(store).is_sound


def test_data_of_a_run_that_is_damaged_is_named_and_comes_again_from_a_remote(
    repo: Repo, remote: Repo
) -> None:
    one = remember(repo, 1, 1_700_000_000_000)
    shutil.copytree(
        repo.git_dir / "mlvc", remote.git_dir / "mlvc", ignore=shutil.ignore_patterns("tmp")
    )
    (pack,) = store_of(repo).packs()
    path = store_of(repo).pack_path(pack.id)
    os.chmod(path, 0o644)
    data = bytearray(path.read_bytes())
    at = store_of(repo).find(Oid.of(noise(30_000, 101)).digest)
    assert at is not None
    data[at.offset] ^= 1
    path.write_bytes(data)
    out = repo.mlvc("fsck").out
    assert "lost with what is damaged: data of runs of train" in out
    assert not complete(repo, one)
    assert "all of them can be restored" in repo.mlvc("fsck", "--repair").out
    assert complete(repo, one)


def test_a_run_that_is_lost_is_named_and_is_no_data_of_the_users(repo: Repo) -> None:
    one = remember(repo, 1, 1_700_000_000_000)
    (pack,) = store_of(repo).packs()
    path = store_of(repo).pack_path(pack.id)
    data = bytearray(path.read_bytes())
    at = store_of(repo).find(runs.id_of(one))
    assert at is not None
    data[at.offset + 60] ^= 1
    os.chmod(path, 0o644)
    path.write_bytes(data)
    out = repo.mlvc("fsck").out
    assert f"run {runs.id_of(one).hex()[:16]}: what a stage made is no longer remembered" in out
    assert "what is left is sound" in out
    assert "all is sound" in repo.mlvc("fsck").out

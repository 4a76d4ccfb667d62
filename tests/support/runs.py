"""Runs of stages as records, made by hand."""

from __future__ import annotations

from blake3 import blake3

from git_mlvc.formats import run, run_record, tree
from git_mlvc.formats.run import RunDep, RunFile, RunInputs, RunOut, RunRecord
from git_mlvc.formats.tree import TreeRow
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store


def record(
    command: str,
    *outs: tuple[str, RunFile],
    stage: str = "train",
    made_at_ms: int = 1_700_000_000_000,
    deps: tuple[RunDep, ...] = (),
) -> RunRecord:
    """A run whose key follows from its command, its deps and the paths of its outs."""
    made = tuple(RunOut(RepoPath.parse(path), state) for path, state in sorted(outs))
    inputs = RunInputs((command,), deps=deps, out_paths=tuple(out.path for out in made))
    return RunRecord(run.key(inputs), stage, made_at_ms, 1500, "lab7", inputs, made)


def add(session: Session, one: RunRecord) -> bytes:
    return session.add_run(one.key, run_record.encode(one))


def made_file(session: Session, data: bytes) -> RunFile:
    session.ingest([data])
    return RunFile(Oid.of(data), len(data))


def made_tree(session: Session, **files: bytes) -> RunFile:
    """Take in a directory of files, and its tree."""
    for data in files.values():
        session.ingest([data])
    rows = [TreeRow(name.encode(), Oid.of(data), len(data)) for name, data in files.items()]
    return stored_tree(session, rows)


def stored_tree(session: Session, rows: list[TreeRow]) -> RunFile:
    data = tree.encode(rows)
    session.ingest([data])
    size_bytes = sum(row.size_bytes for row in rows)
    return RunFile(Oid.of(data), size_bytes, len(rows), False, len(data))


def listed(store: Store) -> set[tuple[bytes, bytes]]:
    return set(store.all_runs())


def id_of(one: RunRecord) -> bytes:
    digest: bytes = blake3(run_record.encode(one)).digest()
    return digest

"""Runs in stores, as a stage that has succeeded leaves them."""

from __future__ import annotations

from collections.abc import Mapping

from blake3 import blake3

from git_mlvc.formats import run_record, tree
from git_mlvc.formats.run import RunFile, RunInputs, RunOut, RunRecord, key
from git_mlvc.formats.tree import TreeRow
from git_mlvc.oid import Oid
from git_mlvc.repo_path import RepoPath
from git_mlvc.store.session import Session
from git_mlvc.store.store import Store

Made = bytes | Mapping[str, bytes]


def ingest_out(session: Session, made: Made, *, is_lost: bool = False) -> RunFile:
    """Take in a file, or a directory of files with its tree; return what a run says of it.

    `is_lost`: of a file only that is told.
    """
    if isinstance(made, bytes):
        if not is_lost:
            session.ingest_bytes(made)
        return RunFile(Oid(blake3(made).digest()), len(made))
    rows = []
    for name, data in made.items():
        session.ingest_bytes(data)
        rows.append(TreeRow(name.encode(), Oid(blake3(data).digest()), len(data)))
    encoded = tree.encode(rows)
    session.ingest_bytes(encoded)
    size_bytes = tree.sizes(rows)
    oid = Oid(blake3(encoded).digest())
    return RunFile(oid, size_bytes, len(rows), tree_size_bytes=len(encoded))


def encoded_run(
    session: Session,
    stage: str,
    outs: Mapping[str, Made],
    *,
    unpushed: tuple[str, ...] = (),
    lost: tuple[str, ...] = (),
    made_at_ms: int = 1_700_000_000_000,
) -> tuple[bytes, bytes]:
    """Take in what a stage made; return the key and the record of a run that did."""
    states = {
        path: ingest_out(session, made, is_lost=path in lost) for path, made in sorted(outs.items())
    }
    paths = tuple(RepoPath.parse(path) for path in states)
    inputs = RunInputs((f"make {stage}",), out_paths=paths)
    made_outs = tuple(
        RunOut(RepoPath.parse(path), state, path not in unpushed) for path, state in states.items()
    )
    stage_key = key(inputs)
    record = RunRecord(stage_key, stage, made_at_ms, 1000, "here", inputs, made_outs)
    return stage_key, run_record.encode(record)


def add_run(
    store: Store,
    stage: str,
    outs: Mapping[str, Made],
    *,
    unpushed: tuple[str, ...] = (),
    lost: tuple[str, ...] = (),
    made_at_ms: int = 1_700_000_000_000,
) -> tuple[bytes, bytes]:
    """Put a run and what it made into a store; return its key and the id of its record."""
    with store.session() as session:
        stage_key, record = encoded_run(
            session, stage, outs, unpushed=unpushed, lost=lost, made_at_ms=made_at_ms
        )
        return stage_key, session.add_run(stage_key, record)

"""The runs of a remote as what is copied to another one: read there, and not kept here."""

from __future__ import annotations

from functools import partial
from itertools import islice

from git_mlvc.errors import FormatError, MissingChunk
from git_mlvc.formats import run_record
from git_mlvc.formats.pointer import Pointer
from git_mlvc.transfer.bundles import Bundle, Cargo, RunName
from git_mlvc.transfer.remote_source import RemoteSource
from git_mlvc.transfer.remote_view import RemoteView
from git_mlvc.transfer.runs import cargo_of, is_of_later_version

BATCH_RUNS = 1 << 12  # whose records and trees are read together


def bundles_of(
    source: RemoteSource, source_view: RemoteView, target_view: RemoteView
) -> list[Bundle]:
    """Return what travels with each run that the one remote names and the other does not. Raises RemoteError.

    What is named there and is no run is left out; one of a later version is a bundle that does not travel.
    """
    lacking = source_view.runs() - target_view.runs()
    ids = iter(sorted({run for _, run in lacking}))
    found: list[Bundle] = []
    while batch := list(islice(ids, BATCH_RUNS)):
        records = source.read_all(batch)
        trees = source.read_all({p.oid.digest for data in records.values() for p in _trees(data)})

        def read_tree(pointer: Pointer) -> bytes:
            data = trees.get(pointer.oid.digest)  # noqa: B023 (used before the next batch)
            if data is None:
                raise MissingChunk(f"the tree {pointer.oid.short} is not to be had")
            return data

        for run, data in records.items():
            try:
                name = RunName(run_record.key_of(data), run)
                cargo = cargo_of(data, read_tree)
            except FormatError as exc:
                if not is_of_later_version(exc):
                    continue
                cargo = Cargo("", (), is_known=False, is_newer=True)
            if name in lacking:
                found.append(Bundle(partial(_itself, cargo), name))
    return found


def _itself(cargo: Cargo) -> Cargo:
    return cargo


def _trees(data: bytes) -> list[Pointer]:
    """Return the trees that a record names; none for what is no record."""
    try:
        record = run_record.decode(data)
    except FormatError:
        return []
    states = [*(out.state for out in record.outs if out.state.is_tree), *record.trees]
    return [state.pointer for state in states if state.pointer is not None]

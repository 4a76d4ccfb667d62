"""Whether segments list the runs that are in their packs, and whether these are what a run should be."""

from __future__ import annotations

from collections.abc import Iterator

from git_mlvc.errors import FormatError, StoreError
from git_mlvc.formats.pack import Kind, iter_rows
from git_mlvc.formats.segment import PackTable, SegmentView
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.pack_runs import has_runs, runs_in
from git_mlvc.store.run_contents import StrangeRun, read
from git_mlvc.store.store import Store


def wrong_runs(store: Store, view: SegmentView) -> str:
    """Return what is wrong with a segment's table of runs, or nothing. Its rows have been checked before."""
    listed = set(view.runs())
    there: set[tuple[bytes, bytes]] = set()
    unknown: set[bytes] = set()  # ids of runs that cannot be read to see
    for table in view.tables():
        if has_runs(table.rows):
            readable = _runs_of(store, table)
            there |= readable
            ids = {record.id for record in iter_rows(table.rows) if record.kind == Kind.RUN}
            unknown |= ids - {run for _, run in readable}
    for _, run in sorted(there - listed):
        return f"it does not list run {run.hex()[:16]}"
    for _, run in sorted(listed - there):
        if run not in unknown:
            return f"it lists run {run.hex()[:16]} under a key that is not the run's"
    return ""


def strange_runs(store: Store) -> Iterator[StrangeRun]:
    """Yield the records that claim to be runs, and are sound, and are none."""
    seen: set[bytes] = set()
    for pack_id in store.layout.pack_ids():
        try:
            rows = read_table(store.layout.pack(pack_id), pack_id).rows
        except (FormatError, OSError):
            continue  # damage, which was found before
        for record in iter_rows(rows) if has_runs(rows) else ():
            if record.kind != Kind.RUN or record.id in seen:
                continue
            seen.add(record.id)
            try:
                found = read(store, record.id)
            except (FormatError, StoreError):
                continue  # of a later version, or damaged
            if isinstance(found, StrangeRun):
                yield found


def _runs_of(store: Store, table: PackTable) -> set[tuple[bytes, bytes]]:
    try:
        return set(runs_in(store.layout.pack(table.id), table.rows))
    except OSError:
        return set()

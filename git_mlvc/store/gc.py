"""Carries out a gc plan: what is still needed is copied and indexed before anything is deleted.

Laws 2 and 11: only this module (and fsck's quarantine, which deletes nothing) takes packs away, only
after a plan that can be printed, and never while anybody is adding to the store.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from git_mlvc.errors import FormatError, StoreLocked
from git_mlvc.formats.pack import iter_rows
from git_mlvc.fs.lock import FileLock
from git_mlvc.progress import Progress, Silent
from git_mlvc.store.disk import store_error
from git_mlvc.store.dropping import drop_from_segments
from git_mlvc.store.gc_plan import Action, PackContents, Plan, Step
from git_mlvc.store.pack_files import PackFile
from git_mlvc.store.pack_reading import read_table
from git_mlvc.store.packer import Packer
from git_mlvc.store.recover import survey
from git_mlvc.store.repack import copy_records
from git_mlvc.store.store import Store
from git_mlvc.store.use_lock import UseLock, make_lock_file


@dataclass(frozen=True, slots=True)
class Outcome:
    """What gc did. `left` names the packs of the plan that stayed after all, and why."""

    dropped: tuple[bytes, ...]
    repacked: tuple[bytes, ...]
    freed_bytes: int
    left: tuple[tuple[bytes, str], ...]


def contents(store: Store) -> list[PackContents]:
    """Return every sealed pack whose table can be read, for `gc_plan.plan`."""
    found = []
    for pack in store.packs():
        try:
            table = read_table(store.layout.pack(pack.id), pack.id)
        except (FormatError, OSError):
            continue  # fsck's affair; nothing that cannot be read is ever deleted
        found.append(PackContents(pack.id, pack.size_bytes, pack.mtime_s, table.rows))
    return found


def execute(
    plan: Plan, store: Store, live: Container[bytes], *, progress: Progress | None = None
) -> Outcome:
    """Do what `plan` says. `live` are the ids the plan was made with.

    Raises StoreLocked while anybody adds to the store, StoreError when the disk refuses.
    """
    progress = progress or Silent()
    use = UseLock(store.layout, store.disk)
    try:
        use.acquire_alone()
        make_lock_file(store.layout.lock, store.disk)
        with FileLock(Path(store.layout.lock), timeout_s=10, owner_note="gc"):
            _refuse_open_packs(store)
            return _execute(plan, store, live, progress)
    except OSError as exc:
        raise store_error(f"cannot clean up the store {store.path}", exc) from exc
    finally:
        use.release()


def _refuse_open_packs(store: Store) -> None:
    for left in survey(store.layout):
        if left.alive is not False:
            raise StoreLocked(
                "cannot remove anything from the store now",
                why=f"{left.owner or 'an unknown process'} is writing a pack",
                hint="run the command again when it has ended",
            )


def _execute(plan: Plan, store: Store, live: Container[bytes], progress: Progress) -> Outcome:
    left: list[tuple[bytes, str]] = []
    going: list[Step] = []
    packer = Packer(store.layout, store.disk, store.index, prepare=store.prepare)
    steps = [step for step in plan.steps if step.action is not Action.KEEP]
    progress.begin("cleaning up", total_bytes=sum(step.size_bytes for step in steps))
    for step in steps:
        path = store.layout.pack(step.pack)
        reason = _reason_to_leave(step, path)
        if not reason and step.action is Action.REPACK:
            records = iter_rows(read_table(path, step.pack).rows)
            if copy_records(PackFile.open(path), (r for r in records if r.id in live), packer):
                reason = "damaged: `git mlvc fsck` first"
        if reason:
            left.append((step.pack, reason))
        else:
            going.append(step)
        progress.advance(size_bytes=step.size_bytes)
    # Sealed, durable and in a segment before the first of the old ones goes.
    packer.close()
    before = {p.id for p in store.packs()}
    gone = {step.pack for step in going}
    drop_from_segments(gone, store.layout, store.disk, store.index)
    for pack_id in gone & before:
        store.disk.remove(store.layout.pack(pack_id))
    store.forget_packs(gone)
    progress.end()
    return Outcome(
        tuple(s.pack for s in going if s.action is Action.DROP),
        tuple(s.pack for s in going if s.action is Action.REPACK),
        sum(s.freed_bytes for s in going),
        tuple(left),
    )


def _reason_to_leave(step: Step, path: str) -> str:
    try:
        if os.stat(path).st_mtime > step.mtime_s:
            return "used since the plan was made"
    except FileNotFoundError:
        return "gone already"
    return ""

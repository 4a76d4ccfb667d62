"""Is all data of this clone what it should be, and whom does damage hurt?

The store's own check finds bad packs and records; here they are traced to the files and commits that need
them. Damaged packs are moved aside (nothing is deleted), and what was lost with them can be had again from
a remote or from the worktree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError, RemoteError, StoreError
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.git import revisions
from git_mlvc.git.revisions import PointerUse
from git_mlvc.progress import Progress, Silent
from git_mlvc.repo_path import RepoPath
from git_mlvc.store import fsck as store_fsck
from git_mlvc.store import quarantine
from git_mlvc.store.store import Store
from git_mlvc.transfer import run_presence, verify
from git_mlvc.transfer.run_presence import RunsOnRemotes
from git_mlvc.worktree import remembered_runs
from git_mlvc.worktree.remembered_runs import RememberedRuns
from git_mlvc.worktree.selection import Selection

if TYPE_CHECKING:
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.transfer.remote_view import RemoteView
    from git_mlvc.worktree.raw_content import RawFile

Fetch = Callable[[Sequence["Pointer"]], Mapping["Pointer", MlvcError]]


@dataclass(frozen=True, slots=True)
class Hurt:
    """A file in a commit ("" for the index) whose content cannot be given back, and why."""

    path: RepoPath
    commit: str
    oid: str
    why: str


@dataclass(slots=True)
class Report:
    """What was found and done.

    `damage`: one line for each bad pack or segment. `hurt`: files whose data is damaged or lost here;
    `unfetched` contents are only not in this store, which is no damage. `off_remote`: files whose data
    the remote that was asked lacks. `raw`: files of the index that the attributes make data and git holds
    itself, `raw_committed` those of HEAD and the branches. `quarantined` was moved aside now,
    `in_quarantine` is what lies there in all. `runs`: of stages; one that is not whole here is no damage, but one
    that a remote names and does not hold whole is (`remote_runs`).
    """

    packs: int = 0
    records: int = 0
    size_bytes: int = 0
    damage: list[str] = field(default_factory=list)
    hurt: list[Hurt] = field(default_factory=list)
    unfetched: int = 0
    quarantined: list[str] = field(default_factory=list)
    in_quarantine: list[str] = field(default_factory=list)
    repaired: list[RepoPath] = field(default_factory=list)
    remote: str = ""
    off_remote: list[Hurt] = field(default_factory=list)
    remote_runs: RunsOnRemotes = field(default_factory=RunsOnRemotes)
    raw: list[RepoPath] = field(default_factory=list)
    raw_committed: list[RawFile] = field(default_factory=list)
    runs: RememberedRuns = field(default_factory=RememberedRuns)

    @property
    def is_sound(self) -> bool:
        """True if every content can be given back, and the remote (if asked) has all of them."""
        off_remote = self.off_remote or self.remote_runs.hurt
        return not (self.hurt or off_remote or self.raw or self.raw_committed) and (
            not self.damage or bool(self.quarantined)
        )


@dataclass(frozen=True, slots=True)
class _Lost:
    """Records that are damaged or gone; `is_more_unknown`: others were in a pack that says nothing."""

    digests: Set[bytes]
    is_more_unknown: bool


def check(
    repo: Repository,
    store: Store,
    selection: Selection,
    *,
    raw: Iterable[RepoPath] = (),
    raw_committed: Iterable[RawFile] = (),
    format_damage: str = "",
    views: Sequence[RemoteView] = (),
    beside: Sequence[RemoteView] = (),
    fetch: Fetch | None = None,
    elsewhere: Callable[[Sequence[Pointer]], Set[Pointer]] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check the whole store and every pointer reachable; with `views` also that each
    content is on one of these remotes, and what the runs there made too, or on those `beside`.

    With `fetch`, what is damaged is fetched again or taken from the worktree, and so is what stands in
    the worktree only: `elsewhere` says which contents a remote was just seen to hold. Raises RemoteError
    when one of them does not answer: unknown is not sound.
    """
    shown = progress or Silent()
    uses = _Uses(repo, selection)
    found = store_fsck.check(store, progress=shown)
    report = Report(found.packs, found.records, found.size_bytes)
    if format_damage:
        report.damage.append(f"format file: {format_damage}")
        report.quarantined.append("format")
    report.damage += [f"pack {p.id.hex()[:16]}: {p.why}" for p in found.damaged_packs]
    report.damage += [f"pack {p.hex()[:16]} is gone" for p in found.missing_packs]
    report.damage += [f"segment {s.id.hex()[:16]}: {s.why}" for s in found.damaged_segments]
    report.damage += remembered_runs.lost(store, found)
    report.raw = sorted(path for path in raw if path in selection)
    report.raw_committed = [file for file in raw_committed if file.path in selection]
    _set_aside(store, found, report)
    aside = quarantine.look(store)
    report.in_quarantine = [pack.hex()[:16] for pack in aside.packs]
    lost = _Lost(found.lost | aside.lost, bool(aside.unreadable))
    report.hurt, unfetched = _trace(store, uses, lost, shown)
    if fetch is not None and report.hurt:
        _repair(repo, store, uses, report, fetch)
    if elsewhere is not None and unfetched:
        _take_only_copies(repo, store, uses, unfetched, report, elsewhere)
    report.unfetched = sum(not store.is_complete(pointer) for pointer in unfetched)
    report.runs = remembered_runs.look(store, found, lost.digests, fetch)
    if views:
        report.remote = ", ".join(view.name for view in views)
        report.off_remote = _missing_on(views, uses)
        report.remote_runs = run_presence.look(views, selection.__contains__, beside=beside)
    return report


class _Uses:
    """Every pointer reachable that is meant; found anew each time, since there may be very many."""

    def __init__(self, repo: Repository, selection: Selection) -> None:
        """Raises InputError for a path that nothing stands at."""
        self._repo = repo
        self._chosen: Set[RepoPath] | None = None
        if not selection.is_everything:
            paths = dict.fromkeys(use.path for use in revisions.each_pointer(repo))
            self._chosen = set(selection.checked(paths))

    def __iter__(self) -> Iterator[PointerUse]:
        for use in revisions.each_pointer(self._repo):
            if self._chosen is None or use.path in self._chosen:
                yield use


def _set_aside(store: Store, found: store_fsck.Report, report: Report) -> None:
    """Move what is damaged to quarantine, and make again what the packs themselves can tell."""
    recovered = found.unindexed_packs or found.damaged_segments or found.missing_packs
    try:
        for pack in found.damaged_packs:
            store_fsck.quarantine(store, pack.id)
            report.quarantined.append(pack.id.hex()[:16])
        if recovered:
            store_fsck.rebuild(store)
            report.quarantined += [s.id.hex()[:16] for s in found.damaged_segments]
        if found.dead_journals:
            store.recover()
    except StoreError as exc:
        report.damage.append(f"could not be mended: {exc}")


def _trace(
    store: Store, uses: Iterable[PointerUse], lost: _Lost, progress: Progress
) -> tuple[list[Hurt], set[Pointer]]:
    """Return whom damage hurts, and the contents that are just not here."""
    sound: set[bytes] = set()
    verdicts: dict[bytes, str] = {}
    unfetched: set[Pointer] = set()
    hurt: list[Hurt] = []
    progress.begin("checking pointers")
    for use in uses:
        key = use.pointer.oid.digest + use.pointer.size_bytes.to_bytes(8, "little")
        if key not in sound:
            if key not in verdicts:
                verdicts[key] = _trouble(store, use.pointer, lost, unfetched)
            if verdicts[key]:
                hurt.append(Hurt(use.path, use.commit, str(use.pointer.oid), verdicts[key]))
            else:
                del verdicts[key]
                sound.add(key)
        progress.advance(files=1)
    progress.end()
    return hurt, unfetched


def _trouble(store: Store, pointer: Pointer, lost: _Lost, unfetched: set[Pointer]) -> str:
    try:
        missing = store.missing_of(pointer)
        digests = lost.digests
        if digests and not digests.isdisjoint(store.live_digests(pointer)):
            return "some of its data is damaged or lost here"
    except MlvcError as exc:
        return str(exc)
    if missing and lost.is_more_unknown:
        return "its data is not here, and may have been in a pack that nobody can read any more"
    if missing:
        unfetched.add(pointer)
    return ""


def _repair(
    repo: Repository, store: Store, uses: Iterable[PointerUse], report: Report, fetch: Fetch
) -> None:
    oids = {hurt.oid for hurt in report.hurt}
    wanted = list(dict.fromkeys(use.pointer for use in uses if str(use.pointer.oid) in oids))
    try:
        fetch(wanted)
    except RemoteError:
        pass  # the worktree may have it; what stays hurt is reported
    still = [pointer for pointer in wanted if not store.is_complete(pointer)]
    if still:
        _ingest_from_worktree(repo, store, still, uses)
    mended = {str(pointer.oid) for pointer in wanted if store.is_complete(pointer)}
    report.repaired = sorted({hurt.path for hurt in report.hurt if hurt.oid in mended})
    report.hurt = [hurt for hurt in report.hurt if hurt.oid not in mended]


def _take_only_copies(
    repo: Repository,
    store: Store,
    uses: Iterable[PointerUse],
    unfetched: Set[Pointer],
    report: Report,
    elsewhere: Callable[[Sequence[Pointer]], Set[Pointer]],
) -> None:
    """Take in what only the worktree has (law 11): a store that was lost leaves no damage to be seen."""
    standing = {
        use.pointer
        for use in uses
        if use.pointer in unfetched and next(_candidates(repo, [use]), None) is not None
    }
    try:
        wanted = standing - elsewhere(sorted(standing)) if standing else standing
    except RemoteError:
        wanted = standing
    if wanted:
        _ingest_from_worktree(repo, store, sorted(wanted), uses)
        taken = {pointer for pointer in wanted if store.is_complete(pointer)}
        report.repaired = sorted(
            {*report.repaired, *(use.path for use in uses if use.pointer in taken)}
        )


def _ingest_from_worktree(
    repo: Repository, store: Store, wanted: Sequence[Pointer], uses: Iterable[PointerUse]
) -> None:
    """Take in files of the worktree that have the size of a content that is wanted.

    Whether it is that content shows only afterwards; what is not does no harm in the store.
    """
    chosen = set(wanted)
    with store.session() as session:
        for place in _candidates(repo, (use for use in uses if use.pointer in chosen)):
            try:
                fd = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            except OSError:
                continue
            try:
                session.ingest_file(fd)
            finally:
                os.close(fd)


def _candidates(repo: Repository, uses: Iterable[PointerUse]) -> Iterator[str]:
    if repo.worktree is None:
        return
    seen: set[RepoPath] = set()
    for use in uses:
        if use.path in seen:
            continue
        try:
            place = resolve_inside(repo.worktree, use.path)
            if os.lstat(place).st_size == use.pointer.size_bytes:
                seen.add(use.path)
                yield str(place)
        except (InputError, OSError):
            continue


def _missing_on(views: Sequence[RemoteView], uses: Iterable[PointerUse]) -> list[Hurt]:
    lacking = dict.fromkeys(use.pointer for use in uses)
    for view in views:
        for pointer in verify.copies_on(view, lacking):
            del lacking[pointer]
    names = ", ".join(f"'{view.name}'" for view in views)
    why = f"its data is not on {names}" if len(views) == 1 else f"its data is on none of {names}"
    return [
        Hurt(use.path, use.commit, str(use.pointer.oid), why)
        for use in uses
        if use.pointer in lacking
    ]

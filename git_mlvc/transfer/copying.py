"""Copying data from one remote to another, through this machine and not into its store.

As a push whose source is a remote: what the other has is not sent again, whole packs are passed on as they are,
and nothing is named there before it has been seen to stand there. A copy that died is taken up by the next.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from git_mlvc.backend.base import Capability, require
from git_mlvc.formats.pointer import Pointer
from git_mlvc.progress import Progress, Silent
from git_mlvc.transfer import remote_runs
from git_mlvc.transfer.bundle_choice import choose
from git_mlvc.transfer.bundles import Chosen
from git_mlvc.transfer.lacking import Survey
from git_mlvc.transfer.plan import MissingData, PushReport
from git_mlvc.transfer.push import Pusher, Use, paths_of
from git_mlvc.transfer.remote_source import RemoteSource, Unreadable
from git_mlvc.transfer.remote_view import RemoteView

WAVE_RECORDS = 1 << 15  # about 2 GB of content: what of it was sent is read again after a copy died


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied, and why not all of it, if so: then `missing` names the files."""

    done: PushReport
    missing: MissingData | None = None


def copy(
    source_view: RemoteView,
    target_view: RemoteView,
    uses: Collection[Use],
    *,
    scratch: Path,
    progress: Progress | None = None,
    wave_records: int = WAVE_RECORDS,
    has_runs: bool = False,
) -> CopyReport:
    """Make `target_view` hold all that the pointers need and `source_view` has; with `has_runs`, its runs too.

    A content that neither has in full is left out and named; a run is left out. `scratch`: where a few packs lie while they travel.
    Raises RemoteError, StoreError when `scratch` cannot take a pack.
    """
    require(target_view.backend, Capability.WRITE, "copy data")
    source_view.refresh()
    target_view.refresh()
    source = RemoteSource(source_view, scratch)
    shown = progress or Silent()
    pusher = Pusher(source, target_view, shown)
    contents = dict.fromkeys(use.pointer for use in uses)
    try:
        with target_view.traffic.shown_in(shown):
            bundles = remote_runs.bundles_of(source, source_view, target_view) if has_runs else []
            chosen = choose(source, target_view, bundles)
            there, lost, chosen = _send(source, target_view, pusher, contents, chosen, wave_records)
            pusher.finish()
    finally:
        source.close()
    contents.update(dict.fromkeys(chosen.files_of(pusher.runs)))
    paths = paths_of(lost, uses)
    return CopyReport(
        replace(pusher.report(contents, there), left=chosen.left),
        MissingData(
            paths,
            target_view.name,
            source.name,
            hint=f"git mlvc push {target_view.name} --all, wherever the data still is",
        )
        if paths
        else None,
    )


def _send(
    source: RemoteSource,
    target_view: RemoteView,
    pusher: Pusher,
    contents: dict[Pointer, None],
    chosen: Chosen,
    wave_records: int,
) -> tuple[int, list[Pointer], Chosen]:
    """Send what can be sent, and leave that in `contents`.

    Return how many records were there already, the contents that are nowhere, and the runs that are whole.
    """
    there: int | None = None
    lost: list[Pointer] = []
    while True:
        survey = Survey(source, target_view, wave_records=wave_records)
        is_whole = False
        try:
            for wave in survey.waves(dict.fromkeys(chain(contents, chosen.contents()))):
                pusher.send(wave, chosen.runs_among(wave))
            is_whole = not survey.lost
        except Unreadable:
            pass  # what turned out to be wrong there is lost from now on; the rest goes on
        there = survey.records_there if there is None else there
        lost += survey.lost
        for pointer in survey.lost:
            contents.pop(pointer, None)
        chosen = chosen.without(survey.lost)
        if is_whole:
            return there, lost, chosen

"""Which bundles a push sends.

Runs are a cache. One whose outs are neither all at the source nor all on the remote stays behind, and the push goes
on. That a remote does not answer is no reason to leave anything behind: it is raised.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from git_mlvc.formats.pointer import Pointer
from git_mlvc.transfer import verify
from git_mlvc.transfer.bundles import Bundle, Chosen, RunName
from git_mlvc.transfer.remote_view import RemoteView


class Completeness(Protocol):
    """What is asked of a source here."""

    def incomplete(self, pointers: Iterable[Pointer]) -> list[Pointer]: ...


def choose(source: Completeness, view: RemoteView, bundles: Sequence[Bundle]) -> Chosen:
    """Decide which bundles go to a remote that was just refreshed. Raises RemoteError.

    What is not to be sent counts as not here. A remote is believed that a run is whole there which its tables
    name, if the record stands there, or, where it is too large to be known in full, unseen.
    """
    if not bundles:
        return Chosen()
    named = _named(view, bundles)
    rest = [bundle for bundle in bundles if bundle.record is None or bundle.record not in named]
    lacking = set(source.incomplete(dict.fromkeys(p for one in rest for p in one.pointers)))
    lacking.update(made.pointer for bundle in rest for made in bundle.contents if made.stays)
    unsure = {p for one in rest if one.cargo.is_known for p in one.pointers if p in lacking}
    there = _held(view, unsure)
    beyond = lacking - there
    going: list[Bundle] = []
    left: list[Bundle] = []
    for bundle in rest:
        (going if _is_whole(bundle, beyond) else left).append(bundle)
    return Chosen(tuple(going), tuple(left), frozenset(there))


def _is_whole(bundle: Bundle, lacking: Collection[Pointer]) -> bool:
    return bundle.cargo.is_known and not any(pointer in lacking for pointer in bundle.pointers)


def _named(view: RemoteView, bundles: Iterable[Bundle]) -> set[RunName]:
    keys = {bundle.record.key for bundle in bundles if bundle.record is not None}
    named = {RunName(*pair) for pair in view.runs(keys)} if keys else set()
    if view.unseen_bytes or not named:
        return named
    standing = view.confirmed_many([run.id for run in named], offhand=True)
    return {run for run in named if run.id in standing}


def _held(view: RemoteView, pointers: Collection[Pointer]) -> set[Pointer]:
    """Return those that the remote has in full; where it names nothing of one, that is not looked for further."""
    named = view.named([pointer.oid.digest for pointer in pointers]) if pointers else set()
    return verify.held(view, [p for p in pointers if p.oid.digest in named]) if named else set()

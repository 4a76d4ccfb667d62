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

    What is not to be sent counts as not here. A remote is believed to have what its run tables name where it is too large to be known in full, and where the
    run is not whole here.
    """
    if not bundles:
        return Chosen()
    wanted = dict.fromkeys(pointer for bundle in bundles for pointer in bundle.pointers)
    lacking = set(source.incomplete(wanted))
    lacking.update(made.pointer for bundle in bundles for made in bundle.contents if made.stays)
    named = _named(view, [b for b in bundles if view.unseen_bytes or not _is_whole(b, lacking)])
    rest = [bundle for bundle in bundles if bundle.run is None or bundle.run not in named]
    unsure = {p for bundle in rest if bundle.is_known for p in bundle.pointers if p in lacking}
    there = _held(view, unsure)
    beyond = lacking - there
    going: list[Bundle] = []
    left: list[Bundle] = []
    for bundle in rest:
        (going if _is_whole(bundle, beyond) else left).append(bundle)
    return Chosen(tuple(going), tuple(left), frozenset(there))


def _is_whole(bundle: Bundle, lacking: Collection[Pointer]) -> bool:
    return bundle.is_known and not any(pointer in lacking for pointer in bundle.pointers)


def _named(view: RemoteView, bundles: Iterable[Bundle]) -> set[RunName]:
    keys = {bundle.run.key for bundle in bundles if bundle.run is not None}
    return {RunName(*pair) for pair in view.runs(keys)} if keys else set()


def _held(view: RemoteView, pointers: Collection[Pointer]) -> set[Pointer]:
    """Return those that the remote has in full; where it names nothing of one, that is not looked for further."""
    named = view.named([pointer.oid.digest for pointer in pointers]) if pointers else set()
    return verify.held(view, [p for p in pointers if p.oid.digest in named]) if named else set()

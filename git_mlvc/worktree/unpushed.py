"""Which data files a remote lacks, as far as that is to be known at the price one is ready to pay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from git_mlvc.errors import RemoteError
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.transfer.remote_view import RemoteView
    from git_mlvc.worktree.status import FileStatus


class Basis(StrEnum):
    """What an answer rests on."""

    VERIFIED = "verified"  # the remote was asked for each recipe, chunk and pack
    LISTED = "listed"  # a remote on this machine's disks: what its segments name now
    REMEMBERED = "remembered"  # what its segments named when it was last asked
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OnRemote:
    """What a remote has of some files; `unpushed` is None where that is unknown, for the reason `why`."""

    remote: str
    basis: Basis
    unpushed: list[RepoPath] | None
    why: str = ""


def verified(view: RemoteView, files: Iterable[FileStatus]) -> OnRemote:
    """Ask for everything. Raises RemoteError when the remote does not answer (law 9)."""
    from git_mlvc.transfer import verify  # much to import, and nothing else here needs it

    listed = [file for file in files if file.pointer]
    there = verify.copies_on(view, dict.fromkeys(f.pointer for f in listed if f.pointer))
    return OnRemote(
        view.name, Basis.VERIFIED, [file.path for file in listed if file.pointer not in there]
    )


def at_no_cost(view: RemoteView, files: Iterable[FileStatus]) -> OnRemote:
    """Look into the segments only, and ask no network for them."""
    try:
        if view.backend.url.startswith(("file:", "/")):
            view.refresh()
            basis = Basis.LISTED
        elif view.recall():
            basis = Basis.REMEMBERED
        else:
            return OnRemote(view.name, Basis.UNKNOWN, None, "it has not been asked yet")
        listed = [(file.path, file.pointer.oid.digest) for file in files if file.pointer]
        found = view.find_many([digest for _, digest in listed])
        lacking = [path for path, digest in listed if digest not in found]
    except RemoteError as exc:
        return OnRemote(view.name, Basis.UNKNOWN, None, str(exc))
    return OnRemote(view.name, basis, lacking)


def combined(places: Sequence[OnRemote]) -> OnRemote:
    """Return one answer for several places with different files: unknown if one is, and on the weakest basis."""
    order = list(Basis)
    weakest = max(places, key=lambda place: order.index(place.basis))
    lacking: list[RepoPath] | None = []
    for place in places:
        lacking = None if lacking is None or place.unpushed is None else lacking + place.unpushed
    names = ", ".join(place.remote for place in places)
    return OnRemote(names, weakest.basis, lacking, weakest.why)

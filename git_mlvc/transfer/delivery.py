"""One push to several places: nothing is sent before it is known that each can be written to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from git_mlvc.backend.base import Capability, require
from git_mlvc.errors import MlvcError
from git_mlvc.formats.pointer import Pointer
from git_mlvc.progress import Progress
from git_mlvc.store.store import Store
from git_mlvc.transfer.bundles import Bundle, RunName
from git_mlvc.transfer.lacking import Bases
from git_mlvc.transfer.plan import MissingData, PushReport
from git_mlvc.transfer.push import Use, push
from git_mlvc.transfer.remote_view import RemoteView

Fetch = Callable[[Sequence[Pointer]], Mapping[Pointer, MlvcError]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one place should hold. `bases` and `bundles`: as `push` takes them."""

    view: RemoteView
    uses: Sequence[Use]
    bases: Bases = tuple
    bundles: Sequence[Bundle] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends from `store`; what is not there is fetched first, from wherever `fetch` finds it."""

    store: Store
    fetch: Fetch
    progress: Progress

    def send_all(self, deliveries: Sequence[Delivery]) -> Iterator[tuple[RemoteView, PushReport]]:
        """Yield the report of each when all of it is there. Raises as `push`; then the rest is not sent."""
        for delivery in deliveries:
            require(delivery.view.backend, Capability.WRITE, "push")
        left: set[RunName] = set()
        # The record of a run follows what the run made (law 1), to whatever places that goes.
        for delivery in sorted(deliveries, key=_has_records):
            bundles = [b for b in delivery.bundles if b.run not in left]
            report = self.send(replace(delivery, bundles=bundles))
            left.update(bundle.run for bundle in report.left if bundle.run is not None)
            yield delivery.view, report

    def send(self, delivery: Delivery) -> PushReport:
        """Raises as `push`."""
        try:
            return self._push(delivery)
        except MissingData as missing:
            # Nowhere on this remote is not nowhere: the data may be on the remote it was cloned from.
            paths = set(missing.paths)
            lost = {use.pointer for use in delivery.uses if str(use.path) in paths}
            lacking = self.store.incomplete(lost)
            if self.fetch(lacking):
                raise
        return self._push(delivery)

    def _push(self, delivery: Delivery) -> PushReport:
        return push(
            self.store,
            delivery.view,
            delivery.uses,
            progress=self.progress,
            bases=delivery.bases,
            bundles=delivery.bundles,
        )


def _has_records(delivery: Delivery) -> bool:
    return any(bundle.record is not None for bundle in delivery.bundles)

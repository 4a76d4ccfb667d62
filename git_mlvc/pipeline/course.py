"""The course of a `repro`: the plan carried out, stage by stage, independent ones at once.

What to do with a stage is the planner's word alone; how it is done is `Doing`'s. A stage is decided (again)
when all before it have ended, on the caller's thread; commands run on threads of their own. Whatever stops
this (Ctrl-C too), no command and no thread is left behind.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

from git_mlvc.errors import MlvcError
from git_mlvc.pipeline.doing import Doing, Watch
from git_mlvc.pipeline.plan import Action, Planner, Step
from git_mlvc.pipeline.report import Ended, Fate, Report

_FIRST_PAUSE_S = 0.05  # how often is looked whether others have let go of what is waited for
_LONGEST_PAUSE_S = 0.5


def certain_plan(planner: Planner, obtain: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Return a plan of which every restore can be done. `obtain` as in `Doing`; it may as well only look."""
    while True:
        plan = planner.plan()
        if obtain([step for step in plan if step.action is Action.RESTORE]):
            return plan


class Course:
    """One way through the stages that a planner has chosen."""

    def __init__(
        self, planner: Planner, doing: Doing, watch: Watch, *, keep_going: bool = False
    ) -> None:
        self._planner = planner
        self._graph = planner.graph
        self._doing = doing
        self._watch = watch
        self._keep_going = keep_going
        self._order = {address: at for at, address in enumerate(self._graph.order)}
        self._steps: dict[str, Step] = {}
        self._ends: dict[str, Ended] = {}
        self._news: deque[str] = deque()  # ended, and those that wait for it not told yet
        self._waiting: dict[str, int] = {}
        self._ready: list[tuple[int, str]] = []
        self._held: list[Step] = []
        self._running: dict[str, threading.Thread] = {}
        self._done: SimpleQueue[tuple[Step, Ended | BaseException]] = SimpleQueue()
        self._kept_waiting: set[str] = set()
        self._pause_s = _FIRST_PAUSE_S
        self._is_over = False  # something failed, and nothing else is to begin

    def go(self) -> Report:
        """Plan, then do. Raises what `Planner.plan` raises, before anything is done."""
        try:
            self._begin(certain_plan(self._planner, self._doing.obtain))
            self._loop()
        except BaseException:
            self._stop()
            raise
        order = self._graph.in_order(self._planner.chosen)
        return Report(tuple(self._ends[address] for address in order))

    # -- what the plan knows for certain needs no turn

    def _begin(self, plan: Sequence[Step]) -> None:
        """Restore and skip at once what is certain; all others wait for their turn."""
        self._watch.planned(plan)
        for step in plan:
            makers = self._graph.makers(step.stage)
            self._waiting[step.stage] = sum(maker in self._planner.chosen for maker in makers)
        for step in plan:
            if step.action is Action.SKIP:
                self._skip(step)
        self._restore([step for step in plan if step.action is Action.RESTORE])
        for step in plan:
            if not self._waiting[step.stage] and step.stage not in self._ends:
                self._get_ready(step.stage)
        self._tell()

    def _loop(self) -> None:
        while self._ready or self._held or self._running:
            self._turns()
            waits = self._admit()
            if not self._ready and (self._running or waits):
                self._see_end(waits)

    def _see_end(self, waits: Mapping[str, str]) -> None:
        """Wait for the end of one that runs; not for long if others keep some waiting: they do not call us."""
        for stage, why in waits.items():
            if why and stage not in self._kept_waiting:
                self._kept_waiting.add(stage)
                self._watch.waits(stage, why)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S) if waits else _FIRST_PAUSE_S
        try:
            step, outcome = self._done.get(timeout=self._pause_s if waits else None)
        except Empty:
            return
        self._running.pop(step.stage).join()
        if isinstance(outcome, BaseException) and not isinstance(outcome, MlvcError):
            raise outcome
        self._ran(step, outcome)
        self._tell()

    # -- turns

    def _turns(self) -> None:
        while self._ready:
            restores: list[Step] = []
            while self._ready:
                _, address = heapq.heappop(self._ready)
                if self._is_over:
                    self._leave(address)
                else:
                    self._turn(address, restores)
            if restores and not self._obtained(restores):
                continue
            self._restore(restores)
            self._tell()

    def _turn(self, address: str, restores: list[Step]) -> None:
        try:
            step = self._planner.decide(self._graph[address], self._steps)
        except MlvcError as error:
            self._end(Ended(address, Fate.FAILED, error=error))
            return
        if step.action is Action.SKIP:
            self._skip(step)
        elif step.action is Action.RESTORE:
            restores.append(step)
        else:
            self._held.append(step)

    def _obtained(self, steps: Sequence[Step]) -> bool:
        """False: some have to be decided anew, so all of them are."""
        try:
            if self._doing.obtain(steps):
                return True
        except MlvcError as error:
            for step in steps:
                self._end(Ended(step.stage, Fate.FAILED, step.reasons, error=error))
            self._tell()
            return False
        for step in steps:
            self._get_ready(step.stage)
        return False

    def _skip(self, step: Step) -> None:
        self._steps[step.stage] = step
        self._end(Ended(step.stage, Fate.UNCHANGED, step.reasons, result=step.result))

    def _restore(self, steps: Sequence[Step]) -> None:
        failed = self._doing.restore(steps) if steps else {}
        for step in steps:
            error = failed.get(step.stage)
            if error is None:
                self._steps[step.stage] = step
                self._end(Ended(step.stage, Fate.RESTORED, step.reasons, result=step.result))
            else:
                self._end(Ended(step.stage, Fate.FAILED, step.reasons, error=error))

    # -- running

    def _admit(self) -> Mapping[str, str]:
        """Start those for which there is room; return who else keeps which waiting."""
        waits: Mapping[str, str] = {}
        if self._is_over:
            for step in self._held:
                self._leave(step.stage)
            self._held = []
        if self._held:
            admission = self._doing.admit(self._held, self._steps)
            names = {step.stage for step, _ in admission.works}
            self._held = [step for step in self._held if step.stage not in names]
            for step, work in admission.works:
                if self._is_still_to_run(step):
                    self._watch.began(step)
                    self._start(step, work)
                else:
                    self._doing.give_back(step.stage)
                    self._get_ready(step.stage)
            waits = admission.waits
            if not (self._running or self._ready or waits):
                raise ValueError("there was no room for a stage although nothing runs")
        self._tell()
        return waits

    def _is_still_to_run(self, step: Step) -> bool:
        """False for one that was kept waiting where somebody may have made meanwhile what it would make."""
        if step.stage not in self._kept_waiting:
            return True
        try:
            return self._planner.decide(self._graph[step.stage], self._steps).action is Action.RUN
        except MlvcError:
            return False  # it is told when it has its turn

    def _start(self, step: Step, work: Callable[[], Ended]) -> None:
        def run() -> None:
            outcome: Ended | BaseException
            try:
                outcome = work()
            except BaseException as error:  # noqa: BLE001 - carried to the thread of the course
                outcome = error
            self._done.put((step, outcome))

        thread = threading.Thread(target=run, name=step.stage)
        self._running[step.stage] = thread
        thread.start()

    def _ran(self, step: Step, outcome: Ended | BaseException) -> None:
        if isinstance(outcome, Ended):
            self._steps[step.stage] = replace(step, result=outcome.result)
            self._end(replace(outcome, reasons=step.reasons))
        else:
            assert isinstance(outcome, MlvcError)
            self._end(Ended(step.stage, Fate.FAILED, step.reasons, error=outcome))

    def _stop(self) -> None:
        """Stop and wait, however often somebody asks to hurry."""
        while self._running:
            try:
                self._doing.stop()
                for thread in self._running.values():
                    thread.join()
                self._running.clear()
            except KeyboardInterrupt:
                continue

    # -- ends

    def _end(self, end: Ended) -> None:
        self._ends[end.stage] = end
        self._news.append(end.stage)
        if end.error is not None and not self._keep_going:
            self._is_over = True
        self._watch.ended(end)

    def _leave(self, address: str) -> None:
        self._end(Ended(address, Fate.NOT_RUN))

    def _tell(self) -> None:
        """Let those that waited for what has ended have their turn, or end with it."""
        while self._news:
            for user in self._graph.users[self._news.popleft()]:
                if user in self._waiting:
                    self._waiting[user] -= 1
                    if not self._waiting[user] and user not in self._ends:
                        self._get_ready(user)

    def _get_ready(self, address: str) -> None:
        because_of = self._bad_before(address)
        if because_of:
            self._end(Ended(address, Fate.NOT_RUN, because_of=because_of))
        else:
            heapq.heappush(self._ready, (self._order[address], address))

    def _bad_before(self, address: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for maker in self._graph.makers(address):
            end = self._ends.get(maker)
            if end is not None and not end.is_good:
                found.update(dict.fromkeys(end.because_of or (maker,)))
        return tuple(found)

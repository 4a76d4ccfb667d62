"""One process that makes experiments, one after another: those of the queue, or those that it is handed.

Experiments run in its main thread, where signals end them as Ctrl-C does. What is handed over comes as lines of
JSON, a state each (`state_record`), and each is answered (`answers`): while it waits for others, when its stages have
run, and when it is done. When no more lines can come, because whoever sent them has ended or was killed, the one that
runs is interrupted.
"""

from __future__ import annotations

import os
import queue as threads_queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.experiments import answers, queue, run, snapshot, state_record, workers
from git_mlvc.experiments.answers import Answer
from git_mlvc.experiments.snapshot import Snapshot
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.experiments.run import Outcome, RunRequest
    from git_mlvc.experiments.states import State
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.plan import Step
    from git_mlvc.pipeline.report import Ended
    from git_mlvc.pipeline.scene import Means

Open = Callable[[], "Means"]
"""Opens everything anew: settings may have changed, and other processes have added to the store."""


def work(
    repo: Repository,
    open_means: Open,
    told: Callable[[str], None],
    *,
    log: str = "",
    registered: Callable[[], None] = lambda: None,
) -> bool:
    """Make what waits in the queue until nothing does, or we are asked to stop; True if none failed.

    `log`: the file that holds what is `told`; `registered` is called when others can see us. Raises KeyboardInterrupt where a signal ends it: the experiment that
    ran is interrupted then, and can be taken up again.
    """
    all_well = True
    with _interruptible(), workers.registered(repo, log) as me:
        registered()
        while not me.is_to_stop():
            state = queue.take(repo)
            if state is None:
                break
            me.runs(state.name)
            told(f"{state.name}: runs")

            def said(answer: Answer) -> None:
                if answer.waits:
                    told(f"{answer.name}: {answer.waits}")

            try:
                outcome = _made(open_means(), state, said)
            except KeyboardInterrupt:
                if not _is_given_up(repo, me, state.name):
                    raise
                told(f"{state.name}: stopped")
            except (MlvcError, OSError) as exc:
                all_well = False
                told(f"{state.name}: failed: {exc}")
            else:
                told(f"{state.name}: {answers.of(state.name, outcome).said()}")
            queue.let_go(repo, state.name)
            me.runs("")
    return all_well


def serve(open_means: Open, lines: Iterable[bytes], answer: Callable[[Answer], None]) -> None:
    """Make what comes as lines. Raises KeyboardInterrupt when interrupted."""
    waiting: threads_queue.SimpleQueue[bytes | None] = threads_queue.SimpleQueue()
    busy = threading.Lock()
    is_over = threading.Event()

    def read() -> None:
        for line in lines:
            waiting.put(line)
        is_over.set()
        waiting.put(None)
        if busy.locked():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=read, daemon=True).start()
    while (line := waiting.get()) is not None:
        name, _, document = line.partition(b"\0")
        state = state_record.decode(document, name.decode("utf-8", "surrogateescape"))
        with _interruptible(), busy:
            if is_over.is_set():
                return
            _answered(open_means, state, answer)


def handed(state: State) -> bytes:
    """Return the line for `serve`."""
    import json

    document = json.dumps(json.loads(state_record.encode(state)), separators=(",", ":"))
    return state.name.encode("utf-8", "surrogateescape") + b"\0" + document.encode("ascii") + b"\n"


# -- inside


def _made(means: Means, state: State, answer: Callable[[Answer], None]) -> Outcome:
    """Make one experiment; answer while it waits for others, and when its stages have run. Raises as `run.run`."""

    def ran() -> None:
        answer(answers.ran(state.name))

    return run.run(means, _request(means.repo, state), _Waits(state.name, answer), ran=ran)


def _answered(open_means: Open, state: State, answer: Callable[[Answer], None]) -> None:
    """Make one, and answer as `_made`, and when it is done or has failed."""
    try:
        outcome = _made(open_means(), state, answer)
        answer(answers.of(state.name, outcome))
    except MlvcError as exc:
        answer(Answer(state.name, error=exc.what, why=exc.why, hint=exc.hint))
    except OSError as exc:  # a full disk, a file that may not be read
        answer(Answer(state.name, error=str(exc)))


def _is_given_up(repo: Repository, me: workers.Me, name: str) -> bool:
    """True if it was this one, or another one, that we were to give up, and not all of our work."""
    given_up = me.dropped()
    if not given_up:
        return False
    if given_up == name:
        queue.never_again(repo, name)
    else:  # that one had ended by itself when the signal came
        queue.wait_again(repo, name)
    return True


def _request(repo: Repository, state: State) -> RunRequest:
    changed = snapshot.differing(repo, state.baseline, state.tree)
    return run.RunRequest(
        Snapshot(state.baseline, state.tree, tuple(changed)),
        name=state.name,
        overrides=state.overrides,
        stages=state.stages,
        folder=RepoPath.parse(state.folder) if state.folder else None,
        jobs=state.jobs,
        seed_from=state.seed_from,
        message=state.message,
        sweep=state.sweep,
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM and SIGHUP are Ctrl-C, between experiments too."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, end)) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class _Waits:
    """Tells what keeps an experiment waiting; of all else the logs of stages tell."""

    def __init__(self, name: str, answer: Callable[[Answer], None]) -> None:
        self._name = name
        self._answer = answer

    def planned(self, steps: Iterable[Step]) -> None: ...

    def waits(self, stage: str, why: str) -> None:
        self._answer(answers.waits(self._name, stage, why))

    def began(self, step: Step) -> None: ...

    def ended(self, end: Ended) -> None: ...

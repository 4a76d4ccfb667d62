"""Runs: what a script holds in its hand, and which of them `log.metric` and the others mean."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from git_mlvc.log.names import checked
from git_mlvc.log.ranks import is_first
from git_mlvc.log.scalars import number, plain, step_number
from git_mlvc.log.writer import Writer

_writers: dict[Path, Writer] = {}
_open: list[Run] = []
_ended: set[Path] = set()  # where this process has logged and is done


class Run:
    """One run of a script that logs into a directory. `with log.run() as run: …`, or `end()` at the end.

    On all but the first of several equal processes (ranks) it checks what it is given, and writes nothing.
    """

    def __init__(
        self, directory: Path, writer: Writer | None, *, all_ranks: bool, is_joined: bool = True
    ) -> None:
        self.dir = directory
        self._writer = writer
        self._all_ranks = all_ranks
        self._is_joined = is_joined
        self._is_over = False

    def metric(self, name: str, value: Any, step: Any = None, *, plot: bool = True) -> None:
        """Log a number: into metrics.json, and as a row of plots/NAME.csv unless `plot` is false.

        Without a step it is the one behind the last. Raises TypeError, ValueError; OSError if it cannot be written.
        """
        if self._writer is None or self._is_over:
            self._ready()
        if self._writer is not None:
            self._writer.metric(name, value, step, plot=plot)
            return
        number(checked(name, "metric"), value)
        if step is not None:
            step_number(name, step)

    def metrics(self, values: Mapping[str, Any], step: Any = None, *, plot: bool = True) -> None:
        """Log several numbers, tables of numbers as groups: {"train": {"loss": 0.3}} is train/loss."""
        for name, value in values.items():
            if isinstance(value, Mapping):
                self.metrics({f"{name}/{one}": inner for one, inner in value.items()}, step, plot=plot)  # fmt: skip
            else:
                self.metric(name, value, step, plot=plot)

    def params(self, params: Mapping[str, Any]) -> None:
        """Note with what the run works, in logged_params.json. More can be added later."""
        params = vars(params) if type(params).__name__ == "Namespace" else params
        if not isinstance(params, Mapping):
            raise TypeError(f"parameters have to be a table, not a {type(params).__name__}")
        self._ready()
        if self._writer is not None:
            self._writer.params(params)
        else:
            plain("params", params)

    def image(self, name: str, image: Any, step: Any = None) -> None:
        """Log a picture: an array, a PIL image, a matplotlib figure, or the path of a file.

        plots/images/NAME.png, with a step plots/images/NAME/STEP.png. Raises TypeError, ValueError, OSError.
        """
        self._ready()
        checked(name, "image")
        if self._writer is not None:
            self._writer.image(name, image, step)

    def table(self, name: str, columns: Mapping[str, Iterable[Any]]) -> None:
        """Log columns of equal length, {"actual": […], "predicted": […]}, as plots/NAME.csv."""
        self._ready()
        checked(name, "table")
        if self._writer is not None:
            self._writer.table(name, columns)

    def artifact(self, path: str | os.PathLike[str], name: str | None = None) -> Path:
        """Keep a copy of a file or directory as artifacts/NAME; return where. Raises OSError, ValueError."""
        self._ready()
        source = Path(path)
        name = checked(source.absolute().name if name is None else name, "artifact")
        if self._writer is None:
            return self.dir / "artifacts" / name
        return self._writer.artifact(source, name)

    def flush(self) -> None:
        """Write what is not written yet; it happens a few times a second anyway."""
        if self._writer is not None and not self._is_over:
            self._writer.flush()

    def end(self) -> None:
        """The run is over: its files are complete and in order."""
        if self._is_over:
            return
        self._is_over = True
        if self in _open:
            _open.remove(self)
        if self._writer is None or any(run._writer is self._writer for run in _open):
            return
        _writers.pop(self.dir, None)
        _ended.add(self.dir)
        self._writer.end()

    def forked(self) -> None:
        """In a child, which may be told by now or later that it is not the first of a group."""
        self._writer = None
        self._is_joined = False

    def _ready(self) -> None:
        if self._is_over:
            raise ValueError(f"the run in {self.dir} has ended: log inside of its `with`")
        if not self._is_joined:
            self._is_joined = True
            self._writer = _writer(self.dir, resume=True, all_ranks=self._all_ranks)

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is a run that joins this one."""
        return joining, (str(self.dir), self._all_ranks)

    def __deepcopy__(self, memo: dict[int, Any]) -> Run:
        """Libraries copy callbacks; the run is the same."""
        return self

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()


def begin(
    directory: str | os.PathLike[str] | None, *, resume: bool | int = False, all_ranks: bool = False
) -> Run:
    """Open a run, which is the current one until it ends. Raises OSError, InputError, ValueError."""
    path = Path(directory or os.environ.get("MLVC_LOG_DIR") or ".").resolve()
    run = Run(path, _writer(path, resume=resume, all_ranks=all_ranks), all_ranks=all_ranks)
    _open.append(run)
    return run


def joining(directory: str, all_ranks: bool) -> Run:
    """Return the run that a process was handed by another one: it is joined by what is logged first.

    Not before: a process that was started for a group of equal ones is told later which of them it is.
    """
    path = Path(directory)
    for run in _open:
        if run.dir == path:
            return run
    run = Run(path, None, all_ranks=all_ranks, is_joined=False)
    _open.append(run)
    return run


def _writer(path: Path, *, resume: bool | int, all_ranks: bool) -> Writer | None:
    """Return what writes there in this process; None if another one does."""
    if not all_ranks and not is_first(os.environ):
        return None
    writer = _writers.get(path)
    if writer is None:
        path.mkdir(parents=True, exist_ok=True)
        writer = _writers[path] = Writer(path, os.environ, resume, _end_with_this_process)
    elif not isinstance(resume, bool):
        raise ValueError(f"a run in {path} has begun already: resume={resume} comes too late")
    return writer


def current() -> Run:
    """Return the run that was opened last and has not ended; without one, open one."""
    if _open:
        return _open[-1]
    path = Path(os.environ.get("MLVC_LOG_DIR") or ".").resolve()
    # What comes after the end of a `with` belongs to what was logged in it.
    return begin(path, resume=path in _ended)


def end_all() -> None:
    for run in reversed(_open.copy()):
        run.end()


def _end_with_this_process() -> None:
    atexit.unregister(end_all)
    atexit.register(end_all)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        # A process of multiprocessing ends without what atexit knows.
        from multiprocessing.util import Finalize

        Finalize(None, end_all, exitpriority=10)


def _before_fork() -> None:
    for writer in _writers.values():
        writer.lock.acquire()


def _after_fork_in_parent() -> None:
    for writer in _writers.values():
        writer.lock.release()


def _after_fork_in_child() -> None:
    for writer in _writers.values():
        writer.forked()
    for run in _open:
        run.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )

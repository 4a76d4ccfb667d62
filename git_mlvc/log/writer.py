"""What one process writes of a run into a directory; other processes and threads may do the same at once.

    metrics.json                    the last value of each metric
    plots/NAME.csv                  all values of a metric, by step
    plots/images/NAME[/STEP].png    pictures
    logged_params.json              parameters
    artifacts/NAME                  copies of files

Rows are written at once. metrics.json is replaced a few times a second, by a thread that lives while there is something
to write, and at the end. The files and what they promise: docs/guide/logging.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from git_mlvc.log import documents
from git_mlvc.log.meeting import Meeting, run_key
from git_mlvc.log.names import Taken, checked
from git_mlvc.log.scalars import number, plain, step_number
from git_mlvc.log.series import Series, header, last, tidied

_PAUSE_S = 0.25
_MOST_OPEN = 64  # files; a process may have a thousand or so, and there can be more metrics


class Writer:
    """One for each directory that a process logs into; for all its threads."""

    def __init__(
        self,
        directory: Path,
        env: Mapping[str, str],
        resume: bool | int,
        begun: Callable[[], None],
    ) -> None:
        """`resume`: True goes on where the files end, a step drops what was logged above it. Raises as `documents.read`.

        `begun` is called in each process, children made by fork too, that logs: it sees to it that `end` is called.
        """
        self.directory = directory
        self._begun = begun
        self.lock = threading.RLock()
        self._metrics = directory / "metrics.json"
        self._plots = directory / "plots"
        self._series: dict[str, Series] = {}
        self._open: list[Series] = []
        self._tables: set[str] = set()
        self._taken = Taken()
        self._pending: dict[str, int | float] = {}
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._is_forked = False
        self._has_begun = False
        goes_on = self._goes_on = resume is not False
        up_to = None if isinstance(resume, bool) else resume
        self._meeting = Meeting(directory, run_key(env), env)
        self._meeting.enter(lambda: self._tidy_all(up_to) if goes_on else None, goes_on=goes_on)
        begun()

    def metric(self, name: str, value: object, step: object, *, plot: bool) -> None:
        with self.lock:
            self._ready()
            series = self._series.get(name) or self._opened(name)
            one = number(name, value)
            at = None if step is None else step_number(name, step)
            if plot and not series.is_open:
                self._open.append(series)
                if len(self._open) > _MOST_OPEN:
                    self._open.pop(0).close()
            if not plot or series.append(one, at):
                self._pending[series.name] = one
                self._wake()

    def params(self, params: Mapping[str, Any]) -> None:
        found = {str(key): plain(str(key), value) for key, value in params.items()}
        path = self.directory / "logged_params.json"
        with self.lock:
            self._ready()
            with self._meeting.alone():
                document = {} if self._meeting.begins("params") else documents.read(path)
                documents.merge(document, found)
                documents.replace(path, documents.encode(document))

    def image(self, name: str, image: object, step: object) -> None:
        from git_mlvc.log.pictures import SUFFIXES, encoded

        name = checked(name, "image")
        suffix, data = encoded(name, image)
        place = self._plots / "images" / name
        stem = name.rpartition("/")[2] if step is None else str(step_number(name, step))
        with self.lock:
            self._ready()
            with self._meeting.alone():
                if self._meeting.begins(f"image {name}"):
                    _remove_pictures(place, SUFFIXES)
                path = (place.parent if step is None else place) / f"{stem}{suffix}"
                try:
                    documents.replace(path, data)
                except (FileExistsError, NotADirectoryError, IsADirectoryError) as exc:
                    raise ValueError(
                        f"image {name!r} wants the place of another one: {exc.filename}. Give it another name"
                    ) from exc

    def table(self, name: str, columns: Mapping[str, Iterable[object]]) -> None:
        from git_mlvc.log.tables import encoded

        name = checked(name, "table")
        data = encoded(name, columns)
        with self.lock:
            self._ready()
            if name in self._series:
                raise ValueError(f"{name!r} is a metric already: give the table another name")
            self._taken.take(name, "table")
            self._tables.add(name)
            with self._meeting.alone():
                documents.replace(self._plots / f"{name}.csv", data)

    def artifact(self, path: Path, name: str) -> Path:
        from git_mlvc.log import artifacts

        target = self.directory / "artifacts" / checked(name, "artifact")
        with self.lock:
            self._ready()
        with self._meeting.keeping(name):  # it may take long: nobody else is kept from logging
            artifacts.copy(path, target)
        return target

    def flush(self) -> None:
        """Write what is not written yet. Raises OSError; then it is still to be written."""
        with self.lock:
            self._ready()
            self._write_pending()

    def end(self) -> None:
        """Write the rest; whoever is the last in this directory leaves the files in order."""
        with self.lock:
            if self._is_forked:
                return  # this process has logged nothing
            try:
                self._write_pending(durable=True)
            finally:
                self._stop.set()
                for series in self._series.values():
                    series.close()
                self._meeting.leave(self._tidy)

    def forked(self) -> None:
        """In a child: what the parent was about to write is the parent's, its locks too."""
        self.lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = None
        self._pending.clear()
        for series in self._series.values():
            series.close()
        self._open.clear()
        self._meeting.forget()
        self._is_forked = True

    def _ready(self) -> None:
        if self._is_forked:
            self._is_forked = False
            self._meeting.rejoin()
            self._begun()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def _opened(self, given: str) -> Series:
        """Return the file of a metric that this process has not logged before. Raises as `names` do, and InputError."""
        name = checked(given, "metric")
        if name in self._tables:
            raise ValueError(f"{name!r} is a table already: give the metric another name")
        with self._meeting.alone():
            if self._meeting.begins("metrics"):
                self._discard()
            elif not self._has_begun:
                for other in documents.names(documents.read(self._metrics)):
                    self._taken.take(other, "metric")
            self._has_begun = True
            self._taken.take(name, "metric")
            path = self._plots / f"{name}.csv"
            if _is_foreign(path, name):
                from git_mlvc.errors import InputError

                raise InputError(
                    f"cannot log the metric {name!r}",
                    why=f"{path} is there, and is not what git_mlvc.log writes",
                    hint="move it away, or give the metric another name",
                )
            if self._meeting.begins(f"metric {name}"):
                path.unlink(missing_ok=True)
        series = self._series[given] = self._series.get(name) or Series(path, name)
        self._series[name] = series
        return series

    def _discard(self) -> None:
        """A new run: the metrics of the one before are gone, and nothing else."""
        from git_mlvc.errors import InputError

        try:
            old = documents.read(self._metrics)
        except InputError:
            old = {}
        for name in documents.names(old):
            path = self._plots / f"{name}.csv"
            if ".." not in name.split("/") and path.is_file() and not _is_foreign(path, name):
                path.unlink()
        self._metrics.unlink(missing_ok=True)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="git_mlvc.log", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        from git_mlvc.errors import MlvcError

        while not self._stop.wait(_PAUSE_S):
            with self.lock:
                if not self._pending:
                    self._thread = None
                    return
                try:
                    self._write_pending()
                except (OSError, MlvcError) as exc:
                    # Told where the script can be told: by its next call.
                    self._failure, self._thread = exc, None
                    return

    def _write_pending(self, *, durable: bool = False) -> None:
        if not self._pending:
            return
        with self._meeting.alone():
            if self._meeting.is_current():
                document = documents.read(self._metrics)
                for name, value in self._pending.items():
                    documents.put(document, name, value)
                documents.replace(self._metrics, documents.encode(document), durable=durable)
        self._pending.clear()

    def _tidy(self, were_others: bool) -> None:
        if were_others or self._goes_on:
            self._tidy_all()
            return
        for series in self._series.values():
            if not series.is_in_order:
                _tidy_file(series.path, series.name)

    def _tidy_all(self, up_to: int | None = None) -> None:
        document = documents.read(self._metrics)
        before = documents.encode(document)
        for name in list(documents.names(document)):
            path = self._plots / f"{name}.csv"
            if not path.is_file() or _is_foreign(path, name):
                continue
            value = last(_tidy_file(path, name, up_to))
            if value is None:
                documents.remove(document, name)
            else:
                documents.put(document, name, value)
        if documents.encode(document) != before:
            documents.replace(self._metrics, documents.encode(document), durable=True)


def _is_foreign(path: Path, name: str) -> bool:
    """Return whether the file holds something that is not a metric of that name."""
    wanted = header(name)
    try:
        with path.open("rb") as file:
            found = file.read(len(wanted))
    except FileNotFoundError:
        return False
    return not wanted.startswith(found) or (found != wanted and path.stat().st_size > len(found))


def _tidy_file(path: Path, name: str, up_to: int | None = None) -> bytes:
    before = path.read_bytes()
    after = tidied(before, name, up_to)
    if after != before:
        documents.replace(path, after)
    return after


def _remove_pictures(place: Path, suffixes: tuple[str, ...]) -> None:
    """Remove the pictures of an earlier run: those of this name, with and without steps."""
    for suffix in suffixes:
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    if place.is_dir():
        for path in place.iterdir():
            if path.suffix in suffixes and path.stem.lstrip("-").isdigit():
                path.unlink()

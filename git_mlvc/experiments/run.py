"""Making an experiment: `repro` in a worktree of its own, then a commit of what stands there.

`run` is one experiment from beginning to end, for `exp run`, a queue's worker and a sweep alike. It leaves the commit
and its ref, or, however it ends otherwise, only the log.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from git_mlvc import interrupts
from git_mlvc.errors import GitError, InputError, MlvcError, StageFailed, StoreError
from git_mlvc.experiments import (
    claims,
    in_place,
    name_claims,
    overrides,
    refs,
    seed,
    snapshot,
    states,
    workplace,
)
from git_mlvc.experiments import record as record_format
from git_mlvc.experiments.in_place import Setting
from git_mlvc.experiments.record import ExperimentRecord
from git_mlvc.experiments.refs import Experiment
from git_mlvc.experiments.states import State
from git_mlvc.pipeline import repro
from git_mlvc.pipeline.model import MissingContent, MissingDep
from git_mlvc.pipeline.report import Fate, Report
from git_mlvc.pipeline.repro_lock import ReproLock

if TYPE_CHECKING:
    from git_mlvc.experiments.in_place import PutBack
    from git_mlvc.experiments.snapshot import Snapshot
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.doing import Watch
    from git_mlvc.pipeline.running.watching import Watcher
    from git_mlvc.pipeline.scene import Means
    from git_mlvc.repo_path import RepoPath


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One experiment, with all that was to be decided decided.

    `name`: checked; empty: one is made up. `overrides`: "FILE:KEY" -> value, as `overrides.resolve` gives them.
    `stages` are called from `folder`, as in `repro.Request`. `seed_from`: a commit whose outs are the starting
    point; may be empty. `message`: the user's; its first line is the subject. `sweep`: as in the record.
    """

    snapshot: Snapshot
    name: str = ""
    overrides: Mapping[str, object] = field(default_factory=dict, hash=False)
    stages: tuple[str, ...] = ()
    folder: RepoPath | None = None
    jobs: int = 1
    seed_from: str = ""
    message: str = ""
    sweep: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished experiment. `is_new` is False if an equal one was there already: then it is that one.

    `report`: what became of the stages; None where none were run.
    """

    experiment: Experiment
    is_new: bool
    report: Report | None = None


def run(
    means: Means,
    request: RunRequest,
    watch: Watch,
    *,
    watcher: Watcher | None = None,
    named: Callable[[str], None] = lambda name: None,
    ran: Callable[[], None] = lambda: None,
) -> Outcome:
    """Make the experiment in a worktree of its own. `named` is told its name before anything runs; `ran` is called
    when no stage runs any more, and the result is still to be recorded.

    Raises StageFailed naming the log, UsageError for a name that is taken, MlvcError as `repro`, and
    KeyboardInterrupt; then neither worktree nor ref is left.
    """
    check_identity(means.repo)
    with (
        interrupts.ending_as_ctrl_c(),
        name_claims.claimed(means.repo, request.name) as name,
        _shown_as_running(means.repo, request, name),  # until its ref is there
    ):
        named(name)
        settings, store = means.settings, means.store.path
        with workplace.opened(
            means.repo,
            name,
            request.snapshot,
            settings.experiment_links,
            store if settings.store is not None else None,
        ) as place:
            logs = logs_of(means.repo, name)
            own = replace(means, repo=place.repo, logs=logs, called=f"experiment {name}")
            if request.seed_from:
                seed.put(place.repo, request.seed_from)
            overrides.write(place.repo.needed_worktree(""), request.overrides)
            try:
                report, duration_s = _reproduce(own, request, watch, watcher, name, logs)
            except MissingDep as missing:
                _explain(missing, means.repo.needed_worktree(""))
                raise
            ran()
            with _hint_at_run_cache(name):
                tree = snapshot.tree_of(place.repo, leaving_out=place.links)
        with _hint_at_run_cache(name):
            return commit(means.repo, request, name, tree, report=report, duration_s=duration_s)


def run_here(
    means: Means,
    request: RunRequest,
    watch: Watch,
    *,
    watcher: Watcher | None = None,
    put_back: Callable[[PutBack], None] = lambda done: None,
) -> Outcome:
    """Make the experiment in the user's own worktree; what was set stays set there once it is made.

    `request.snapshot` is how it stood before. `put_back` is told of the params files where it fails or is
    interrupted. Raises as `run`, StoreLocked where a `repro` is at work.
    """
    check_identity(means.repo)
    repo = means.repo
    with (
        interrupts.ending_as_ctrl_c(),
        name_claims.claimed(repo, request.name) as name,
        _shown_as_running(repo, request, name),
        ReproLock(repo, hint="leave out --in-place, or wait for it") as lock,
        in_place.changed(repo, name, _settings(repo, request), put_back),
    ):
        report, duration_s = _reproduce(means, request, watch, watcher, name, None, lock)
        with _hint_at_run_cache(name):
            tree = snapshot.take(repo).tree
            return commit(repo, request, name, tree, report=report, duration_s=duration_s)


def commit(
    repo: Repository,
    request: RunRequest,
    name: str,
    tree: str,
    *,
    report: Report | None = None,
    duration_s: float | None = None,
) -> Outcome:
    """Record a tree as an experiment of this name, or find the one that is equal. Raises UsageError, GitError."""
    baseline = request.snapshot.baseline
    with claims.locked(repo):  # of two equal ones that end at once, the second finds the first
        for one in refs.list(repo):
            if one.tree == tree and one.baseline == baseline:
                return Outcome(one, False, report)
        record = _record(request, name, report, duration_s)
        message = record_format.encode(record).encode("utf-8", "replace")
        sha = repo.git.text(
            *("-c", "i18n.commitEncoding=UTF-8"),
            *("commit-tree", tree, "-p", baseline, "-F", "-"),
            input=message,
        )
        refs.create(repo, name, sha)
    made = Experiment(name, sha, tree, baseline, int(time.time()), record)
    return Outcome(made, True, report)


def _record(
    request: RunRequest, name: str, report: Report | None, duration_s: float | None
) -> ExperimentRecord:
    first, _, rest = request.message.strip().partition("\n")
    return ExperimentRecord(
        overrides=dict(request.overrides),
        changed=request.snapshot.changed,
        stages=tuple(end.stage for end in report.of(Fate.RAN)) if report is not None else (),
        duration_s=None if duration_s is None else round(duration_s, 3),
        sweep=request.sweep,
        subject=first or record_format.subject(name, request.overrides),
        text=rest.strip(),
    )


def check_identity(repo: Repository) -> None:
    """Raises InputError if git would not know whose commit it is: better now than after hours of training."""
    if repo.git.run("var", "GIT_COMMITTER_IDENT", check=False).returncode != 0:
        raise InputError(
            "git does not know who you are, and an experiment is a commit",
            hint='git config --global user.name "Your Name"\n'
            "git config --global user.email you@example.com",
        )


def logs_of(repo: Repository, name: str) -> Path:
    """Return the directory of what the stages of an experiment wrote; it outlives a failure."""
    return claims.home(repo) / "logs" / name


# -- inside


@contextmanager
def _hint_at_run_cache(name: str) -> Iterator[None]:
    """Say what is not lost where git cannot record an experiment that ran: a full disk, most often."""
    try:
        yield
    except GitError as exc:
        raise StoreError(
            f"experiment '{name}' ran, and git cannot record it",
            why=exc.stderr.strip() or exc.what,
            hint="when that is mended, the same command again: what its stages made is kept, and does not run twice",
        ) from exc


def _settings(repo: Repository, request: RunRequest) -> tuple[Setting, ...]:
    edited = overrides.edited(repo.needed_worktree(""), request.overrides)
    return tuple(Setting(*one) for one in edited)


def _reproduce(
    means: Means,
    request: RunRequest,
    watch: Watch,
    watcher: Watcher | None,
    name: str,
    logs: Path | None,
    held: ReproLock | None = None,
) -> tuple[Report, float]:
    """Return what became of the stages and how long it took, in seconds. Raises StageFailed, MlvcError."""
    asked = repro.Request(request.stages, request.folder, jobs=request.jobs)
    began = time.monotonic()
    try:
        report = repro.repro(means, asked, watch, watcher=watcher, held=held)
        failure = report.failure()
        if failure is not None:
            raise failure
    except StageFailed as failure:
        hint = failure.hint
        if logs is not None and isinstance(failure.__cause__, MissingContent):
            hint = "git mlvc pull, then again"
        elif logs is not None and logs.is_dir():
            hint = f"all that it wrote: {logs}"
        why = f"{failure.what}: {failure.why}" if failure.why else failure.what
        raise StageFailed(f"experiment '{name}' failed", why=why, hint=hint) from failure
    return report, time.monotonic() - began


@contextmanager
def _shown_as_running(repo: Repository, request: RunRequest, name: str) -> Iterator[None]:
    """Let others see it while it runs, and afterwards if a stage failed or it was interrupted."""
    state = State(
        name=name,
        baseline=request.snapshot.baseline,
        tree=request.snapshot.tree,
        overrides=request.overrides,
        stages=request.stages,
        folder="" if request.folder is None else request.folder.text,
        message=request.message,
        sweep=request.sweep,
        seed_from=request.seed_from,
        jobs=request.jobs,
        log=str(logs_of(repo, name)),
    )
    try:
        with states.running(repo, state):
            yield
    except StageFailed:
        raise
    except MlvcError:  # it never came to run; what waits in the queue says so itself
        left = states.of(repo, name)
        if left is not None and not left.is_from_queue:
            states.remove(repo, name)
        raise


def _explain(missing: MissingDep, users: Path) -> None:
    """Say so where what is missing stands in the user's worktree, and git does not know it."""
    if not missing.makers and os.path.lexists(users / missing.dep):
        missing.why = "git ignores it, so it is not in the worktree of the experiment"
        missing.hint = (
            f'add {missing.dep} to git, or lend it: [exp] link = ["{missing.dep}"] in mlvc.toml'
        )

"""Which experiments there are, on which baselines, with what they have to show.

However many they are, the same few git processes: one for all refs of experiments, one for the names of
baselines, one for whatever has to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from git_mlvc.errors import MlvcError
from git_mlvc.experiments import refs, states
from git_mlvc.experiments.cache import Cache, path_of
from git_mlvc.experiments.findings import Findings
from git_mlvc.experiments.refs import Experiment
from git_mlvc.experiments.states import Phase, State
from git_mlvc.experiments.table import DONE, Group, Row
from git_mlvc.git.object_reader import ObjectReader

if TYPE_CHECKING:
    from git_mlvc.fs.atomic import Permissions
    from git_mlvc.git.repository import Repository
    from git_mlvc.pipeline.revision import At, Revisions
    from git_mlvc.store.store import Store

SHORT = 7
"""How many signs of a commit's name people quote."""
_PHASES = (Phase.RUNNING, Phase.QUEUED, Phase.FAILED, Phase.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Listing:
    """`others`: how many experiments there are that were not asked for, being on other baselines."""

    groups: tuple[Group, ...]
    others: int


def collect(
    repo: Repository,
    open_store: Callable[[], Store],
    revs: Sequence[str] = (),
    *,
    shows_all: bool = False,
    is_measured: bool = True,
    now_s: float | None = None,
    permissions: Permissions | None = None,
) -> Listing:
    """Return the experiments made on these revisions, on HEAD if none is given, or all of them.

    A name of an experiment stands for that one. Those that are running come first, then what waits or failed,
    then the newest; groups in the order of `revs`, or HEAD's and then that of the newest experiment. At `now_s`
    a running one has taken so long. Without `is_measured` no parameter or metric is looked up. Raises UsageError with the nearest name for what is no revision; GitError.
    """
    made = sorted(refs.list(repo), key=lambda one: (-one.made_at_s, one.name))
    names = {one.name for one in made}
    pending = [one for one in states.read(repo).states if one.name not in names]
    cache = Cache(path_of(repo), permissions) if is_measured else None
    with _Look(repo, open_store, cache) as look:
        head = look.head()
        asked = _Asked.of(revs, look, made, pending, head)
        chosen = [one for one in made if shows_all or asked.includes(one.baseline, one.name)]
        waiting = [one for one in pending if shows_all or asked.includes(one.baseline, one.name)]
        baselines = [*asked.baselines]
        if shows_all:
            baselines += [one.baseline for one in chosen if one.baseline]
            baselines += [one.baseline for one in waiting if one.baseline]
        baselines = [*dict.fromkeys(baselines)]
        titles = _titles(repo, baselines, head)
        groups = [
            _group(commit, titles.get(commit, ""), chosen, waiting, look, now_s)
            for commit in baselines
        ]
        if not all(one.baseline for one in chosen) or not all(one.baseline for one in waiting):
            groups.append(_group("", "(no baseline)", chosen, waiting, look, now_s))
    if cache is not None:
        cache.save([head, *baselines, *(sha for one in made for sha in (one.commit, one.baseline))])
    return Listing(tuple(groups), len(made) + len(pending) - len(chosen) - len(waiting))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which baselines the user named, in order; `whole`: those of which all experiments count."""

    baselines: tuple[str, ...]
    whole: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(
        cls,
        revs: Sequence[str],
        look: _Look,
        made: Iterable[Experiment],
        pending: Iterable[State],
        head: str,
    ) -> _Asked:
        if not revs:
            heads = (head,) if head else ()
            return cls(heads, frozenset(heads), frozenset())
        known = {one.commit: one for one in made}
        waiting = {one.name: one for one in pending}
        baselines: list[str] = []
        whole: set[str] = set()
        names: set[str] = set()
        for rev in revs:
            # One that is no commit yet is called by its name alone.
            commit = "" if rev in waiting else look.revision(rev).commit
            one = waiting.get(rev) or known.get(commit)
            if one is None:
                whole.add(commit)
            else:
                names.add(one.name)
            baselines.append(commit if one is None else one.baseline)
        order = tuple(commit for commit in dict.fromkeys(baselines) if commit)
        return cls(order, frozenset(whole), frozenset(names))

    def includes(self, baseline: str, name: str) -> bool:
        return baseline in self.whole or name in self.names


class _Look:
    """What commits have to show: from the cache where it is known, else read, by one git for all.

    Without a cache they are not looked at.
    """

    def __init__(
        self, repo: Repository, open_store: Callable[[], Store], cache: Cache | None
    ) -> None:
        self._repo = repo
        self._open_store = open_store
        self._cache = cache
        self._revisions: Revisions | None = None

    def __enter__(self) -> _Look:
        return self

    def __exit__(self, *_: object) -> None:
        if self._revisions is not None:
            self._revisions.close()

    def head(self) -> str:
        """Return the commit that HEAD is; empty before the first."""
        with ObjectReader(self._repo) as reader:
            return reader.commit("HEAD") or ""

    def revision(self, rev: str) -> At:
        """Raises UsageError with the nearest name."""
        if self._revisions is None:  # what reads stages is not needed for what is known
            from git_mlvc.pipeline.revision import Revisions

            self._revisions = Revisions(self._repo, self._open_store())
        return self._revisions.at(rev)

    def running(self, one: State, baseline: Findings) -> Findings | None:
        """Return what an experiment has to show that runs in a worktree of its own just now."""
        if one.phase is not Phase.RUNNING or self._cache is None:
            return None
        from git_mlvc.experiments import live

        return live.read(self._repo, self._open_store, one.name, baseline)

    def at(self, commit: str) -> Findings:
        if self._cache is None:
            return Findings()
        known = self._cache.get(commit)
        if known is None:
            from git_mlvc.experiments import reading

            try:
                known = reading.read(self.revision(commit))
            except MlvcError as exc:  # a clone need not have every baseline
                return Findings(problems=(str(exc),), is_final=False)
            self._cache.put(commit, known)
        return known


def _group(
    commit: str,
    title: str,
    made: Iterable[Experiment],
    pending: Iterable[State],
    look: _Look,
    now_s: float | None,
) -> Group:
    findings = look.at(commit) if commit else Findings()
    short = commit[:SHORT]
    baseline = Row(f"{title} {short}".strip(), commit=commit, findings=findings)
    waiting = sorted(
        (one for one in pending if one.baseline == commit), key=lambda one: _PHASES.index(one.phase)
    )
    rows = [_pending(one, findings, look.running(one, findings), now_s) for one in waiting]
    rows += [_made(one, look.at(one.commit)) for one in made if one.baseline == commit]
    return Group(baseline, tuple(rows))


def _made(one: Experiment, findings: Findings) -> Row:
    record = one.record
    return Row(
        one.name,
        commit=one.commit,
        baseline=one.baseline,
        state=DONE,
        made_at_s=one.made_at_s,
        duration_s=record.duration_s,
        subject=record.subject,
        sweep=record.sweep,
        stages=record.stages,
        changed=tuple(path.text for path in record.changed),
        overrides=record.overrides,
        findings=_with(findings, record.overrides, replaces=False),
    )


def _pending(one: State, baseline: Findings, live: Findings | None, now_s: float | None) -> Row:
    """One without a commit: its parameters are those of its baseline and what was set; metrics as far as it is."""
    is_running = one.phase is Phase.RUNNING and now_s is not None
    problems = (one.error,) if one.error else ()
    findings = live or Findings(baseline.params, goals=baseline.goals, problems=problems)
    return Row(
        one.name,
        baseline=one.baseline,
        state=one.phase.value,
        made_at_s=int(one.since_s),
        duration_s=max(0.0, (now_s or 0) - one.since_s) if is_running else None,
        subject=one.message,
        sweep=one.sweep,
        stages=one.stages,
        overrides=one.overrides,
        findings=_with(findings, one.overrides, replaces=True),
    )


def _with(findings: Findings, overrides: Mapping[str, object], *, replaces: bool) -> Findings:
    """Add what was set with -S: a stage may read it and not name it."""
    params = dict(findings.params)
    for place, value in overrides.items():
        file, _, key = place.partition(":")
        if replaces or (file, key) not in params:
            params[file, key] = value
    return replace(findings, params=params)


def _titles(repo: Repository, commits: Iterable[str], head: str) -> dict[str, str]:
    """Return a branch or tag for those commits that are at the tip of one; the current branch first."""
    wanted = set(commits)
    fields = "%(HEAD)%00%(objectname)%00%(*objectname)%00%(refname:short)"
    said = repo.git.run(
        "for-each-ref", f"--format={fields}", "refs/heads", "refs/tags", "refs/remotes"
    ).stdout
    found: dict[str, str] = {}
    for line in said.splitlines():
        mark, sha, peeled, raw = line.split(b"\0", 3)
        commit = (peeled or sha).decode("ascii")
        if commit in wanted and (commit not in found or mark == b"*"):
            found[commit] = raw.decode("utf-8", "surrogateescape")
    if head in wanted:
        found.setdefault(head, "HEAD")
    return found

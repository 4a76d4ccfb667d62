"""The refs of experiments, `refs/mlvc/exp/<name>`: listing, finding, creating, renaming, deleting.

One git process each, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import FormatError, GitError, UsageError
from git_mlvc.experiments import record as record_format
from git_mlvc.experiments import states
from git_mlvc.experiments.names import of_ref
from git_mlvc.experiments.record import ExperimentRecord
from git_mlvc.experiments.state_record import Phase, State
from git_mlvc.git.objects import NO_LAZY_FETCH
from git_mlvc.nearest import nearest

if TYPE_CHECKING:
    from git_mlvc.git.repository import Repository

PREFIX = "refs/mlvc/exp/"
_FIELDS = ("refname", "objectname", "objecttype", "tree", "parent", "authordate:unix", "contents")
_FORMAT = "%00".join(f"%({field})" for field in _FIELDS) + "%00"
_NEWLINE = b"\n"  # what git writes after each ref; it begins the next one's name


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as its ref shows it.

    `baseline` is the commit that it was made on: its first parent, empty if it has none. `made_at_s`: its
    author's date, seconds since 1970. A commit without a record, or with one of a later version, has one that
    says its subject only.
    """

    name: str
    commit: str
    tree: str
    baseline: str
    made_at_s: int
    record: ExperimentRecord

    @property
    def ref(self) -> str:
        return PREFIX + self.name


def ref_of(name: str) -> str:
    """Return the ref of the experiment of that name."""
    return PREFIX + name


def list(repo: Repository) -> Sequence[Experiment]:
    """Return all experiments, by name. Raises GitError."""
    return [*_read(repo, [PREFIX])]


def find(repo: Repository, name: str) -> Experiment:
    """Return the experiment of that name. Raises UsageError, with the nearest name."""
    return find_all(repo, [name])[0]


def find_all(repo: Repository, names: Iterable[str]) -> Sequence[Experiment]:
    """Return the experiments of these names, in their order. Raises UsageError, with the nearest name."""
    wanted = [of_ref(name) for name in names]
    known = {one.name: one for one in _read(repo, [PREFIX])}
    for name in wanted:
        if name not in known:
            raise _not_done(states.of(repo, name)) or _unknown(name, known)
    return [known[name] for name in wanted]


def create(repo: Repository, name: str, commit: str) -> None:
    """Make the ref of a new experiment, in one step. Raises UsageError if the name is taken, GitError."""
    _update(repo, [f"create {PREFIX}{name}\0{commit}\0"], name)


def rename(repo: Repository, old: str, new: str) -> None:
    """Give an experiment another name: both refs change, or neither. Raises UsageError, GitError.

    One that has both names, as after a git that was killed, loses the old one.
    """
    commit = find(repo, old).commit
    steps = [f"create {PREFIX}{new}\0{commit}\0", f"delete {PREFIX}{old}\0{commit}\0"]
    if old != new and any(one.name == new and one.commit == commit for one in list(repo)):
        steps = steps[1:]
    _update(repo, steps, new)


def delete(repo: Repository, experiments: Iterable[Experiment]) -> None:
    """Remove refs that still are what they were when they were listed; all or none. Raises GitError.

    Those that somebody else has removed since are gone, too.
    """
    asked = [*experiments]
    try:
        _update(repo, [f"delete {PREFIX}{one.name}\0{one.commit}\0" for one in asked], "")
    except GitError:
        there = {one.name for one in list(repo)}
        left = [one for one in asked if one.name in there]
        if len(left) == len(asked):
            raise
        delete(repo, left)


# -- inside


def _read(repo: Repository, patterns: Iterable[str]) -> Iterator[Experiment]:
    said = repo.git.run(
        "for-each-ref", f"--format={_FORMAT}", *patterns, env_extra=NO_LAZY_FETCH
    ).stdout
    parts = said.split(b"\0")
    width = len(_FIELDS)
    for at in range(0, len(parts) - width, width):
        refname, commit, kind, tree, parents, date, message = parts[at : at + width]
        if kind != b"commit":
            continue  # not ours
        yield Experiment(
            name=refname.removeprefix(_NEWLINE).decode("utf-8", "surrogateescape")[len(PREFIX) :],
            commit=commit.decode("ascii"),
            tree=tree.decode("ascii"),
            baseline=parents.decode("ascii").partition(" ")[0],
            made_at_s=int(date or b"0"),
            record=_record(message.decode("utf-8", "replace")),
        )


def _record(message: str) -> ExperimentRecord:
    try:
        found = record_format.decode(message)
    except FormatError:
        found = None
    return found or ExperimentRecord(subject=message.partition("\n")[0])


def _update(repo: Repository, steps: Iterable[str], name: str) -> None:
    fed = "".join(steps).encode("utf-8", "surrogateescape")
    try:
        repo.git.run("update-ref", "-z", "--stdin", input=fed)
    except GitError as exc:
        if name and "reference already exists" in exc.stderr:
            raise taken(name) from exc
        raise


def taken(name: str) -> UsageError:
    """Return the error for a name that an experiment has already."""
    return UsageError(
        f"there is an experiment '{name}' already",
        why="two experiments cannot have one name",
        hint=f"choose another --name, or `git mlvc exp rename {name} OTHER` first",
    )


def _not_done(state: State | None) -> UsageError | None:
    """Return the error for one that is to be seen in tables and has no commit."""
    if state is None:
        return None
    hints = {Phase.QUEUED: "git mlvc exp start", Phase.RUNNING: "git mlvc exp status"}
    return UsageError(
        f"experiment '{state.name}' is {state.phase}",
        why="what came of it is recorded when it is done",
        hint=hints.get(state.phase, f"git mlvc exp logs {state.name}"),
    )


def _unknown(name: str, known: Iterable[str]) -> UsageError:
    names = [*known]
    near = nearest(name, names)
    if near:
        hint = f"did you mean '{near}'?"
    elif names:
        hint = "`git mlvc exp show` lists them"
    else:
        hint = "there are none yet: `git mlvc exp run` makes one"
    return UsageError(f"there is no experiment '{name}'", hint=hint)

"""The metrics or parameters of a revision, file by file, and what became of them in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from git_mlvc.errors import InputError, MlvcError
from git_mlvc.metrics import goals, numbers
from git_mlvc.metrics.difference import Difference
from git_mlvc.pipeline.model import Out, OutKind, Param
from git_mlvc.pipeline.parameters import param_values
from git_mlvc.pipeline.parameters.param_values import Value
from git_mlvc.repo_path import RepoPath

if TYPE_CHECKING:
    from git_mlvc.pipeline.revision import At

_PARAM_ENDINGS = ("toml", "yaml", "yml", "json")


@dataclass(frozen=True, slots=True)
class File:
    """One file: its values by dotted key, in its order; the goals of those that have one.

    `maker`: the stage that names it, and which of its metrics it is, so that it is known under another name.
    """

    path: RepoPath
    values: Mapping[str, Value]
    goals: Mapping[str, str] = field(default_factory=dict)
    maker: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found at one revision (`rev` None: the worktree). `missing`: named, and not there."""

    rev: str | None
    commit: str
    files: tuple[File, ...] = ()
    missing: tuple[RepoPath, ...] = ()
    failures: tuple[MlvcError, ...] = ()

    @property
    def name(self) -> str:
        return "worktree" if self.rev is None else self.rev

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.missing or self.failures)


@dataclass(frozen=True, slots=True)
class Place:
    """A value: the file it is in and its key there."""

    path: RepoPath
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Change:
    """A value before and after; None where there is none.

    `is_unknown`: or none that could be read, for something there is broken or not here.
    """

    old: Place | None
    new: Place | None
    goal: str = ""
    is_unknown: bool = False

    @property
    def place(self) -> Place:
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def is_change(self) -> bool:
        """False if both are the same value; 1 and 1.0 are, as metrics; as parameters `is_exact_change` says."""
        number = self.difference
        if self.old is None or self.new is None or number is None:
            return self.is_exact_change
        return number.change != 0 if number.change is not None else True

    @property
    def is_exact_change(self) -> bool:
        if self.old is None or self.new is None:
            return True
        return param_values.canonical(self.old.value) != param_values.canonical(self.new.value)

    @property
    def difference(self) -> Difference | None:
        """As numbers; None where one of them is something else."""
        sides = [side.value for side in (self.old, self.new) if side is not None]
        if not all(is_number(value) for value in sides):
            return None
        old, new = ((side.value if side is not None else None) for side in (self.old, self.new))
        return Difference(self.place.key, old, new, self.goal)  # type: ignore[arg-type]


def is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def metrics(at: At, paths: Sequence[RepoPath] = ()) -> Reading:
    """Read the metrics of a revision; with `paths`, what is at or below these, declared or not.

    Raises nothing of ours: what is broken is in `failures`, and the rest is read.
    """
    failures: list[MlvcError] = []
    makers: dict[RepoPath, tuple[str, int]] = {}
    options: dict[RepoPath, object] = {}
    try:
        declared = at.metric_files()
        options = {path: out.options.get("goal") for path, out in declared}
        place = {out.path: one for one, out in _numbered(at)}
        makers = {path: place[out.path] for path, out in declared if out.path in place}
    except MlvcError as exc:
        if not paths:
            return Reading(at.rev, at.commit, failures=(exc,))
    wanted = _chosen(at, paths, options, numbers.ENDINGS, failures)
    files: list[File] = []
    missing: list[RepoPath] = []
    for path in wanted:
        try:
            data = at.read(path)
            if data is None:
                missing.append(path)
                continue
            values = numbers.of(data, str(path))
        except MlvcError as exc:
            failures.append(exc)
            continue
        by_key = goals.of(options.get(path), values)
        files.append(File(path, values, by_key, makers.get(path)))
    return Reading(at.rev, at.commit, tuple(files), tuple(missing), tuple(failures))


def params(at: At, paths: Sequence[RepoPath] = ()) -> Reading:
    """Read the parameters of a revision; with `paths`, all of these files. Raises nothing of ours, as `metrics`."""
    failures: list[MlvcError] = []
    missing: list[RepoPath] = []
    try:
        if paths:
            files = _chosen(at, paths, (), _PARAM_ENDINGS, failures)
            missing = [path for path in files if not at.exists(path)]
            found = at.values(Param(path, "") for path in files if path not in missing)
        else:
            found = at.params()
    except MlvcError as exc:
        return Reading(at.rev, at.commit, failures=(*failures, exc))
    by_file: dict[RepoPath, dict[str, Value]] = {}
    for param, value in found.items():
        if isinstance(value, MlvcError):
            failures.append(value)
        else:
            by_file.setdefault(param.file, {})[param.key] = value
    read = tuple(File(path, values) for path, values in by_file.items())
    return Reading(at.rev, at.commit, read, tuple(missing), tuple(failures))


def changes(old: Reading, new: Reading) -> list[Change]:
    """Return what became of each value: those of `new` in order, then those that are gone.

    Values belong together that have one key in the same file; else in files that are the same metric of the same
    stage; else if no other file has that key, on either side: files are renamed and named by templates.
    """
    before = {(file.path, key): (file, key) for file in old.files for key in file.values}
    goal_of = {(file.path, key): goal for file in new.files for key, goal in file.goals.items()}
    after = [(file, key) for file in new.files for key in file.values]
    partner: dict[tuple[RepoPath, str], tuple[File, str]] = {}
    for same in _SAMENESS:
        left_before = [one for at, one in before.items() if at in before]
        left_after = [(file, key) for file, key in after if (file.path, key) not in partner]
        for one, other in _pairs(left_before, left_after, same):
            partner[other[0].path, other[1]] = one
            del before[one[0].path, one[1]]
    found = []
    for file, key in after:
        was = partner.get((file.path, key))
        goal = goal_of.get((file.path, key), "")
        is_unknown = was is None and bool(old.failures)
        found.append(Change(_place(*was) if was else None, _place(file, key), goal, is_unknown))
    is_unknown = bool(new.failures)  # law 9: what could not be read is not gone
    found += [Change(_place(*gone), None, is_unknown=is_unknown) for gone in before.values()]
    return found


# -- inside

_Value = tuple[File, str]
_SAMENESS: tuple[Callable[[File, str], object], ...] = (
    lambda file, key: (file.path, key),
    lambda file, key: (file.maker, key) if file.maker is not None else None,
    lambda file, key: key,
)


def _pairs(
    old: Sequence[_Value], new: Sequence[_Value], same: Callable[[File, str], object]
) -> Iterator[tuple[_Value, _Value]]:
    """Yield those that are the same and the only ones to be so, on both sides."""
    sides: list[dict[object, list[_Value]]] = [{}, {}]
    for values, side in zip((old, new), sides, strict=True):
        for file, key in values:
            mark = same(file, key)
            if mark is not None:
                side.setdefault(mark, []).append((file, key))
    for mark, ours in sides[0].items():
        theirs = sides[1].get(mark, [])
        if len(ours) == len(theirs) == 1:
            yield ours[0], theirs[0]


def _place(file: File, key: str) -> Place:
    return Place(file.path, key, file.values[key])


def _numbered(at: At) -> Iterator[tuple[tuple[str, int], Out]]:
    """Yield each metric of each stage with the place that it has there."""
    for stage in at.pipeline().stages:
        named = (out for out in stage.outs if out.kind is OutKind.METRIC)
        yield from (((stage.address, which), out) for which, out in enumerate(named))


def _chosen(
    at: At,
    paths: Sequence[RepoPath],
    declared: Iterable[RepoPath],
    endings: Sequence[str],
    failures: list[MlvcError],
) -> list[RepoPath]:
    """Return the files that are meant: those declared, or what is at or below `paths`."""
    if not paths:
        return list(declared)
    found: dict[RepoPath, None] = {}
    for path in paths:
        try:
            inside = at.below(path)
        except MlvcError as exc:
            failures.append(exc)
            continue
        known = [one for one in declared if one == path or one.raw.startswith(path.raw + b"/")]
        readable = [one for one in inside if one.text.rpartition(".")[2].lower() in endings]
        if inside and inside != [path] and not (known or readable):
            kinds = ", ".join(f".{one}" for one in endings)
            failures.append(
                InputError(f"there is no file to read in {path}", why=f"none is {kinds}")
            )
            continue
        found |= dict.fromkeys(known or (inside if inside == [path] else readable) or [path])
    return list(found)

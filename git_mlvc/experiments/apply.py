"""An experiment brought into the worktree: its changes are there and staged, all else is as it was.

What is to be done is decided before anything is touched: on HEAD as baseline the files are the experiment's;
elsewhere git's own three-way merge says what they are. The user's uncommitted changes are in the way only where
something of them would be lost; a change that the experiment took in with it is not, nor is a result that a stage
made and the store keeps.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_mlvc.errors import GitError, InputError
from git_mlvc.experiments import apply_journal, contained, results
from git_mlvc.experiments.apply_journal import Journal
from git_mlvc.fs.safe_path import resolve_inside
from git_mlvc.git import objects, trees
from git_mlvc.git.trees import Change
from git_mlvc.pipeline.outs.replaced import Kept, Replaced
from git_mlvc.units import names_text

if TYPE_CHECKING:
    from git_mlvc.experiments.refs import Experiment
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.git.repository import Repository
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.store.store import Store

_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying does: `changes` against HEAD.

    `before`: the tree of the index once it knows how those files stand in the worktree; `after`: what it is then.
    `lost`: files that the user changed, of which something would be overwritten. `cut_short`: those that an
    earlier attempt, which was killed, seems to have left half-written.
    """

    name: str
    commit: str
    head: str
    changes: Sequence[Change]
    before: str
    after: str
    lost: Sequence[RepoPath]
    cut_short: Sequence[RepoPath]
    is_merged: bool


def plan(repo: Repository, store: Store, experiment: Experiment) -> Plan:
    """Decide what to do; touches nothing but git's object store.

    Raises InputError where it does not go together with what was committed since, GitError.
    """
    repo.needed_worktree("an experiment cannot be applied here")
    head = _head(repo)
    target = experiment.tree
    is_merged = head != experiment.baseline
    if is_merged:
        target = _merged(repo, experiment, head)
    changed = trees.changes(repo, head, target)
    with trees.copied_index(repo) as index:
        try:
            index.take_in(change.path for change in changed)
            before = index.tree()
        except GitError as exc:
            raise InputError(
                f"'{experiment.name}' cannot be applied",
                why=exc.stderr.strip() or exc.what,
                hint="finish or abort the merge that is under way, then apply again",
            ) from exc
        index.put(changed)
        after = index.tree()
    meant = {change.path: change for change in changed}
    edited = [one for one in trees.changes(repo, head, before) if one.path in meant]
    since = _changed_since(repo, _cut_short(repo, experiment.commit, head), before)
    # What is gone cannot be overwritten; only there it is known that it is not the user who removed it.
    edited = [one for one in edited if one.path not in since or not one.is_deletion]
    lost = _lost(repo, edited, meant)
    if lost:
        standing = {one.path: one.sha for one in edited if one.path in lost}
        known = results.kept(repo, store, before, standing)
        lost = [path for path in lost if path not in known]
    return Plan(
        experiment.name,
        experiment.commit,
        head,
        changed,
        before,
        after,
        [path for path in lost if path not in since],
        [path for path in lost if path in since],
        is_merged,
    )


def execute(repo: Repository, planned: Plan) -> None:
    """Carry it out, whatever `lost` says. Raises InputError where the worktree has changed meanwhile.

    Interrupted, some files are there already; applying again finishes it.
    """
    earlier = _cut_short(repo, planned.commit, planned.head)
    before = earlier.before if earlier else planned.before
    apply_journal.begin(repo, Journal(planned.name, planned.commit, planned.head, before))
    try:
        # Also where only time stamps differ: git would take such a file for a change of the user's.
        trees.take_in(repo, [change.path for change in planned.changes])
        repo.git.run("read-tree", "-m", "-u", planned.before, planned.after)
    except GitError as exc:
        is_untouched = earlier is None and _stands_as_before(repo, planned)
        if is_untouched:
            apply_journal.end(repo)
        raise InputError(
            f"'{planned.name}' cannot be applied",
            why=exc.stderr.strip() or exc.what,
            hint="git status"
            if is_untouched
            else f"some of its files are here: git mlvc exp apply {planned.name}   once more finishes it",
        ) from exc
    apply_journal.end(repo)


def move_cut_short(repo: Repository, planned: Plan) -> list[Kept]:
    """Move what an earlier attempt left half-written out of the way; then make a new plan. Raises InputError."""
    top, replaced = repo.needed_worktree(""), Replaced(repo)
    places = [(path, resolve_inside(top, path)) for path in planned.cut_short]
    return [replaced.keep(place, path) for path, place in places if os.path.lexists(place)]


def keep_aside(repo: Repository, planned: Plan) -> str:
    """Put the user's changes into git's stash, and leave them where they are; return the stash's commit."""
    message = f"before git mlvc exp apply --force {planned.name}"
    said = message.encode()
    staged = repo.git.text("write-tree")
    with trees.copied_index(repo) as index:
        index.take_in(change.path for change in trees.changes(repo, planned.head, planned.before))
        standing = index.tree()
    options = ("-p", planned.head)
    on_index = repo.git.text("commit-tree", staged, *options, input=b"index: " + said)
    commit = repo.git.text("commit-tree", standing, *options, "-p", on_index, input=said)
    repo.git.run("stash", "store", "-m", message, commit)
    return commit


def refusal(planned: Plan) -> InputError:
    """Return the error for changes of the user's that would be overwritten."""
    names = names_text([str(path) for path in planned.lost], most=_MOST_NAMED, noun="file")
    return InputError(
        f"'{planned.name}' would overwrite what you have not committed: {names}",
        why="your changes are not part of the experiment",
        hint="commit or stash them first; with --force they are kept in git's stash",
    )


def data_files(repo: Repository, planned: Plan) -> list[tuple[RepoPath, Pointer]]:
    """Return what of the changes is data."""
    blobs = [one.sha for one in planned.changes if one.mode.startswith("100")]
    known = objects.pointers(repo, dict.fromkeys(blobs))
    return [(one.path, known[one.sha]) for one in planned.changes if one.sha in known]


# -- inside


def _head(repo: Repository) -> str:
    found = repo.git.run("rev-parse", "-q", "--verify", "HEAD^{commit}", check=False)
    if found.returncode != 0:
        raise InputError(
            "there is no commit here to apply an experiment to", hint="git switch main"
        )
    return found.stdout.decode("ascii").strip()


def _stands_as_before(repo: Repository, planned: Plan) -> bool:
    try:
        with trees.copied_index(repo) as index:
            index.take_in(change.path for change in planned.changes)
            return index.tree() == planned.before
    except (GitError, OSError):
        return False


def _cut_short(repo: Repository, commit: str, head: str) -> Journal | None:
    """Return what is known of an attempt to apply this commit here that did not end."""
    journal = apply_journal.read(repo)
    is_same = journal is not None and (journal.commit, journal.head) == (commit, head)
    return journal if is_same else None


def _changed_since(repo: Repository, journal: Journal | None, before: str) -> frozenset[RepoPath]:
    """Return the paths that are not as they were when that attempt began."""
    if journal is None:
        return frozenset()
    try:
        return frozenset(one.path for one in trees.changes(repo, journal.before, before))
    except GitError:  # git has collected that tree meanwhile
        return frozenset()


def _merged(repo: Repository, experiment: Experiment, head: str) -> str:
    base = f"{experiment.baseline}^{{tree}}" if experiment.baseline else trees.empty(repo)
    result = trees.merged(repo, base, f"{head}^{{tree}}", experiment.tree)
    if result.conflicts:
        names = _shown(result.conflicts)
        raise InputError(
            f"'{experiment.name}' conflicts with what was committed since its baseline: {names}",
            why=f"it was made on {experiment.baseline[:10]}, and HEAD is {head[:10]}; nothing is changed",
            hint=f"git cherry-pick --no-commit refs/mlvc/exp/{experiment.name}   to settle it by hand",
        )
    return result.tree


def _lost(
    repo: Repository, edited: Iterable[Change], meant: Mapping[RepoPath, Change]
) -> list[RepoPath]:
    """Return those of the edited files of which something would be overwritten that the experiment has not."""
    in_doubt = [one for one in edited if one.now != meant[one.path].now]
    files = [one for one in in_doubt if one.is_text_edit and meant[one.path].is_text_edit]
    shas = {sha for one in files for sha in (one.was_sha, one.sha, meant[one.path].sha)}
    sizes = dict(objects.blob_sizes(repo, sorted(shas)))
    small = sorted(sha for sha, size_bytes in sizes.items() if size_bytes <= contained.MAX_BYTES)
    data = dict(objects.contents(repo, small))
    safe = set()
    for one in files:
        texts = [data.get(sha) for sha in (one.was_sha, one.sha, meant[one.path].sha)]
        known = [text for text in texts if text is not None]
        if len(known) == len(texts) and contained.is_contained(*known):
            safe.add(one.path)
    return [one.path for one in in_doubt if one.path not in safe]


def _shown(paths: Iterable[RepoPath]) -> str:
    return names_text([str(path) for path in sorted(paths)], most=_MOST_NAMED, noun="file")

"""pre-push: the data of all commits being pushed is on the remote before git moves the refs.

Arguments: name and URL of the git remote (twice the URL when it has no name). Standard input: one line
per ref. What the remote's own refs reach is taken to have its data there: `git mlvc fsck --remote` checks;
what our tracking refs say it has is looked at (`tracking_refs.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from git_mlvc.git import hook_input

if TYPE_CHECKING:
    from git_mlvc.git.changes import Entry
    from git_mlvc.git.hook_input import RefUpdate
    from git_mlvc.git.revisions import PointerUse
    from git_mlvc.progress import Progress
    from git_mlvc.transfer.bundles import Bundle
    from git_mlvc.transfer.routes import Share
    from git_mlvc.workspace import Workspace

SKIP = "MLVC_SKIP_PUSH"
_LOCK_NAME = b"mlvc.lock"


def run(
    workspace: Workspace,
    argv: Sequence[str],
    stdin: bytes,
    messages: Callable[[str], None],
    progress: Progress | None = None,
) -> int:
    """Upload what the remote lacks. Whatever is raised stops the push; 0 lets it go on."""
    updates = [update for update in hook_input.pre_push(stdin) if not update.is_delete]
    if not updates:
        return 0
    if _is_skipped(workspace):
        messages(f"git-mlvc: data is not uploaded ({SKIP}); `git mlvc push` does it later")
        return 0
    name = argv[0] if argv else ""
    url = argv[1] if len(argv) > 1 else name
    include, exclude = commits(workspace, name, updates)
    upload(workspace, (name, url), include, exclude, messages, progress)
    return 0


def upload(
    workspace: Workspace,
    remote: tuple[str, str],
    include: list[str],
    exclude: list[str],
    messages: Callable[[str], None],
    progress: Progress | None = None,
    *,
    whole: Sequence[str] = (),
) -> None:
    """Send the data of what a push to `remote` (name and URL of git's) adds, wherever it belongs. Raises to stop it.

    `include`, `exclude`: as `commits` says. `whole`: commits of which all has to be there, with all that their
    locks name, whatever the remote is taken to have.
    """
    from git_mlvc.hooks import push_runs
    from git_mlvc.transfer.routes import shares

    name, url = remote
    uses: list[PointerUse] = []
    parts: list[_Part] = []
    held = _Held(workspace, include, whole)
    is_believed = False  # of the usual place, which comes first
    usual_trusted = exclude
    targets = shares(workspace.places, workspace.places.push_target(name, url))
    for share in targets:
        if share.is_routed and is_believed and not share.of(held.beyond(exclude)):
            continue  # it gets nothing, and may be out of reach
        trusted = _trusted(workspace, share, name, include, exclude)
        if not share.is_routed:
            is_believed = trusted == exclude
            usual_trusted = trusted
        found = share.of(held.beyond(trusted))
        uses += found
        if found:
            parts.append(_Part(share, found, trusted))
    locks = _inspect(workspace, include, exclude, {use.blob_sha for use in uses}, messages)
    if locks or whole or push_runs.may_stay(workspace, uses):
        if locks and usual_trusted != exclude:  # more is to be sent than what git sends
            from git_mlvc.pipeline.runs import run_travel

            locks = run_travel.locks_between(workspace.repository, include, usual_trusted)
        if whole:
            locks = push_runs.with_whole(workspace, locks, whole)
        parts = _with_runs(workspace, parts, targets, include, locks, messages)
    if parts:
        _push(workspace, parts, name, include, messages, progress)


class _Part(NamedTuple):
    """What of a push goes to one place: what is used there, and the commits whose data is there already."""

    share: Share
    uses: list[PointerUse]
    trusted: list[str]
    bundles: Sequence[Bundle] = ()


def commits(
    workspace: Workspace, name: str, updates: Sequence[RefUpdate]
) -> tuple[list[str], list[str]]:
    """Return what is being pushed, and what the remote has: its refs as it says, and as we last saw them."""
    include = list(dict.fromkeys(update.local_sha for update in updates))
    exclude = list(dict.fromkeys(update.remote_sha for update in updates if not update.is_new))
    if workspace.config.get(f"remote.{name}.url"):
        exclude.append(f"--remotes={name}")
    return include, exclude


def _trusted(
    workspace: Workspace, share: Share, name: str, include: list[str], exclude: list[str]
) -> list[str]:
    """Return that part of `exclude` whose data is where this push goes."""
    from git_mlvc.hooks import tracking_refs

    has = [sha for sha in exclude if not sha.startswith("--remotes=")]
    if tracking_refs.is_place_untouched(workspace, share, has):
        return []
    if len(has) == len(exclude) or tracking_refs.are_believable(
        workspace, share, name, include, has
    ):
        return exclude
    return has


def _is_skipped(workspace: Workspace) -> bool:
    from git_mlvc.settings import parse_bool

    value = workspace.environment.get(SKIP)
    return bool(value) and parse_bool(value or "", key=SKIP)


class _Held:
    """The pointers of the commits being pushed, as far as others do not have them."""

    def __init__(self, workspace: Workspace, include: list[str], whole: Sequence[str] = ()) -> None:
        self._workspace = workspace
        self._include = include
        self._whole = whole
        self._found: dict[tuple[str, ...], list[PointerUse]] = {}

    def beyond(self, exclude: list[str]) -> list[PointerUse]:
        known = self._found.get(tuple(exclude))
        if known is None:
            known = self._found[tuple(exclude)] = self._look(exclude)
        return known

    def _look(self, exclude: list[str]) -> list[PointerUse]:
        from git_mlvc.git import changes, revisions

        repo = self._workspace.repository
        is_routed = bool(self._workspace.settings.routes)  # then every path of a content counts
        look = changes.placed if is_routed else revisions.pointers_between
        found = look(repo, self._include, exclude)
        if not self._whole:
            return found
        known = {(use.pointer, use.path): use for use in found}
        for use in revisions.pointers_in(repo, self._whole, each_path=is_routed):
            known.setdefault((use.pointer, use.path), use)
        return list(known.values())


def _inspect(
    workspace: Workspace,
    include: list[str],
    exclude: list[str],
    pointers: set[str],
    messages: Callable[[str], None],
) -> list[Entry]:
    """Refuse damaged stubs; warn of content that the attributes make data and git holds itself.

    `pointers`: blobs that need no look. Return the lock files of pipelines among what is pushed.
    """
    from git_mlvc.errors import InputError
    from git_mlvc.git import changes
    from git_mlvc.hooks import held_by_git, pre_commit

    repo = workspace.repository
    locks: list[Entry] = []
    entries = changes.outgoing(repo, include, exclude, known=pointers)
    held = held_by_git.inspect(repo, workspace.settings, _noting_locks(entries, locks))
    if held.damaged:
        what, why, hint = pre_commit.refusal(held.damaged, "pushed")
        last = held.damaged[0].commit[:10]
        raise InputError(f"{what} (commit {last})", why=why, hint=f"{hint}\nthen amend the commit")
    if held.raw:
        paths = list(dict.fromkeys(entry.path for entry in held.raw))
        noun = "file is" if len(paths) == 1 else "files are"
        messages(
            f"warning: {len(paths)} {noun} in git itself although the attributes make them data:"
            f" {pre_commit.names(paths)}\n"
            "hint: git mlvc track --renormalize && git commit   converts them from here on"
        )
    return locks


def _noting_locks(entries: Iterable[Entry], locks: list[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if entry.path.raw.rpartition(b"/")[2] == _LOCK_NAME:
            locks.append(entry)
        yield entry


def _with_runs(
    workspace: Workspace,
    parts: Sequence[_Part],
    targets: Sequence[Share],
    include: list[str],
    locks: Sequence[Entry],
    messages: Callable[[str], None],
) -> list[_Part]:
    """Return the parts with what else stages made, and without what is to stay off remotes."""
    from git_mlvc.hooks import push_runs
    from git_mlvc.transfer.routes import portion

    kept = push_runs.kept_here(workspace, messages)
    runs = push_runs.outgoing(workspace, locks, kept, messages)
    known = {id(part.share): part for part in parts}
    found = []
    for share in targets:
        part = known.get(id(share), _Part(share, [], []))
        uses, bundles = part.uses, portion(share, runs)
        if kept:
            uses = push_runs.without(uses, kept, workspace, include, part.trusted)
        if uses or (bundles and push_runs.can_take(workspace, share.place, messages)):
            found.append(part._replace(uses=uses, bundles=bundles))
    return found


def _push(
    workspace: Workspace,
    parts: Sequence[_Part],
    name: str,
    include: list[str],
    messages: Callable[[str], None],
    progress: Progress | None,
) -> None:
    from git_mlvc.errors import RemoteRefused
    from git_mlvc.hooks import push_runs, tracking_refs
    from git_mlvc.progress import Silent
    from git_mlvc.transfer.delivery import Delivery, Sender

    deliveries = []
    for share, uses, trusted, bundles in parts:
        if share.place is None:
            raise RemoteRefused(
                f"there is no place for the data of this push ({_examples(uses)})",
                why=f"git remote '{name}' is not a directory, and no data remote is set up",
                hint="git mlvc remote add NAME URL --default",
            )
        paths = {use.path for use in uses}
        bases = partial(tracking_refs.bases, workspace, include, trusted, paths)
        deliveries.append(Delivery(workspace.view(share.place), uses, bases, bundles))
    shown = progress or Silent()
    sender = Sender(workspace.store, workspace.fetcher(shown), shown)
    for view, report in sender.send_all(deliveries):
        at = f"{view.name}: " if len(deliveries) > 1 else ""
        if report.files or not report.left:
            messages(f"git-mlvc: {at}{report.summary()}")
        if report.left:
            push_runs.tell_left(view.name, report.left, messages)


def _examples(uses: Sequence[PointerUse]) -> str:
    from git_mlvc.hooks import pre_commit

    return pre_commit.names(list(dict.fromkeys(use.path for use in uses)))

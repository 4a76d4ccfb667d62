"""`git mlvc exp list --remote`: which experiments a remote has."""

from __future__ import annotations

from git_mlvc.cli.experiments import remotes
from git_mlvc.cli.invocation import Invocation
from git_mlvc.errors import UsageError
from git_mlvc.units import names_text

_STATES = {"new": "no", "here": "yes", "differs": "another one"}


def show(invocation: Invocation, remote: str, *, names_only: bool, as_json: bool) -> None:
    """Name the experiments of `remote` ("" for the usual one), and how each stands to what is here."""
    from git_mlvc.experiments import refs, travel
    from git_mlvc.experiments.last_seen import LastSeen

    workspace, output = invocation.workspace, invocation.output
    asked, rest = remotes.parted(invocation, [remote] if remote else [], for_push=False)
    if rest:
        raise UsageError(f"there is no git remote '{remote}'", hint="git remote -v")
    here = {one.name: one for one in refs.list(workspace.repository)}
    there = travel.listed(workspace.repository.git, asked.name)
    mine = {name: one.commit for name, one in here.items()}
    deleted = LastSeen(workspace.repository, asked.fetch_key).deleted(mine, there)
    rows: list[tuple[str, str, str, str]] = []
    for name, commit in there.items():
        known = here.get(name)
        state = "new" if known is None else "here" if known.commit == commit else "differs"
        subject = known.record.subject if known is not None and state == "here" else ""
        rows.append((name, commit, state, subject))
    if as_json:
        fields = {
            "remote": asked.shown,
            "experiments": [
                {"name": name, "commit": commit, "state": state, "subject": subject or None}
                for name, commit, state, subject in rows
            ],
            "deleted_there": deleted,
        }
        output.json("exp-list-remote", fields)
        return
    if names_only:
        for name, *_ in rows:
            output.line(name)
        return
    if rows:
        shown = [[name, sha[:10], _STATES[state], subject] for name, sha, state, subject in rows]
        output.table(["name", "commit", "here", "subject"], shown)
    else:
        output.line(f"{asked.shown} has no experiments")
    if deleted:
        names = names_text(deleted, most=10, noun="experiment")
        output.message(f"{names} deleted there, and still here")

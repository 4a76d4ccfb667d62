"""`git mlvc exp push`: experiments to a remote, complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode, InputError, RemoteRefused
from git_mlvc.units import count_text, names_text

if TYPE_CHECKING:
    from git_mlvc.cli.experiments.remotes import GitRemote
    from git_mlvc.experiments.refs import Experiment
    from git_mlvc.workspace import Workspace


@subcommand(
    "push",
    example="""\
    git mlvc exp push                       # all that the remote does not have
    git mlvc exp push origin brisk-otter 'lr-*'
    git mlvc exp push --allow keys/public.pem""",
)
@click.argument("words", nargs=-1, metavar="[REMOTE] [NAME]...")
@click.option(
    "-f", "--force", is_flag=True, help="Replace experiments of the same name on the remote."
)
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="FILE",
    help="Push a new file although it looks like a secret; a glob is fine.",
)
@json_option
def push(
    invocation: Invocation,
    words: tuple[str, ...],
    force: bool,
    allowed: tuple[str, ...],
    as_json: bool,
) -> int:
    """Data first, to where `git push` would put it, then the refs: who pulls an experiment has all of it, the
    runs of its stages and outs that git ignores too. REMOTE is a remote of git or the address of one, by default
    that of `git push`; NAME may be a glob. Without NAME: all experiments. A plain `git push` carries none.

    Files that an experiment added and that look like secrets, by name or content, stop the push before anything is
    sent. An experiment that the remote has under the same name is not replaced, and one that was
    deleted there is only pushed again if it is named.
    """
    from git_mlvc.cli.experiments import remotes
    from git_mlvc.experiments import choice, refs, travel
    from git_mlvc.experiments.last_seen import LastSeen

    workspace, output = invocation.workspace, invocation.output
    repo = workspace.repository
    remote, names = remotes.parted(invocation, words, for_push=True)
    known = {one.name: one for one in refs.list(repo)}
    mine = {name: one.commit for name, one in known.items()}
    chosen = choice.chosen(known, names, remotes=workspace.places.git_remotes)
    there = travel.listed(repo.git, remote.name) if chosen else {}
    seen = LastSeen(repo, remote.fetch_key)
    deleted = [] if names else [name for name in seen.deleted(mine, there) if name in chosen]
    others = travel.differing({name: mine[name] for name in chosen}, there)
    failed = {
        name: travel.refusal(name, remote.name, mine[name], there[name], is_push=True)
        for name in ([] if force else others)
    }
    going = [
        known[name]
        for name in chosen
        if there.get(name) != mine[name] and name not in failed and name not in deleted
    ]
    _refuse_secrets(workspace, going, allowed)
    if going:
        _upload(invocation, remote, going, there)
        sending = {one.name: one.commit for one in going}
        refused = travel.send(repo.git, remote.name, sending, there)
        # Somebody else may have pushed the same at the same time.
        now_there = travel.listed(repo.git, remote.name) if refused else {}
        for name, why in refused.items():
            if now_there.get(name) == sending[name]:
                continue
            failed[name] = RemoteRefused(
                f"{remote.shown} does not take '{name}'",
                why=why,
                hint=f"git mlvc exp list --remote {remote.shown}",
            )
    sent = [one for one in going if one.name not in failed]
    now = {**there, **{one.name: one.commit for one in sent}}
    if chosen:
        seen.note(mine, now, workspace.permissions)
    same = [name for name in chosen if there.get(name) == mine[name]]
    if as_json:
        fields = {
            "remote": remote.shown,
            "pushed": [
                {"name": one.name, "commit": one.commit, "replaced": there.get(one.name)}
                for one in sent
            ],
            "already_there": same,
            "deleted_there": deleted,
            "refused": [{"name": name, "why": str(why)} for name, why in failed.items()],
        }
        output.json("exp-push", fields)
    else:
        _show(invocation, remote, sent, there, same)
        for failure in failed.values():
            output.error(failure.what, why=failure.why, hint=failure.hint)
    if deleted:
        output.message(
            f"{names_text(deleted, most=10, noun='experiment')} deleted on {remote.shown}: not pushed again\n"
            f"hint: git mlvc exp rm {' '.join(deleted[:10])}, or name what to push all the same"
        )
    return ExitCode.REMOTE if failed else ExitCode.OK


def _refuse_secrets(
    workspace: Workspace, going: Sequence[Experiment], allowed: Sequence[str]
) -> None:
    """Raise InputError for new files that look like secrets and are not allowed."""
    from git_mlvc.experiments.secrets import suspicious_in

    pairs = [(one.commit, one.baseline) for one in going]
    suspects = suspicious_in(workspace.repository, pairs, workspace.store) if pairs else {}
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in going:
        for suspect in suspects.get(one.commit, ()):
            path = suspect.path.text
            if not any(fnmatchcase(path, pattern) for pattern in allowed):
                reasons.setdefault((str(suspect.path), suspect.why), []).append(one.name)
    if not reasons:
        return
    lines = [
        f"{path} (in {names_text(names, most=3, noun='experiment')}): {why}"
        for (path, why), names in sorted(reasons.items())
    ]
    paths = sorted({path for path, _ in reasons})
    options = " ".join(f"--allow '{path}'" for path in paths[:5])
    raise InputError(
        f"{count_text(len(paths), 'new file')} may be secret; nothing is pushed",
        why="\n".join(lines),
        hint=f"put it into .gitignore and run the experiment again; if it is no secret: git mlvc exp push {options}",
    )


def _upload(
    invocation: Invocation,
    remote: GitRemote,
    going: Sequence[Experiment],
    there: Mapping[str, str],
) -> None:
    """Send the data of experiments, and of the commits before them that the remote lacks (law 1)."""
    from git_mlvc.hooks import pre_push

    workspace, output = invocation.workspace, invocation.output
    commits = list(dict.fromkeys(one.commit for one in going))
    exclude = sorted(set(there.values()))
    if workspace.config.get(f"remote.{remote.name}.url"):
        exclude.append(f"--remotes={remote.name}")
    for url in remote.urls:
        pre_push.upload(
            workspace,
            (remote.name, url),
            commits,
            exclude,
            output.message,
            output.progress,
            whole=commits,
        )


def _show(
    invocation: Invocation,
    remote: GitRemote,
    sent: Sequence[Experiment],
    there: Mapping[str, str],
    same: Sequence[str],
) -> None:
    output = invocation.output
    for one in sent:
        was = f", instead of {there[one.name][:10]}" if one.name in there else ""
        output.line(f"{one.name}: pushed{was}")
    already = f"; {len(same)} there already" if same else ""
    output.line(f"{remote.shown}: {count_text(len(sent), 'experiment')} pushed{already}")

"""`git mlvc push`: the data of commits to a remote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option, no_run_cache_option, verb
from git_mlvc.cli.report_lines import push_fields
from git_mlvc.errors import ExitCode, MlvcError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from git_mlvc.cli.run_exchange import Outgoing
    from git_mlvc.settings import RemoteSetting
    from git_mlvc.transfer.delivery import Sender
    from git_mlvc.transfer.plan import PushReport
    from git_mlvc.workspace import Workspace

_Sent = list[tuple[str, "PushReport"]]


@verb(
    "push",
    example="git mlvc push origin main v1.0\ngit mlvc push --all-remotes",
)
@click.argument("words", nargs=-1, metavar="[REMOTE] [REF]...")
@click.option("--all", "everything", is_flag=True, help="The data of every commit of every ref.")
@click.option(
    "--all-remotes", is_flag=True, help="To every remote that is defined, whatever the routes say."
)
@no_run_cache_option
@json_option
def push(
    invocation: Invocation,
    words: tuple[str, ...],
    everything: bool,
    all_remotes: bool,
    no_run_cache: bool,
    as_json: bool,
) -> int:
    """Data only, of HEAD and all commits before it if no REF is given; `git push` does this by itself for
    what it pushes. What the remote has is not sent again, so this also mends a remote that lost data.

    Without REMOTE, each file's data goes where `git push` would put it: to the remote its pattern names in
    mlvc.toml, or to the usual place. With `--all-remotes`, one that fails does not keep the others from
    getting theirs.

    With the data goes the run cache: every run whose outs are here, so that others restore instead of running.
    """
    from git_mlvc.cli.run_exchange import outgoing, tell_left
    from git_mlvc.transfer.delivery import Delivery, Sender

    workspace, output = invocation.workspace, invocation.output
    remote, refs = _parted(workspace, words, all_remotes=all_remotes)
    places = workspace.places
    sender = Sender(workspace.store, workspace.fetcher(output.progress), output.progress)
    failed: dict[str, MlvcError] = {}
    is_routed = remote is None and not all_remotes and bool(workspace.settings.routes)
    going = outgoing(
        workspace,
        refs,
        everything=everything,
        each_path=is_routed,
        has_runs=not no_run_cache,
    )
    if is_routed:
        sent = _by_route(workspace, going, sender)
    elif all_remotes:
        sent = _to_each(invocation, places.for_mirrors(), going, sender, failed)
    else:
        view = workspace.view(places.to_push_to(remote))
        sent = [(view.name, sender.send(Delivery(view, going.uses, bundles=going.bundles)))]
    if as_json:
        output.json("push", _fields(sent, failed))
    else:
        for name, report in sent:
            output.line(f"{name}: {report.summary()}")
            tell_left(output, name, report)
    return _tell_failed(invocation, failed)


def _parted(
    workspace: Workspace, words: Sequence[str], *, all_remotes: bool
) -> tuple[str | None, Sequence[str]]:
    """Return the remote that is named, if one is, and the refs."""
    if not words:
        return None, ()
    is_remote = workspace.places.knows(words[0])
    if all_remotes:
        if is_remote:
            raise UsageError(
                f"--all-remotes and '{words[0]}': one or all?",
                hint=f"git mlvc push {words[0]}, or git mlvc push --all-remotes",
            )
        return None, words
    if (
        not is_remote
        and workspace.git.run(
            "rev-parse", "-q", "--verify", "--end-of-options", f"{words[0]}^{{}}", check=False
        ).stdout
    ):
        return None, words
    return words[0], words[1:]


def _by_route(workspace: Workspace, going: Outgoing, sender: Sender) -> _Sent:
    from git_mlvc.transfer.delivery import Delivery
    from git_mlvc.transfer.routes import parted

    parts = parted(workspace.places, going.uses, going.bundles)
    deliveries = [Delivery(workspace.view(p.place), p.uses, bundles=p.bundles) for p in parts]
    return [(view.name, report) for view, report in sender.send_all(deliveries)]


def _to_each(
    invocation: Invocation,
    targets: Sequence[RemoteSetting],
    going: Outgoing,
    sender: Sender,
    failed: dict[str, MlvcError],
) -> _Sent:
    """Send all to each that can be written to; what fails is noted in `failed`."""
    from git_mlvc.backend.base import Capability
    from git_mlvc.transfer.delivery import Delivery

    sent = []
    for target in targets:
        try:
            view = invocation.workspace.view(target)
            if Capability.WRITE in view.backend.capabilities:
                delivery = Delivery(view, going.uses, bundles=going.bundles)
                sent.append((view.name, sender.send(delivery)))
            else:
                invocation.output.message(f"{view.name}: cannot be written to, left out")
        except MlvcError as exc:
            failed[target.name] = exc
    return sent


def _fields(sent: _Sent, failed: dict[str, MlvcError]) -> dict[str, object]:
    """The first one's fields as for one remote, and then each."""
    each = [{"remote": name, **push_fields(report)} for name, report in sent]
    return {
        **(each[0] if each else {}),
        "remotes": each,
        "failed": [{"remote": name, "why": str(why)} for name, why in failed.items()],
    }


def _tell_failed(invocation: Invocation, failed: dict[str, MlvcError]) -> int:
    """Name what failed, and return the gravest exit code."""
    for name, why in failed.items():
        invocation.output.error(f"{name}: {why.what}", why=why.why, hint=why.hint)
    if failed:
        names = ", ".join(f"'{name}'" for name in failed)
        invocation.output.message(f"not everything is on {names}")
    return max((why.exit_code for why in failed.values()), default=ExitCode.OK)

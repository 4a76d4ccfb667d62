"""`git mlvc exp pull`: experiments of a remote, complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.experiments.declare import subcommand
from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import json_option
from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.units import count_text, names_text, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from git_mlvc.cli.experiments.remotes import DataPlaces
    from git_mlvc.cli.output import Output
    from git_mlvc.experiments.completing import Completion


@subcommand(
    "pull",
    example="""\
    git mlvc exp pull                       # all that the remote has
    git mlvc exp pull origin brisk-otter
    git worktree add ../otter refs/mlvc/exp/brisk-otter""",
)
@click.argument("words", nargs=-1, metavar="[REMOTE] [NAME]...")
@click.option("-f", "--force", is_flag=True, help="Replace experiments of the same name here.")
@json_option
def pull(invocation: Invocation, words: tuple[str, ...], force: bool, as_json: bool) -> int:
    """The refs, and all data that the experiments and their locks name, as `[fetch]` in mlvc.toml allows:
    `exp apply`, or a worktree of one, has every byte, and `git mlvc repro` there has nothing to run. Interrupted,
    or called again, it brings what is lacking.

    REMOTE is a remote of git or the address of one, by default that of `git pull`; NAME may be a glob. Without
    NAME: all experiments there. One that is another here under the same name is not replaced; one that was deleted
    there stays here, and is named.
    """
    from git_mlvc.cli.experiments import remotes
    from git_mlvc.cli.too_large import tell_too_large
    from git_mlvc.cli.trust import settled
    from git_mlvc.experiments import choice, claims, refs, travel
    from git_mlvc.experiments.last_seen import LastSeen

    remote, names = remotes.parted(invocation, words, for_push=False)
    workspace, output = settled(invocation, None), invocation.output
    repo = workspace.repository
    mine = {one.name: one.commit for one in refs.list(repo)}
    there = travel.listed(repo.git, remote.name)
    chosen = choice.chosen(
        there, names, f" on {remote.shown}", remotes=workspace.places.git_remotes
    )
    others = travel.differing(mine, {name: there[name] for name in chosen})
    failed: dict[str, MlvcError] = {
        name: travel.refusal(name, remote.name, mine[name], there[name], is_push=False)
        for name in ([] if force else others)
    }
    for name in chosen:
        if name not in mine:
            try:
                claims.check_free(repo, name)
            except MlvcError as being_made:
                failed[name] = being_made
    taken = [name for name in chosen if name not in failed]
    new = {name: there[name] for name in taken if mine.get(name) != there[name]}
    if new:
        travel.bring(repo.git, remote.name, new, overwrites=force)
    seen = LastSeen(repo, remote.fetch_key)
    deleted = [] if names else seen.deleted(mine, there)
    seen.note({**mine, **new}, there, workspace.permissions)
    done = _complete(invocation, remotes.DataPlaces(workspace, remote, invocation), there, taken)
    tell_too_large(invocation, done.too_large)
    if as_json:
        output.json(
            "exp-pull",
            {
                "remote": remote.shown,
                "pulled": [
                    {"name": name, "commit": commit, "replaced": mine.get(name)}
                    for name, commit in new.items()
                ],
                "already_here": [name for name in taken if name not in new],
                "deleted_there": deleted,
                "refused": [{"name": name, "why": str(why)} for name, why in failed.items()],
                "files": done.files,
                "logical_bytes": done.size_bytes,
                "runs": done.runs,
                "failed": [{"path": path, "why": str(why)} for path, why in done.failed.items()],
                "stages_to_run": [stage for stage in done.lost if stage],
            },
        )
    else:
        for name in new:
            was = f", instead of {mine[name][:10]}" if name in mine else ""
            output.line(f"{name}: pulled{was}")
        same = len(taken) - len(new)
        already = f"; {same} here already" if same else ""
        data = f"; {count_text(done.files, 'file')}, {size_text(done.size_bytes)}" * bool(
            done.files
        )
        output.line(f"{remote.shown}: {count_text(len(new), 'experiment')} pulled{already}{data}")
        _tell_failed(output, failed, done)
    if deleted:
        output.message(
            f"{names_text(deleted, most=10, noun='experiment')} deleted on {remote.shown}: still here\n"
            f"hint: git mlvc exp rm {' '.join(deleted[:10])}"
        )
    codes = [why.exit_code for why in (*done.failed.values(), *failed.values())]
    return next(iter(codes), ExitCode.OK)


def _complete(
    invocation: Invocation,
    places: DataPlaces,
    there: Mapping[str, str],
    taken: Sequence[str],
) -> Completion:
    from git_mlvc.experiments.completing import Completing
    from git_mlvc.pipeline.runs import run_travel

    workspace = invocation.workspace
    completing = Completing(
        workspace.repository,
        workspace.store,
        workspace.settings,
        places.fetch,
        places.fetch_runs,
        run_travel.unpushed(workspace.repository),
    )
    return completing.complete(list(dict.fromkeys(there[name] for name in taken)))


def _tell_failed(output: Output, refused: Mapping[str, MlvcError], done: Completion) -> None:
    for failure in refused.values():
        output.error(failure.what, why=failure.why, hint=failure.hint)
    reasons: dict[str, list[str]] = {}
    for path, why in done.failed.items():
        reasons.setdefault(str(why), []).append(str(path))
    for reason, paths in reasons.items():
        names = names_text(paths, most=5, noun="file")
        output.error(
            f"cannot fetch {names}", why=reason, hint="run the same again once it is to be had"
        )
    stages = [f"'{stage}'" for stage in done.lost if stage]
    if stages:
        shown = names_text(stages, most=5, noun="stage")
        output.message(
            f"warning: what {shown} made is not to be had: `git mlvc repro` has to run it again"
        )
    if "" in done.lost:
        output.message(f"warning: earlier runs are not fetched\n  why: {done.lost['']}")

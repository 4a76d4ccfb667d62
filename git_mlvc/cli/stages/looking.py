"""What `status` and `dag` show of the stages, from what an invocation has opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_mlvc.cli.invocation import Invocation
from git_mlvc.units import count_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.pipeline.stale import Look

_MOST_SHOWN = 20


def look_if_any(invocation: Invocation) -> Look | None:
    """As `look`, of all stages; None where there are none, without loading what looks at stages."""
    from git_mlvc.pipeline import presence

    repo = invocation.workspace.repository
    if repo.worktree is None or not presence.may_have_stages(repo.worktree, repo.git):
        return None
    return look(invocation)


def look(invocation: Invocation, names: Sequence[str] = ()) -> Look:
    """Look at these stages, or all. Raises as `stale.look`."""
    from git_mlvc.git.config import is_true
    from git_mlvc.pipeline import stage_commands, stale
    from git_mlvc.pipeline.scene import Means

    workspace = invocation.workspace
    has_modes = is_true(workspace.config, "core.filemode", unset=True)
    means = Means(workspace.repository, workspace.store, workspace.settings, has_modes=has_modes)
    folder = stage_commands.folder_of(workspace.repository, invocation.cwd)
    return stale.look(means, names, folder)


def show_stages(output: Output, found: Look) -> None:
    """Say how many stages are stale, and each with the reason."""
    if not found.order:
        return
    stale = found.stale
    for step in stale[:_MOST_SHOWN]:
        output.line(f"{step.action.value}  {step.stage}  {step.reason}".rstrip())
    if len(stale) > _MOST_SHOWN:
        output.line(f"and {len(stale) - _MOST_SHOWN:,} more: git mlvc repro --plan")
    for stage, why in found.problems.items():
        output.line(f"unknown  {stage}  {why}")
    unknown = f", {len(found.problems):,} unknown" if found.problems else ""
    output.line(f"{count_text(len(found.order), 'stage')}, {len(stale):,} stale{unknown}")


def stages_fields(found: Look) -> list[dict[str, object]]:
    """Return what JSON says of the stages that are stale or cannot be decided."""
    fields: list[dict[str, object]] = [
        {
            "stage": step.stage,
            "action": step.action,
            "reasons": step.reasons,
            "waits_for": step.waits_for,
        }
        for step in found.stale
    ]
    return fields + [
        {"stage": stage, "action": "unknown", "reasons": [str(why)], "waits_for": []}
        for stage, why in found.problems.items()
    ]

"""`git mlvc remote check`: try what a remote can do, and say what is missing by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text, json_option
from git_mlvc.errors import ExitCode
from git_mlvc.settings import without_secrets

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.transfer.probe import Probe, Step

ATTEMPTS = 2  # a name that is mistyped should not be tried for minutes
_PATIENCE_S = 15.0
_CONNECT_TIMEOUT_S = 5.0


@click.command(
    "check",
    short_help="Try what a remote can do, and time it.",
    help=help_text(
        "Try what a remote can do, and time it.",
        "Writes, reads, lists and deletes an object of its own under `probe/`, and touches nothing else. Says which"
        " permission is missing and what this kind of remote does without.\n\n"
        "Exit code 0 if all works that this kind of remote can do, 1 if something is missing, 7 if there"
        " is no answer.",
        "git mlvc remote check lab",
    ),
)
@click.argument("name")
@json_option
@click.pass_obj
def check(invocation: Invocation, name: str, as_json: bool) -> int:
    from git_mlvc.backend.address import local_path
    from git_mlvc.backend.wrap.retry import Retry
    from git_mlvc.transfer.probe import Probe, probe

    workspace, output = invocation.workspace, invocation.output
    place = workspace.places.named(name)
    driver = workspace.driver(place, connect_timeout_s=_CONNECT_TIMEOUT_S)
    backend = Retry(driver, attempts=ATTEMPTS, patience_s=_PATIENCE_S)
    found = Probe()
    if not as_json:
        output.line(f"{place.name}: {without_secrets(place.url)}")
    try:
        probe(
            backend,
            found,
            (lambda step: None) if as_json else (lambda step: _show(output, step)),
            directory=local_path(workspace.places.absolute_url(place.url)),
        )
    finally:
        for key in found.left:
            output.message(f"warning: {key} could not be deleted, and may still be there")
        backend.close()
    if as_json:
        _as_json(output, place.name, without_secrets(place.url), found)
    if found.is_unknown:
        return ExitCode.REMOTE
    return ExitCode.OK if found.is_well else ExitCode.ANSWER


def _show(output: Output, step: Step) -> None:
    took = f"{1000 * step.seconds:.0f} ms" if step.seconds else ""
    output.line(f"{step.verdict.value:>11}  {step.name:<16} {took:>8}  {step.says}")
    if step.hint:
        output.line(f"{'':>39}  {step.hint}")
    output.flush()


def _as_json(output: Output, name: str, url: str, found: Probe) -> None:
    output.json(
        "remote check",
        {
            "remote": {"name": name, "url": url, "format": found.format},
            "ok": found.is_well,
            "answers": not found.is_unknown,
            "steps": [
                {
                    "name": step.name,
                    "verdict": step.verdict.value,
                    "says": step.says,
                    "hint": step.hint,
                    "ms": round(1000 * step.seconds, 1),
                }
                for step in found.steps
            ],
            "left": found.left,
        },
    )

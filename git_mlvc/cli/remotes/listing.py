"""`git mlvc remote list`: each place for data, in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

import click

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.options import help_text, json_option
from git_mlvc.settings import without_secrets

if TYPE_CHECKING:
    from git_mlvc.settings import RemoteSetting
    from git_mlvc.workspace import Workspace


class Row(TypedDict):
    """A line of the list, as `--json` shows it."""

    name: str
    url: str
    origin: str
    default: bool
    trusted: bool
    options: dict[str, str]
    writable: bool | None
    routes: list[str]
    problem: str | None


@click.command(
    "list",
    short_help="List remotes.",
    help=help_text(
        "List remotes in the order in which data is looked for, the default one marked.",
        "Contacts none of them.",
        "git mlvc remote list",
    ),
)
@json_option
@click.pass_obj
def list_(invocation: Invocation, as_json: bool) -> None:
    workspace, output = invocation.workspace, invocation.output
    rows = [_row(workspace, place) for place in _places(workspace)]
    if as_json:
        output.json("remotes", {"remotes": rows})
        return
    if not rows:
        output.message("no remote is defined\nhint: git mlvc remote add NAME URL --default")
        return
    output.table(
        ["name", "address", "defined", ""],
        [
            [
                row["name"],
                f"{row['url']} {options_text(row['options'])}".rstrip(),
                row["origin"],
                ", ".join(_remarks(row)),
            ]
            for row in rows
        ],
    )
    for row in rows:
        if row["problem"]:
            output.message(f"warning: remote '{row['name']}': {row['problem']}")


def options_text(options: Mapping[str, str]) -> str:
    """Return options as they are typed, without secrets."""
    from git_mlvc.secret_text import shown_option

    return " ".join(
        f"{name}={shown_option(name, value)}" for name, value in sorted(options.items())
    )


def _places(workspace: Workspace) -> list[RemoteSetting]:
    """All of them, even where one setting is wrong: this is where people look to mend it."""
    from git_mlvc.errors import ConfigError

    try:
        return workspace.places.for_reading()
    except ConfigError:
        return list(workspace.settings.remotes.values())


def _row(workspace: Workspace, place: RemoteSetting) -> Row:
    from git_mlvc.secret_text import shown_option

    settings = workspace.settings
    problem = workspace.places.problem(place)
    return {
        "name": place.name,
        "url": without_secrets(place.url),
        "origin": place.origin.value,
        "default": place.name == settings.default_remote and place.name in settings.remotes,
        "trusted": workspace.places.is_trusted(place),
        "options": {
            name: shown_option(name, value) for name, value in sorted(place.options.items())
        },
        "writable": None if problem is not None else _is_writable(workspace, place),
        "routes": [route.pattern for route in settings.routes if route.remote == place.name],
        "problem": None if problem is None else str(problem),
    }


def _is_writable(workspace: Workspace, place: RemoteSetting) -> bool | None:
    """What the driver says of itself without asking anybody; None where it cannot be opened or does not know."""
    from git_mlvc.backend.base import Capability, known_capabilities
    from git_mlvc.errors import MlvcError

    try:
        driver = workspace.driver(place)
    except MlvcError:
        return None
    try:
        known = known_capabilities(driver)
        return None if known is None else Capability.WRITE in known
    finally:
        driver.close()


def _remarks(row: Row) -> list[str]:
    remarks = (
        ("default", row["default"]),
        ("not trusted", not row["trusted"]),
        ("read only", row["writable"] is False),
        ("unusable", row["problem"] is not None),
    )
    return [word for word, holds in remarks if holds]

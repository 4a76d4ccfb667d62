"""Options and arguments that several verbs share, and how a verb is declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from git_mlvc.cli.registry import VERBS
from git_mlvc.errors import ConfigError
from git_mlvc.settings import parse_size

Function = TypeVar("Function", bound=Callable[..., Any])


def verb(
    name: str, *, example: str, takes_any_option: bool = False
) -> Callable[[Function], click.Command]:
    """Declare the click command of a verb; the function gets the Invocation first.

    Its docstring is the help; `example` lines end it. The summary is the registry's.
    `takes_any_option`: options that are not declared are arguments.
    """

    def declare(function: Function) -> click.Command:
        return click.command(
            name,
            short_help=VERBS[name].summary,
            help=help_text(VERBS[name].summary, function.__doc__, example),
            context_settings={"ignore_unknown_options": takes_any_option},
        )(click.pass_obj(function))

    return declare


def help_text(summary: str, doc: str | None, example: str) -> str:
    """Return click help: the summary, the function's paragraphs, and the example as it stands."""
    import inspect

    parts = [summary]
    if doc:
        parts.append(inspect.cleandoc(doc))
    lines = inspect.cleandoc(example).splitlines()
    parts.append("\b\nExample:\n" + "\n".join("  " + line for line in lines))
    return "\n\n".join(parts)


def json_option(function: Function) -> Function:
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Answer with one JSON value (docs/reference/json.md).",
    )(function)


def no_run_cache_option(function: Function) -> Function:
    return click.option(
        "--no-run-cache",
        is_flag=True,
        help="Leave the runs of pipelines: what stages made, and from what.",
    )(function)


def paths_argument(function: Function) -> Function:
    return click.argument("paths", nargs=-1, metavar="[PATH]...", type=str)(function)


class Size(click.ParamType[int]):
    """A size such as 1MiB, 500kB or 1048576, in bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_size(value, key="size")
        except ConfigError as exc:
            self.fail(f"{value!r} is not a size; write it like 32MiB, 500kB or 1048576", param, ctx)
            raise AssertionError from exc

"""The click side of the command line: `git mlvc VERB …`, its help, and click's errors in our dress."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from git_mlvc.cli.registry import SECTIONS, VERBS
from git_mlvc.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation

PROGRAM = "git mlvc"


class LazyGroup(click.Group):
    """Knows every verb by name and imports the one that is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, attribute = verb.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise _unknown(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in SECTIONS:
            rows = [(verb.name, verb.summary) for verb in VERBS.values() if verb.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)


_OF_OTHERS = {
    "run": "repro", "reproduce": "repro", "commit": "repro --accept STAGE", "checkout": "fill", "get": "pull",
    "gc": "prune", "list": "ls", "graph": "dag",
    "experiment": "exp", "experiments": "exp", "queue": "exp queue",
}  # fmt: skip
"""What people type who come from DVC, git-annex or git itself."""


def _unknown(name: str) -> UsageError:
    from git_mlvc.nearest import nearest

    near = _OF_OTHERS.get(name) or nearest(name, VERBS)
    hint = f"did you mean `{PROGRAM} {near}`?" if near else f"`{PROGRAM} -h` lists the verbs"
    return UsageError(f"'{name}' is not a verb of {PROGRAM}", hint=hint)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExample:\n  git mlvc track '*.bin' && git add . && git commit -m data && git push\n\n`git mlvc VERB -h` explains one verb.",
)
def top() -> None:
    """Plain git, for data and models: large files go through git, their bytes into a store beside it."""


# A group without a sub-command: of click 8.2 an error, before that help and nothing else.
_ASKS_FOR_HELP: tuple[type[Exception], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)


def run(invocation: Invocation) -> int:
    """Run the command line of `invocation`. Raises MlvcError; usage errors as UsageError."""
    arguments = list(invocation.argv)
    try:
        # Not `main`: that makes an exit code 1, which is an answer here, of a reader that went away.
        with top.make_context(PROGRAM, arguments or ["--help"], obj=invocation) as context:
            answer = top.invoke(context)
    except click.exceptions.Exit as exc:
        answer = exc.exit_code
    except click.UsageError as exc:
        if isinstance(exc, _ASKS_FOR_HELP):
            invocation.output.line(exc.format_message())
            return ExitCode.OK
        verbs = [word for word in arguments[:1] if word in VERBS]  # click does not always say where
        where = exc.ctx.command_path if exc.ctx is not None else " ".join([PROGRAM, *verbs])
        raise UsageError(_sentence(exc.format_message()), hint=f"see `{where} -h`") from exc
    except click.ClickException as exc:
        raise UsageError(_sentence(exc.format_message())) from exc
    except (click.Abort, EOFError) as exc:
        raise KeyboardInterrupt from exc
    return answer if isinstance(answer, int) else ExitCode.OK


def _sentence(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text

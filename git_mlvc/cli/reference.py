"""`python -m git_mlvc.cli.reference`: the reference of all commands, written from the code itself."""

from __future__ import annotations

import click

from git_mlvc.cli.group import PROGRAM, top
from git_mlvc.cli.registry import SECTIONS, VERBS

_WIDTH = 96
_HEAD = f"""\
# Commands

Made by `make docs` from the code; do not edit. Every command says the same with `{PROGRAM} VERB -h`
(`{PROGRAM} --help` is taken by git itself, which looks for a manual page). Paths and globs are relative to
the current directory. Exit codes are in [exit-codes.md](exit-codes.md), the answers of `--json` in
[json.md](json.md).
"""


def reference() -> str:
    """Return the Markdown text of docs/reference/commands.md."""
    context = _context(top, PROGRAM, None)
    parts = [_HEAD]
    for section in SECTIONS:
        parts.append(f"## {section}\n")
        for verb in VERBS.values():
            if verb.section != section:
                continue
            command = top.get_command(context, verb.name)
            assert command is not None, verb.name
            parts += _entries(command, verb.name, context)
    return "\n".join(parts)


def _entries(command: click.Command, name: str, parent: click.Context) -> list[str]:
    context = _context(command, name, parent)
    heading = context.command_path.removeprefix(PROGRAM + " ")
    entries = [f"### {heading}\n", f"```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            below = command.get_command(context, child)
            assert below is not None, child
            entries += _entries(below, child, context)
    return entries


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command,
        parent=parent,
        info_name=name,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )


if __name__ == "__main__":
    click.echo(reference(), nl=False)

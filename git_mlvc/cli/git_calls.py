"""The verbs git and ssh call, dispatched without click: each imports what it needs and nothing more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from git_mlvc.cli.invocation import Invocation

_LOCK_FILE = "mlvc.lock"
_MAY_STOP_GIT = frozenset({"pre-commit", "pre-push"})


def filter_process(invocation: Invocation, arguments: list[str]) -> int:
    skip_smudge, rest = _skip_smudge(arguments)
    if rest:
        raise UsageError(f"filter-process takes no arguments: {' '.join(rest)}")
    workspace = invocation.workspace
    workspace.ask_ahead()
    from git_mlvc.filter.serve import serve

    def ensure_hooks() -> object:
        from git_mlvc.hooks.install import ensure_installed

        return ensure_installed(
            workspace.repository, workspace.git, invocation.launcher, invocation.environment
        )

    def hooks_verified() -> bool:
        from git_mlvc.hooks.install import verified

        return verified(workspace.repository, workspace.git)

    return serve(
        0,
        1,
        workspace,
        invocation.output.message,
        progress=invocation.output.progress,
        ensure_hooks=ensure_hooks,
        hooks_verified=hooks_verified,
        skip_smudge=skip_smudge,
    )


def clean(invocation: Invocation, arguments: list[str]) -> int:
    from git_mlvc.filter.single import clean_stream

    return clean_stream(0, 1, _path(arguments), invocation.workspace, invocation.output.message)


def smudge(invocation: Invocation, arguments: list[str]) -> int:
    from git_mlvc.filter.single import smudge_stream

    skip_smudge, rest = _skip_smudge(arguments)
    return smudge_stream(
        0,
        1,
        _path(rest),
        invocation.workspace,
        invocation.output.message,
        skip_smudge=skip_smudge,
    )


def hook(invocation: Invocation, arguments: list[str]) -> int:
    """Run one hook. Law 8: what goes wrong in a `post-` hook is told, and git goes on."""
    from importlib import import_module

    from git_mlvc.hooks.shim import HOOKS

    if not arguments or arguments[0] not in HOOKS:
        raise UsageError(
            f"there is no hook '{' '.join(arguments[:1])}'", why=f"hooks: {', '.join(HOOKS)}"
        )
    name = arguments[0]
    module = import_module(f"git_mlvc.hooks.{name.replace('-', '_')}")
    stdin = sys.stdin.buffer.read() if name == "pre-push" else b""
    try:
        code: int = module.run(
            invocation.workspace,
            arguments[1:],
            stdin,
            invocation.output.message,
            invocation.output.progress,
        )
    except Exception as exc:  # the whole of law 8 is in this clause
        if name in _MAY_STOP_GIT:
            raise
        from git_mlvc.cli import errors

        errors.report(exc, invocation)
        return ExitCode.OK
    return code


def merge_driver(invocation: Invocation, arguments: list[str]) -> int:
    """`%O %A %B %L %P` and, from git 2.44 on, the labels `%S %X %Y` of base, ours and theirs."""
    from pathlib import Path

    from git_mlvc.git.process import Git
    from git_mlvc.worktree.merge_driver import Versions, merge

    if len(arguments) < 3:
        raise UsageError("merge-driver needs %O %A %B %L %P, as git gives them")
    base, ours, theirs, *rest = arguments
    marker = rest[0] if rest else "7"
    names = rest[2:5] if len(rest) >= 5 else []
    # Older gits leave placeholders they do not know as they are.
    known = names if names and not any(name.startswith("%") for name in names) else None
    labels = (known[1], known[0], known[2]) if known else ("ours", "base", "theirs")
    versions = Versions(
        Path(base),
        Path(ours),
        Path(theirs),
        marker_size=int(marker) if marker.isdigit() else 7,
        labels=labels,
    )
    git = Git(invocation.cwd, env=invocation.environment)
    path = rest[1] if len(rest) > 1 else ""
    if path.rpartition("/")[2] != _LOCK_FILE:
        return ExitCode.OK if merge(git, versions) else ExitCode.ANSWER
    from git_mlvc.pipeline.lock_files import lock_driver

    outcome = lock_driver.merge(git, versions, path)
    if outcome.note:
        invocation.output.message(outcome.note)
    return ExitCode.OK if outcome.is_merged else ExitCode.ANSWER


def serve_store(invocation: Invocation, arguments: list[str]) -> int:
    """Answer for a directory on standard input and output, until the input ends."""
    from git_mlvc.cli.store_server import serve

    return serve(invocation, arguments)


VERBS: dict[str, Callable[[Invocation, list[str]], int]] = {
    "filter-process": filter_process,
    "clean": clean,
    "smudge": smudge,
    "hook": hook,
    "merge-driver": merge_driver,
    "serve-store": serve_store,
}


def _path(arguments: list[str]) -> str | None:
    """`git mlvc clean [--] [PATH]`: git gives the path as `%f`."""
    words = arguments[1:] if arguments[:1] == ["--"] else arguments
    if len(words) > 1:
        raise UsageError("clean and smudge take one path", hint="see `git mlvc clean -h`")
    return words[0] if words else None


def _skip_smudge(arguments: list[str]) -> tuple[bool, list[str]]:
    """`git mlvc install --skip-smudge` writes the option into git's configuration."""
    is_given = arguments[:1] == ["--skip-smudge"]
    return is_given, arguments[1:] if is_given else arguments

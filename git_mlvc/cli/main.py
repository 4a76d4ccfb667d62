"""Where every process begins: the verbs git calls start at once, all others through click.

Git starts us for every `git add`, `git status` and hook, so the verbs it calls are dispatched here by
hand, before click, rich or any room they do not need is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from git_mlvc.cli.invocation import Invocation
from git_mlvc.cli.output import Output

_CALLED_BY_PROGRAMS = frozenset(
    {"filter-process", "clean", "smudge", "hook", "merge-driver", "serve-store"}
)
_VERSION = frozenset({"version", "--version", "-V"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never raises, never shows a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    environment = dict(os.environ)
    output = Output(sys.stdout, sys.stderr, environment)
    invocation = Invocation(tuple(arguments), sys.argv[0], environment, output)
    if len(arguments) == 1 and arguments[0] in _VERSION:
        return _guarded(invocation, _version)
    if (
        arguments
        and arguments[0] in _CALLED_BY_PROGRAMS
        and not {"-h", "--help"} & set(arguments[1:])
    ):
        return _guarded(invocation, _called_by_programs)
    return _guarded(invocation, _through_click)


def entry() -> None:
    """The console script: as `main`, leaving without the cost of tearing the interpreter down."""
    _open_standard_descriptors()
    try:
        code = main()
    except KeyboardInterrupt:  # one more, while the first was dealt with
        from git_mlvc.errors import ExitCode

        code = ExitCode.INTERRUPTED
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(code)


def _open_standard_descriptors() -> None:
    """Some callers close them. A pack opened as number 2 would take every error message in."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is `fd`


def _guarded(invocation: Invocation, action: Callable[[Invocation], int]) -> int:
    try:
        code = action(invocation)
        invocation.output.flush()
    except BaseException as exc:  # noqa: BLE001 - the last door: everything becomes an exit code
        from git_mlvc.cli import errors

        return errors.report(exc, invocation)
    return code


def _version(invocation: Invocation) -> int:
    from git_mlvc import __version__

    invocation.output.line(f"git-mlvc {__version__}")
    return 0


def _called_by_programs(invocation: Invocation) -> int:
    from git_mlvc import interrupts
    from git_mlvc.cli import git_calls

    interrupts.hear_ctrl_c()
    return git_calls.VERBS[invocation.argv[0]](invocation, list(invocation.argv[1:]))


def _through_click(invocation: Invocation) -> int:
    from git_mlvc import interrupts
    from git_mlvc.cli import group

    interrupts.hear_ctrl_c()
    return group.run(invocation)

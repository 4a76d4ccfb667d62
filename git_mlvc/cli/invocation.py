"""One command line: who asked, from where, with what environment; handed to every verb."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from git_mlvc.cli.output import Output
    from git_mlvc.git.process import Git
    from git_mlvc.workspace import Workspace


class Invocation:
    """What a verb is given. The workspace is opened when first asked for."""

    def __init__(
        self, argv: tuple[str, ...], program: str, environment: Mapping[str, str], output: Output
    ) -> None:
        self.argv = argv
        self.program = program
        self.environment = environment
        self.output = output

    @cached_property
    def cwd(self) -> Path:
        """Raises InputError when the directory we stand in has been deleted."""
        from pathlib import Path

        from git_mlvc.errors import InputError

        try:
            return Path.cwd()
        except FileNotFoundError as exc:
            raise InputError(
                "the current directory is gone", hint="cd to a directory that exists"
            ) from exc

    @cached_property
    def workspace(self) -> Workspace:
        """The repository around the current directory. Raises UsageError outside of one."""
        from git_mlvc.workspace import Workspace

        return Workspace.open(self.cwd, self.environment)

    def reopened(self) -> Workspace:
        """A workspace that has read the settings anew, after they were written."""
        from git_mlvc.workspace import Workspace

        return Workspace.open(self.cwd, self.environment)

    @property
    def workspace_if_any(self) -> Workspace | None:
        """None outside of a repository; for verbs that have something to say there too."""
        from git_mlvc.errors import UsageError

        try:
            return self.workspace
        except UsageError:
            return None

    @cached_property
    def git_anywhere(self) -> Git:
        """Git for what concerns no repository."""
        from git_mlvc.git.process import Git

        return Git(self.cwd, env=self.environment)

    @cached_property
    def launcher(self) -> str:
        """The shell words by which git can call us again, from any directory and any PATH."""
        from git_mlvc.cli.launcher import launcher

        return launcher(self.program, self.environment)

    @property
    def prefix(self) -> bytes:
        """Where the current directory is below the top of the worktree: b"" or b"sub/dir/"."""
        top = self.workspace.repository.worktree
        if top is None:
            return b""
        import os

        here, above = os.path.realpath(os.fsencode(self.cwd)), os.path.realpath(os.fsencode(top))
        inside = os.path.relpath(here, above)
        return b"" if inside in (b".", b"..") or inside.startswith(b"../") else inside + b"/"

"""Everything that reaches a screen, a pipe or a log from the command line: the only print.

Tables are drawn by rich on a terminal and are plain aligned columns through a pipe. File names may
hold any bytes: what the stream cannot show is escaped, never an error.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from git_mlvc.cli.progress_line import ProgressLine
    from git_mlvc.cli.stage_lines import StageLines
    from git_mlvc.progress import Progress

JSON_VERSION = 1


class Output:
    """Two streams and what is known about them."""

    def __init__(
        self, stdout: TextIO | None, stderr: TextIO | None, environment: Mapping[str, str]
    ) -> None:
        self._stdout = stdout  # None: closed before we began, as some GUIs do
        self._stderr = stderr
        self._environment = environment
        self._progress: ProgressLine | None = None
        self._stage_lines: StageLines | None = None

    # -- what a command answers: standard output

    def line(self, text: str = "") -> None:
        """Write one line of the answer."""
        self._write(self._stdout, text + "\n")

    def data(self, data: bytes) -> None:
        """Write bytes of the answer as they are, at once."""
        buffer = getattr(self._stdout, "buffer", None)
        if buffer is None:
            self._write(self._stdout, data.decode("utf-8", "replace"))
            return
        self._flush(self._stdout)
        buffer.write(data)
        buffer.flush()

    def json(self, kind: str, fields: Mapping[str, object]) -> None:
        """Write the one JSON value of a `--json` answer; kinds are in docs/reference/json.md."""
        import json

        from git_mlvc.cli.json_form import json_form

        value = {"version": JSON_VERSION, "kind": kind, **fields}
        self.line(json.dumps(json_form(value), indent=2))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write rows under their headings; a heading that begins with `>` is a right-hand column."""
        headings = [name.removeprefix(">") for name in columns]
        right = [name.startswith(">") for name in columns]
        if self.is_terminal(self._stdout):
            self._rich_table(headings, right, rows)
            return
        for text in aligned([headings, *rows], right):
            self.line(text)

    @property
    def width(self) -> int | None:
        """How many columns the answer may take; None where it is not read on a terminal."""
        if not self.is_terminal(self._stdout):
            return None
        import shutil

        return shutil.get_terminal_size().columns

    @property
    def has_colours(self) -> bool:
        """True if colours of the answer are seen, and wanted."""
        return self.is_terminal(self._stdout) and not self._environment.get("NO_COLOR")

    @property
    def can_draw(self) -> bool:
        """True if lines of a tree can be drawn; False where only ASCII can be written."""
        from git_mlvc.cli.presentable import presentable

        encoding = (self._stdout.encoding if self._stdout is not None else None) or "utf-8"
        return presentable("├", encoding) == "├"

    # -- everything else: standard error

    def message(self, text: str) -> None:
        """Write one line beside the answer; git shows it to the person, scripts do not parse it."""
        if self._progress is not None:
            self._progress.clear()
        self._write(self._stderr, text + "\n")
        self._flush(self._stderr)

    def error(self, what: str, *, why: str = "", hint: str = "") -> None:
        """Write an error in git's own dress."""
        lines = ["error: " + _indented(what, "       ")]
        if why:
            lines.append("  why: " + _indented(why, "       "))
        if hint:
            lines.append("hint: " + _indented(hint, "      "))
        self.message("\n".join(lines))

    @property
    def can_ask(self) -> bool:
        """True if a person sees what we write and can answer."""
        return self.is_terminal(sys.stdin) and self.is_terminal(self._stderr)

    def ask(self, question: str) -> bool:
        """Ask for a yes or no; no answer is no."""
        if self._progress is not None:
            self._progress.clear()
        self._write(self._stderr, f"{question} [y/N] ")
        self._flush(self._stderr)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @property
    def progress(self) -> Progress:
        """Something to report work to: a line on a terminal, nothing elsewhere."""
        if self._progress is None:
            if self._stderr is None or not self.is_terminal(self._stderr):
                from git_mlvc.progress import Silent

                return Silent()
            from git_mlvc.cli.progress_line import ProgressLine

            self._progress = ProgressLine(self._stderr, self._environment)
        return self._progress

    def stage_lines(self, jobs: int) -> StageLines | None:
        """Return what shows the output of stages, at most `jobs` at once; None where nobody sees it."""
        if self._stderr is None:
            return None
        from git_mlvc.cli import stage_lines

        self._stage_lines = stage_lines.for_terminal(
            self._stderr, jobs=jobs, is_terminal=self.is_terminal(self._stderr)
        )
        return self._stage_lines

    # -- streams

    def is_terminal(self, stream: TextIO | None) -> bool:
        try:
            return (
                stream is not None
                and stream.isatty()
                and self._environment.get("TERM", "") != "dumb"
            )
        except ValueError:  # closed
            return False

    def flush(self) -> None:
        """Raises BrokenPipeError when the reader has gone."""
        if self._progress is not None:
            self._progress.clear()
        self._flush(self._stdout)

    def discard(self) -> None:
        """Give up on standard output: its reader has gone, and closing it must not complain."""
        import os

        self._stdout = None
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        except (OSError, ValueError, AttributeError):
            pass

    def _write(self, stream: TextIO | None, text: str) -> None:
        if stream is None:
            return
        if self._stage_lines is not None:
            with self._stage_lines.aside():
                self._put(stream, text)
        else:
            self._put(stream, text)

    def _put(self, stream: TextIO, text: str) -> None:
        if not text.isascii():
            from git_mlvc.cli.presentable import presentable  # not on the filter's way to its start

            text = presentable(text, stream.encoding or "utf-8")
        try:
            stream.write(text)
        except BrokenPipeError:
            if stream is self._stdout:
                raise
        except ValueError:  # closed under us: nobody is reading
            pass

    @staticmethod
    def _flush(stream: TextIO | None) -> None:
        if stream is None:
            return
        try:
            stream.flush()
        except ValueError:
            pass

    def _rich_table(
        self, headings: Sequence[str], right: Sequence[bool], rows: Sequence[Sequence[str]]
    ) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from git_mlvc.cli.presentable import presentable

        assert self._stdout is not None
        encoding = self._stdout.encoding or "utf-8"
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for heading, is_right in zip(headings, right, strict=True):
            table.add_column(heading, justify="right" if is_right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(presentable(cell, encoding)) for cell in row))
        colourless = True if self._environment.get("NO_COLOR") else None
        Console(file=self._stdout, no_color=colourless, highlight=False).print(table)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Return the rows as text in columns two spaces apart; the last column is not padded."""
    from git_mlvc import text_width  # not on the filter's way to its start

    widths = [text_width.widest(row[at] for row in rows) for at in range(len(right))]
    lines = []
    for row in rows:
        cells = [
            (text_width.right if is_right else text_width.left)(cell, width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _indented(text: str, margin: str) -> str:
    return text.strip().replace("\n", "\n" + margin)

"""Progress, as those who do the work report it; drawing it is `cli/output.py`'s affair."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """One line of work at a time: begin, advance as bytes and files pass, end."""

    def begin(self, label: str, *, total_bytes: int | None = None, total_files: int = 0) -> None:
        """Start a line, e.g. "uploading". A second `begin` replaces the first."""
        ...

    def advance(self, *, size_bytes: int = 0, files: int = 0) -> None:
        """Add to what has been done; below zero: what was on its way has to come again.

        May be called from any thread.
        """
        ...

    def spare(self, size_bytes: int) -> None:
        """Take from the total what turns out not to be needed. May be called from any thread."""
        ...

    def remark(self, text: str) -> None:
        """Say why nothing moves; forgotten when something does. May be called from any thread."""
        ...

    def end(self) -> None: ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, label: str, *, total_bytes: int | None = None, total_files: int = 0) -> None:
        pass

    def advance(self, *, size_bytes: int = 0, files: int = 0) -> None:
        pass

    def spare(self, size_bytes: int) -> None:
        pass

    def remark(self, text: str) -> None:
        pass

    def end(self) -> None:
        pass

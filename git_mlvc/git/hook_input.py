"""What git tells its hooks on standard input."""

from __future__ import annotations

from dataclasses import dataclass

from git_mlvc.errors import FormatError


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One line of pre-push: what is here, and what is to become of it there."""

    local_ref: str
    local_sha: str
    remote_ref: str
    remote_sha: str

    @property
    def is_delete(self) -> bool:
        """The remote's ref is to go; nothing is sent."""
        return _is_null(self.local_sha)

    @property
    def is_new(self) -> bool:
        """The remote does not have the ref yet."""
        return _is_null(self.remote_sha)


def pre_push(data: bytes) -> list[RefUpdate]:
    """Read `<local ref> SP <local sha> SP <remote ref> SP <remote sha> LF` lines.

    The local ref is what the user wrote (`HEAD~1`, `(delete)`, even with spaces, as in
    `HEAD@{1 day ago}`); the other three cannot hold spaces. Raises FormatError.
    """
    updates = []
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if not line:
            continue
        parts = line.rsplit(" ", 3)
        if len(parts) != 4 or not _is_sha(parts[1]) or not _is_sha(parts[3]):
            raise FormatError("cannot read what git told the pre-push hook", why=repr(line[:200]))
        updates.append(RefUpdate(*parts))
    return updates


def _is_sha(text: str) -> bool:
    return len(text) in (40, 64) and not set(text) - set("0123456789abcdef")


def _is_null(sha: str) -> bool:
    return not sha.strip("0")

"""What it means when git cannot reach a remote: a definite no, or silence."""

from __future__ import annotations

import re

from git_mlvc.errors import RemoteError, RemoteRefused, RemoteUnavailable
from git_mlvc.git.process import Completed
from git_mlvc.settings import without_secrets

_MOST_SHOWN = 500
_REFUSALS = re.compile(
    r"authentication failed|permission .*denied|access denied|could not read (username|password)"
    r"|repository .*not found|does not appear to be a git repository|host key verification failed"
    r"|host identification has changed|invalid (credentials|username)|forbidden|not authorized|unauthorized"
    r"|returned error: 40[0-79]|transport '.*' not allowed|unsupported protocol|unable to find remote helper",
    re.I,
)
_NOISE = ("Please make sure you have", "and the repository exists", "hint:")


def failure(done: Completed, what: str, url: str = "") -> RemoteError:
    """Return the error for a git (or ssh) that failed on a remote, with what it said. `url`: as it may be shown."""
    said = done.stderr.decode("utf-8", "replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_NOISE)]
    why = without_secrets(" ".join(told))[-_MOST_SHOWN:]
    if _REFUSALS.search(said):
        return RemoteRefused(what, why=why, hint=f"git ls-remote {url}" if url else "")
    return RemoteUnavailable(what, why=why or f"git ended with exit code {done.returncode}")

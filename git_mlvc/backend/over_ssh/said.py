"""What ssh meant: from its last words to one error with a way out. Pure.

The words are those of OpenSSH, which speaks no language but English; what a server made it print is shown without control characters.
"""

from __future__ import annotations

import re
import shlex

from git_mlvc.backend.base import Denied, Offline
from git_mlvc.backend.over_ssh.place import Place
from git_mlvc.errors import RemoteError, RemoteRefused, RemoteUnavailable

MOST_SHOWN = 300  # characters
OWN_FAILURE = 255  # the exit code with which ssh says that it was not the command
_CHANGED = re.compile(r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed", re.I)
_OFFENDING = re.compile(r"Offending (?:\S+ )?key in (.+):(\d+)")
_NO_SHELL = re.compile(r"(?:exec|shell) request failed", re.I)
_NO_SUBSYSTEM = re.compile(r"subsystem request failed", re.I)
_NOISE = re.compile(
    r"^(?:Warning: Permanently added|\*\*|@|Connection to .* closed|Pseudo-terminal)", re.I
)


def by_hand(place: Place) -> str:
    """Return the command with which a person can try."""
    port = f"-p {place.port} " if place.port else ""
    return f"ssh {port}{shlex.quote(place.login)}"


def has_no_shell(stderr: str) -> bool:
    """True if the server runs no commands; it may offer SFTP all the same."""
    return _NO_SHELL.search(stderr) is not None


def last_words(stderr: str) -> str:
    """Return what ssh said last, in one short line."""
    lines = [line for line in map(clean, stderr.splitlines()) if line and not _NOISE.match(line)]
    return lines[-1] if lines else ""


def clean(text: str) -> str:
    """Return a text from elsewhere as it may be shown: no control characters, and short."""
    shown = "".join(char if char.isprintable() else " " for char in text).strip()
    return shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "…"


def not_connected(place: Place, stderr: str) -> RemoteError:
    """Return the error for an ssh that did not come through."""
    if _CHANGED.search(stderr):
        return _changed_key(place, stderr)
    what = f"cannot connect to {place.login}"
    why, hint = last_words(stderr), f"try it by hand: {by_hand(place)}"
    for pattern, kind, advice in _MEANINGS:
        found = re.search(pattern, stderr, re.I | re.M)
        if found is not None:
            line = next((line for line in stderr.splitlines() if found[0] in line), why)
            return kind(what, why=clean(line), hint=advice.format(hand=by_hand(place)))
    return RemoteUnavailable(what, why=why or "ssh did not say why", hint=hint)


_MEANINGS: tuple[tuple[str, type[RemoteError], str], ...] = (
    (
        r"Host key verification failed|No \S+ host key is known",
        RemoteRefused,
        "this host is not known here yet: {hand} shows its key and asks whether it is the right one",
    ),
    (
        r"Permission denied|Too many authentication failures|No supported authentication methods",
        Denied,
        "ssh-add -l lists the keys that are offered; try it by hand: {hand}",
    ),
    (
        r"Could not resolve hostname|Name or service not known",
        Offline,
        "is the name right, and is there a network? {hand}",
    ),
    (
        r"Bad configuration option|Bad owner or permissions|terminating, \d+ bad conf",
        RemoteRefused,
        "mend ~/.ssh/config, then try it by hand: {hand}",
    ),
    (
        r"no matching .* found|Unable to negotiate",
        RemoteRefused,
        "the server is too old or too new for this ssh: {hand}",
    ),
    (_NO_SUBSYSTEM.pattern, RemoteRefused, "the server offers no SFTP: ask who runs it"),
    (
        r"Connection refused",
        RemoteUnavailable,
        "does sshd run there, and on this port? {hand}",
    ),
    (
        r"timed out|No route to host|Network is unreachable|Connection (?:closed|reset)|kex_exchange",
        RemoteUnavailable,
        "try it by hand: {hand}",
    ),
)


def _changed_key(place: Place, stderr: str) -> RemoteRefused:
    known = _OFFENDING.search(stderr)
    name = f"[{place.host}]:{place.port}" if place.port not in (None, 22) else place.host
    where = f"; the old one is in line {known[2]} of {clean(known[1])}" if known else ""
    return RemoteRefused(
        f"the host key of {place.host} has changed",
        why=f"it is not the server that was there before, or somebody is in between{where}",
        hint=f"ask who runs it; only if the new key is right: ssh-keygen -R {shlex.quote(name)}",
    )

"""What looks like a secret in addresses and options, and how it is left out of what is shown.

Nothing that looks like one may stand in a tracked file, and nothing that looks like one reaches a screen or a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "…"
_QUERY_NAME = (
    r"(?:[a-z0-9-]+[-_])?(?:sig|signature|token|secret|password|passwd|key|credential|auth)"
)
_QUERY = re.compile(rf"([?&;]{_QUERY_NAME}=)[^&;#\s]*", re.I)
# Up to the last @ before the path: a password may hold one. After "ssh://" a user's name alone is none.
_LOGIN = re.compile(r"://[^/?#\s]*@")
_SSH_USER = re.compile(r"(?:ssh|sftp)(?:\+git)?://[^/?#\s:@]*@\Z", re.I)
# A password with a slash in it, which ought to have been written as %2F.
_LOGIN_WITH_SLASH = re.compile(r"://[^/\s:@]*:(?![0-9]*(?:[/?#\s]|\Z))[^\s]*@")
_PASSWORD = re.compile(r"://[^/?#\s:@]*:[^/?#\s]*@")
_TOKEN = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[a-z]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bgl[a-z]{2,4}-[\w-]{16,}"
    r"|\bxox[a-z]-[\w-]{8,}|\bhf_[A-Za-z0-9]{16,}|\bey[JK][\w-]{8,}\.[\w-]{8,}\."
    r"|-----BEGIN |\b(?:bearer|basic)\s+[\w+/=.~-]{8,}|(?:account|access)key=[^;\s]+",
    re.I,
)
_LONG_USER = re.compile(r"(?<!ssh)(?<!sftp)://[^/?#\s:@]{20,}@", re.I)  # a token in a user's place
_NAME = re.compile(
    r"secret|passw|passphrase|pwd|token|credential|signature|cookie|(?:access|account|api)-?key|(?:^|-)key$"
    r"|(?:^|-)(?:sas|authorization|bearer|connection-string)$"
)


def without_secrets(text: str) -> str:
    """Return a text with what may be a secret in its addresses left out, for screens and logs."""
    text = _LOGIN_WITH_SLASH.sub(f"://{HIDDEN}@", text)
    text = _LOGIN.sub(_hide_login, text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _TOKEN.sub(HIDDEN, text)


def holds_secret(text: str) -> bool:
    """True if a value looks like a secret, or like an address with one inside."""
    return any(
        pattern.search(text)
        for pattern in (_PASSWORD, _LOGIN_WITH_SLASH, _LONG_USER, _QUERY, _TOKEN)
    )


def is_secret_name(option: str) -> bool:
    """True if an option (lower case, dashes) is of the kind whose value is nobody else's business."""
    return _NAME.search(option) is not None


def shown_option(name: str, value: str) -> str:
    """Return the value of an option as it may be shown."""
    return HIDDEN if value and is_secret_name(name) else without_secrets(value)


def shown_words(words: Iterable[str]) -> str:
    """Return a command line as it may be written to a log: options of the form KEY=VALUE are looked at too."""
    return without_secrets(" ".join(_shown_word(word) for word in words))


def _shown_word(word: str) -> str:
    parts = word.split("=")
    for at, part in enumerate(parts[:-1], start=1):
        name = part.removeprefix("-o").lstrip("-").lower().replace("_", "-")
        if is_secret_name(name):
            return "=".join([*parts[:at], HIDDEN])
    return word


def _hide_login(found: re.Match[str]) -> str:
    start = max(0, found.start() - 8)
    if _SSH_USER.search(found.string[start : found.end()]):
        return found[0]
    return f"://{HIDDEN}@"

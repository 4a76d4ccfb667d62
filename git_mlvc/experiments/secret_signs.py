"""What makes a file look like a secret: its name, or what it says. Pure.

Meant for new files of a few kilobytes: a false alarm costs one `--allow`, a secret that leaves costs much more.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from git_mlvc.repo_path import RepoPath
from git_mlvc.secret_text import is_secret_name

MAX_BYTES = 64 << 10  # larger files are no files of settings
_NAMES = {
    "settings with secrets": ".env .env.* *.env .envrc secrets.*",
    "a private key": "id_rsa id_dsa id_ecdsa id_ed25519 *.pem *.key *.ppk *.p12 *.pfx *.jks *.keystore",
    "passwords": ".netrc _netrc .pgpass .htpasswd .git-credentials *.kdbx",
    "credentials": "credentials credentials.* *credentials.json service-account*.json service_account*.json",
    "logins of tools": ".npmrc .pypirc .dockercfg kubeconfig kubeconfig.* *.kubeconfig *.ovpn .s3cfg .boto",
}
_HARMLESS = (".example", ".sample", ".template", ".dist", ".pub")
_IN_FOLDERS = {b".aws/config", b".docker/config.json", b".kube/config", b".ssh/config"}
_CONTENTS = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": r"\bgh[opsur]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}",
    "a token of GitLab": r"\bgl[a-z]{2,4}-[\w-]{20,}",
    "a token of Slack": r"\bxox[abeprs]-[\w-]{8,}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{16,}",
    "an API key": r"\bsk-(?:[a-z]{2,8}-)?[A-Za-z0-9_-]{20,}|\bAIza[\w-]{35}",
    "a web token": r"\bey[JK][\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}",
    "a password in an address": r"[a-z][a-z0-9+.-]{1,20}://[^/?#\s:@\"'<>{$]{0,100}:[^/?#\s@\"'<>{$]{3,200}@",
}
_SIGNS = [(what, re.compile(pattern)) for what, pattern in _CONTENTS.items()]
_VALUE = re.compile(
    r"(?:^|[\s\"'{,])([A-Za-z][\w.-]{2,60})[\"']?[ \t]*[:=][ \t]*[\"']?([A-Za-z0-9+/=_-]{20,200})[\"']?[ \t]*(?:$|[,;}#])",
    re.M,
)
_LEAST_DISTINCT = 10


def by_name(path: RepoPath) -> str:
    """Return what a file of that name is likely to hold; "" if nothing speaks for a secret."""
    name = path.text.rpartition("/")[2].lower()
    if name.endswith(_HARMLESS):
        return ""
    for what, patterns in _NAMES.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns.split()):
            return f"files of this name hold {what}"
    if any((b"/" + path.raw).endswith(b"/" + known) for known in _IN_FOLDERS):
        return "files of this name hold logins of tools"
    return ""


def by_content(data: bytes) -> str:
    """Return what in a small text looks like a secret, with its line; "" if nothing does."""
    if len(data) > MAX_BYTES or b"\0" in data:
        return ""
    text = data.decode("utf-8", "replace")
    for what, pattern in _SIGNS:
        found = pattern.search(text)
        if found is not None:
            return f"line {_line(text, found.start())} looks like {what}"
    for found in _VALUE.finditer(text):
        name = found[1].lower().replace("_", "-")
        if is_secret_name(name.rpartition(".")[2]) and _is_random(found[2]):
            return f"line {_line(text, found.start(1))} gives a value to {found[1]}"
    return ""


def _is_random(value: str) -> bool:
    """True if a value is not likely to be a word, a path or a call."""
    has_both = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    return has_both and len(set(value)) >= _LEAST_DISTINCT


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1

"""Logins from git's own helpers: `git credential fill`, `approve`, `reject`.

Secrets travel through pipes only, never in arguments. Where there is no terminal nobody is asked, so that
a hook cannot wait for an answer that will not come.
"""

from __future__ import annotations

import os
import threading
from urllib.parse import unquote, urlsplit

from git_mlvc.git.process import Git
from git_mlvc.login import Login

_SILENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}


class GitCredentials:
    """`backend.opening.Credentials` by git, as it is configured in the repository that `git` runs in."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = threading.Lock()
        self._told: dict[Login, bytes] = {}

    def fill(self, url: str) -> Login | None:
        """Return what a helper knows, or a person answers, of the server at `url`; None if nobody does."""
        question = _question(url)
        if question is None:
            return None
        env = {} if _has_terminal() else _SILENT
        done = self._git.run(
            "credential", "fill", input=question + b"\n", env_extra=env, check=False
        )
        if done.returncode != 0:
            return None
        login = _login(done.stdout)
        if login is not None:
            with self._lock:
                self._told[login] = done.stdout
        return login

    def approve(self, url: str, login: Login) -> None:
        self._tell("approve", url, login)

    def reject(self, url: str, login: Login) -> None:
        self._tell("reject", url, login)

    def _tell(self, verb: str, url: str, login: Login) -> None:
        """Hand back what was said with a login: helpers put notes of their own beside it."""
        with self._lock:
            said = self._told.get(login)
        if said is None:
            question = _question(url)
            if question is None:
                return
            said = question + f"username={login.user}\npassword={login.password}\n".encode()
        self._git.run(
            "credential", verb, input=said.rstrip(b"\n") + b"\n\n", env_extra=_SILENT, check=False
        )


def _question(url: str) -> bytes | None:
    """Return the address as git's helpers read it; None if it could say something else to them."""
    parts = urlsplit(url)
    lines = {
        "protocol": parts.scheme,
        "host": parts.netloc.rpartition("@")[2],
        "path": unquote(parts.path).strip("/"),
        "username": unquote(parts.username or ""),
    }
    if any("\n" in value or "\0" in value for value in lines.values()):
        return None
    asked = "".join(f"{name}={value}\n" for name, value in lines.items() if value)
    return b"capability[]=authtype\n" + asked.encode("utf-8", "surrogateescape")


def _login(said: bytes) -> Login | None:
    """Read an answer; from git 2.46 on a helper may know a token instead of a password."""
    found: dict[str, str] = {}
    for line in said.decode("utf-8", "surrogateescape").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.endswith("[]"):
            found[name] = value
    if found.get("authtype") and found.get("credential"):
        return Login("", found["credential"], scheme=found["authtype"])
    if "password" in found:
        return Login(found.get("username", ""), found["password"])
    return None


def _has_terminal() -> bool:
    """True if git, which asks there and nowhere else, would find somebody."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except (OSError, AttributeError):
        return False
    return True

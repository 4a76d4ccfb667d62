"""Where the git-lfs server of a git remote is, found as git-lfs finds it.

Private configuration first (`lfs.url` and its like), else what stands beside the repository: URL/info/lfs; over ssh the
host is asked (`git-lfs-authenticate`). `.lfsconfig` came with the repository and is not read: it could lead credentials
to another host (law 12).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from git_mlvc.errors import ConfigError, RemoteRefused
from git_mlvc.git import config as git_config
from git_mlvc.git.process import Completed, Git
from git_mlvc.git.remote_address import RemoteAddress
from git_mlvc.git.remote_failure import failure
from git_mlvc.settings import without_secrets

_SCP = re.compile(r"(?P<host>[^/:]+):(?!//)(?P<path>.+)\Z")
_SSH_SCHEMES = {"ssh", "ssh+git", "git+ssh"}
_OF_SSH_ITSELF = 255  # the exit code that tells a connection that failed from a command that did
_MOST_SAID = 1 << 20


@dataclass(frozen=True, slots=True)
class SshPlace:
    """`host` may have a user before it."""

    host: str
    port: int | None
    path: str


def find(
    git: Git, config: Mapping[str, Sequence[str]], address: RemoteAddress, operation: str
) -> tuple[str, Mapping[str, str]]:
    """Return the address of the server and the headers to send. `operation`: "upload" or "download".

    Raises RemoteUnavailable, RemoteRefused where there can be no server, ConfigError.
    """
    url = _configured(config, address, operation)
    if url is None:
        git_url = address.push_url if operation == "upload" else address.fetch_url
        url = _beside(git_url)
        place = _ssh_place(git_url)
    else:
        place = _ssh_place(url)
    if place is not None:
        found = _asked(git, config, place, operation)
        if found is not None:
            return found
        name = place.host.rpartition("@")[2]
        return _beside(f"https://{name}/{place.path.lstrip('/')}") or "", {}
    if url is None or urlsplit(url).scheme.lower() not in ("http", "https"):
        raise RemoteRefused(
            f"{address.shown} has no git-lfs server",
            why=f"{without_secrets(url)} is no address of one" if url else "it is a directory",
            hint="leave the data remote out: for a directory the data is kept beside it"
            if url is None
            else "git config lfs.url https://…",
        )
    return url.rstrip("/"), {}


def _configured(
    config: Mapping[str, Sequence[str]], address: RemoteAddress, operation: str
) -> str | None:
    own = f"remote.{address.name}." if address.name is not None else None
    pushing = ["lfs.pushurl"] + ([f"{own}lfspushurl"] if own else [])
    keys = (pushing if operation == "upload" else []) + ["lfs.url"]
    keys += [f"{own}lfsurl"] if own else []
    found = (git_config.last(config, key) for key in keys)
    return next((url for url in found if url), None)


def _beside(git_url: str) -> str | None:
    parts = urlsplit(git_url)
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https", "git") or not parts.netloc:
        return None
    path = parts.path.rstrip("/")
    if not path.endswith(".git"):
        path += ".git"
    if scheme == "git":
        return f"https://{parts.hostname}{path}/info/lfs"
    return f"{scheme}://{parts.netloc}{path}/info/lfs"


def _ssh_place(url: str) -> SshPlace | None:
    """Return where an address of git's leads by ssh. Raises ConfigError for one that begins like an option."""
    parts = urlsplit(url)
    place: SshPlace | None = None
    if parts.scheme.lower() in _SSH_SCHEMES and parts.hostname:
        user = f"{parts.username}@" if parts.username else ""
        place = SshPlace(user + parts.hostname, parts.port, parts.path)
    elif "://" not in url and (found := _SCP.match(url)):
        place = SshPlace(found["host"], None, found["path"])
    if place is not None and (place.host.startswith("-") or "@-" in place.host):
        raise ConfigError(f"not a host: {without_secrets(url)}", why="it begins like an option")
    return place


def _asked(
    git: Git, config: Mapping[str, Sequence[str]], place: SshPlace, operation: str
) -> tuple[str, Mapping[str, str]] | None:
    """Return what the host says, None if it knows nothing of git-lfs. Raises RemoteError."""
    done = _over_ssh(
        git, config, place, f"git-lfs-authenticate {shlex.quote(place.path)} {operation}"
    )
    if done.returncode == _OF_SSH_ITSELF:
        raise failure(done, f"cannot ask {place.host} for its git-lfs server")
    if done.returncode != 0 or not done.stdout.strip():
        return None
    try:
        said = json.loads(done.stdout[:_MOST_SAID])
        href = said["href"]
        header = {str(name): str(value) for name, value in (said.get("header") or {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise RemoteRefused(
            f"{place.host} does not say where its git-lfs server is",
            why="its answer is not what git-lfs-authenticate should print",
        ) from exc
    if not isinstance(href, str) or urlsplit(href).scheme.lower() not in ("http", "https"):
        raise RemoteRefused(f"{place.host} names a git-lfs server that is none")
    return href.rstrip("/"), header


def _over_ssh(
    git: Git, config: Mapping[str, Sequence[str]], place: SshPlace, command: str
) -> Completed:
    """Run a command on the host with the ssh that git would use."""
    words = ["-p", str(place.port)] if place.port else []
    words += [place.host, command]
    shell = git.env.get("GIT_SSH_COMMAND") or git_config.last(config, "core.sshcommand")
    if shell:
        # As git does it: the command is the shell's, our words stand behind it.
        return git.running("sh").run("-c", f'{shell} "$@"', shell, *words, check=False)
    own = git.env.get("GIT_SSH")
    if own:
        return git.running(own).run(*words, check=False)
    return git.running("ssh").run(
        "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=20", *words, check=False
    )

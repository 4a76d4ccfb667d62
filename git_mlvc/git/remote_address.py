"""The addresses of a git remote as git itself would use them: insteadOf, push URLs, programs on the other side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_mlvc.git import config as git_config
from git_mlvc.git import remote_urls
from git_mlvc.git.process import Git
from git_mlvc.settings import without_secrets


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """`name`: of the git remote, None where only a URL is known. `given`: the URL as it is written in configuration.

    `fetch_url` and `push_url` as git resolves them. `upload_pack`, `receive_pack`: options for git, if set.
    """

    name: str | None
    given: str
    fetch_url: str
    push_url: str
    upload_pack: tuple[str, ...] = ()
    receive_pack: tuple[str, ...] = ()
    has_ssh_command: bool = False

    @property
    def shown(self) -> str:
        return without_secrets(self.given)


def find(git: Git, config: Mapping[str, Sequence[str]], url: str) -> RemoteAddress:
    """Return the addresses of the git remote that is at `url`; runs nothing."""
    name = _name_of(config, url)
    own = f"remote.{name}."
    fetch_url = remote_urls.rewritten(config, url)
    push_urls = [] if name is None else remote_urls.pushed_to(config, name)
    push_url = fetch_url if url in push_urls or not push_urls else push_urls[0]
    return RemoteAddress(
        name,
        url,
        fetch_url,
        push_url,
        _option("--upload-pack", git_config.last(config, own + "uploadpack")),
        _option("--receive-pack", git_config.last(config, own + "receivepack")),
        bool(
            git_config.last(config, "core.sshcommand")
            or git.env.get("GIT_SSH_COMMAND")
            or git.env.get("GIT_SSH")
        ),
    )


def _name_of(config: Mapping[str, Sequence[str]], url: str) -> str | None:
    for key, urls in config.items():
        if key.startswith("remote.") and key.endswith((".url", ".pushurl")) and url in urls:
            return key[len("remote.") :].rpartition(".")[0]
    return None


def _option(name: str, value: str | None) -> tuple[str, ...]:
    return (f"{name}={value}",) if value else ()

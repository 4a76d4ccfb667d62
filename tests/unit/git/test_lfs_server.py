"""Where the git-lfs server of a git remote is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.repo import Machine, Repo

from git_mlvc.errors import ConfigError, RemoteRefused, RemoteUnavailable
from git_mlvc.git import config
from git_mlvc.git.remote import GitRemote
from git_mlvc.git.repository import Repository


def remote(repo: Repo, url: str) -> GitRemote:
    repository = Repository.discover(repo.path, repo.machine.env())
    return GitRemote(repository, config.read(repository.git), url, repo.store / "remotes")


def found(repo: Repo, url: str, operation: str = "download") -> str:
    address, headers = remote(repo, url).lfs_server(operation)
    assert headers == {}
    return address


@pytest.fixture
def repo(bare_machine: Machine) -> Repo:
    return bare_machine.init("repo")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://hub.org/ada/data", "https://hub.org/ada/data.git/info/lfs"),
        ("https://hub.org/ada/data.git", "https://hub.org/ada/data.git/info/lfs"),
        ("https://hub.org/ada/data.git/", "https://hub.org/ada/data.git/info/lfs"),
        ("http://hub.org:3000/a/b", "http://hub.org:3000/a/b.git/info/lfs"),
        ("https://ada@hub.org/a/b", "https://ada@hub.org/a/b.git/info/lfs"),
        ("git://hub.org/a/b", "https://hub.org/a/b.git/info/lfs"),
    ],
)
def test_beside_the_repository(repo: Repo, url: str, server: str) -> None:
    assert found(repo, url) == server


def test_private_settings_come_first(repo: Repo) -> None:
    url = "https://hub.org/a/b.git"
    repo.git("remote", "add", "hub", url)
    repo.set("remote.hub.lfsurl", "https://lfs.hub.org/x/")
    assert found(repo, url) == "https://lfs.hub.org/x"
    assert found(repo, "https://hub.org/other.git") == "https://hub.org/other.git/info/lfs"
    repo.set("remote.hub.lfspushurl", "https://lfs.hub.org/push")
    assert found(repo, url, "upload") == "https://lfs.hub.org/push"
    assert found(repo, url) == "https://lfs.hub.org/x"
    repo.set("lfs.url", "https://all.hub.org")
    assert found(repo, url) == "https://all.hub.org"


def test_git_s_own_rewriting_and_push_addresses(repo: Repo) -> None:
    repo.set("url.https://hub.org/.insteadOf", "hub:")
    repo.git("remote", "add", "hub", "hub:a/b")
    repo.set("remote.hub.pushurl", "https://push.hub.org/a/b")
    assert found(repo, "hub:a/b") == "https://hub.org/a/b.git/info/lfs"
    assert found(repo, "hub:a/b", "upload") == "https://push.hub.org/a/b.git/info/lfs"


def test_what_is_tracked_is_not_read(repo: Repo) -> None:
    repo.write({".lfsconfig": b"[lfs]\n\turl = https://elsewhere.org\n"})
    assert found(repo, "https://hub.org/a/b") == "https://hub.org/a/b.git/info/lfs"


@pytest.mark.parametrize("url", ["/srv/data.git", "file:///srv/data.git", "../data.git"])
def test_a_directory_has_none(repo: Repo, url: str) -> None:
    with pytest.raises(RemoteRefused, match="has no git-lfs server") as caught:
        remote(repo, url).lfs_server("download")
    assert "beside" in caught.value.hint


@pytest.mark.parametrize("url", ["ssh://-oProxyCommand=x/a", "-oProxyCommand=x:a", "ssh://u@-x/a"])
def test_a_host_that_begins_like_an_option(repo: Repo, url: str) -> None:
    with pytest.raises(ConfigError, match="not a host"):
        remote(repo, url).lfs_server("download")


class Ssh:
    """A program in the place of ssh, which notes its words and answers what it is told."""

    def __init__(self, repo: Repo) -> None:
        self.path = repo.machine.root / "fake ssh"
        self.words_file = repo.machine.root / "ssh words"
        self.repo = repo
        self.answers("")

    def answers(self, text: str, code: int = 0) -> None:
        said = self.path.with_suffix(".said")
        said.write_text(text)
        self.path.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" > "{self.words_file}"\ncat "{said}"\n'
            f'test {code} = 0 || echo "Permission denied (publickey)." >&2\nexit {code}\n'
        )
        self.path.chmod(0o755)

    @property
    def words(self) -> list[str]:
        return self.words_file.read_text().splitlines()


@pytest.fixture
def ssh(repo: Repo) -> Ssh:
    made = Ssh(repo)
    repo.set("core.sshCommand", f"'{made.path}' -F none")
    return made


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("git@hub.org:ada/data.git", ["git@hub.org", "git-lfs-authenticate ada/data.git upload"]),
        ("ssh://git@hub.org/a/b", ["git@hub.org", "git-lfs-authenticate /a/b upload"]),
        ("ssh://hub.org:2222/a/b", ["-p", "2222", "hub.org", "git-lfs-authenticate /a/b upload"]),
        ("hub:a b;rm", ["hub", "git-lfs-authenticate 'a b;rm' upload"]),
    ],
)
def test_over_ssh_the_host_is_asked(repo: Repo, ssh: Ssh, url: str, words: list[str]) -> None:
    header = {"Authorization": "RemoteAuth abc"}
    ssh.answers(json.dumps({"href": "https://lfs.hub.org/a/b/", "header": header, "expires_in": 9}))
    assert remote(repo, url).lfs_server("upload") == ("https://lfs.hub.org/a/b", header)
    assert ssh.words == ["-F", "none", *words]


@pytest.mark.parametrize("variable", ["GIT_SSH_COMMAND", "GIT_SSH"])
def test_the_ssh_that_git_would_use(repo: Repo, variable: str) -> None:
    fake = Ssh(repo)
    fake.answers('{"href": "https://lfs.hub.org"}')
    quoted = f"'{fake.path}'" if variable == "GIT_SSH_COMMAND" else str(fake.path)
    repo.machine.extra_env[variable] = quoted
    assert found(repo, "git@hub.org:a") == "https://lfs.hub.org"
    assert fake.words[-2] == "git@hub.org"


def test_a_host_that_knows_no_git_lfs_is_asked_over_https(repo: Repo, ssh: Ssh) -> None:
    ssh.answers("", 127)
    assert found(repo, "git@hub.org:ada/data") == "https://hub.org/ada/data.git/info/lfs"
    assert found(repo, "ssh://git@hub.org:2222/a/b") == "https://hub.org/a/b.git/info/lfs"


def test_an_ssh_that_fails_is_not_a_host_without_git_lfs(repo: Repo, ssh: Ssh) -> None:
    ssh.answers("", 255)
    with pytest.raises((RemoteRefused, RemoteUnavailable), match="cannot ask") as caught:
        remote(repo, "git@hub.org:a").lfs_server("download")
    assert "Permission denied" in caught.value.why


@pytest.mark.parametrize(
    "said", ["hello", "[]", "{}", '{"href": 3}', '{"href": "file:///etc"}', '{"href": "-x"}']
)
def test_an_answer_that_is_none(repo: Repo, ssh: Ssh, said: str) -> None:
    ssh.answers(said)
    with pytest.raises(RemoteRefused):
        remote(repo, "git@hub.org:a").lfs_server("download")


def test_settings_may_lead_to_ssh_as_well(repo: Repo, ssh: Ssh, tmp_path: Path) -> None:
    ssh.answers('{"href": "https://lfs.hub.org"}')
    repo.set("lfs.url", "ssh://git@lfs.hub.org/x")
    assert found(repo, "https://hub.org/a/b") == "https://lfs.hub.org"
    assert ssh.words[-1] == "git-lfs-authenticate /x download"

"""Logins from git's helpers, and git's settings for web servers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.repo import Machine

from git_mlvc.git import config
from git_mlvc.git.credentials import GitCredentials
from git_mlvc.git.process import Git
from git_mlvc.git.web_settings import WebSettings
from git_mlvc.login import Login

URL = "https://data.example:8443/models"
FILL = """
import sys
from git_mlvc.git.credentials import GitCredentials
from git_mlvc.git.process import Git
import os
login = GitCredentials(Git(env=dict(os.environ))).fill("https://data.example/x")
print(login and (login.user, login.password))
"""


@pytest.fixture
def git(bare_machine: Machine) -> Git:
    bare_machine.init("work")
    return Git(bare_machine.root / "work", env=bare_machine.env())


def helper(machine: Machine, says: str) -> Path:
    """Install a helper that writes down what it is told and says something."""
    told = machine.root / "told"
    script = machine.root / "helper"
    script.write_text(f'#!/bin/sh\necho "[$1]" >>{told}; cat >>{told}\n[ "$1" = get ] && {says}\n')
    script.chmod(0o755)
    machine.config("credential.helper", str(script))
    return told


def test_a_helper_is_asked_by_server_and_told_how_it_went(
    git: Git, bare_machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    told = helper(
        bare_machine, "printf 'username=ann\\npassword=s3cret\\npassword_expiry_utc=9999999999\\n'"
    )
    credentials = GitCredentials(git)
    login = credentials.fill("https://a%40b@data.example:8443/models")
    assert login == Login("ann", "s3cret")
    asked = told.read_text()
    assert "protocol=https\nhost=data.example:8443\nusername=a@b\n" in asked
    told.unlink()
    credentials.approve(URL, Login("ann", "s3cret"))
    credentials.reject(URL, Login("ann", "s3cret"))
    after = told.read_text()
    assert after.startswith("[store]\n")
    assert "[erase]\n" in after
    assert after.count("password=s3cret") == 2
    assert "s3cret" not in repr(login)
    assert capfd.readouterr() == ("", "")


def test_a_path_goes_along_where_git_is_told_so(git: Git, bare_machine: Machine) -> None:
    told = helper(bare_machine, "printf 'username=ann\\npassword=s3cret\\n'")
    bare_machine.config("credential.useHttpPath", "true")
    GitCredentials(git).fill(URL)
    assert "path=models\n" in told.read_text()


@pytest.mark.parametrize("says", ["exit 1", "echo quit=1", "echo username=ann", "sleep 0"])
def test_a_helper_that_does_not_know_is_no_answer(
    git: Git, bare_machine: Machine, says: str
) -> None:
    helper(bare_machine, says)
    assert GitCredentials(_without_terminal(git)).fill(URL) is None


def test_what_could_say_something_else_to_a_helper_is_not_said(
    git: Git, bare_machine: Machine
) -> None:
    told = helper(bare_machine, "printf 'username=ann\\npassword=s3cret\\n'")
    assert GitCredentials(git).fill("https://x%0ahost=evil.example@data.example/") is None
    assert not told.exists()


def test_a_token_of_newer_helpers_is_taken(git: Git, tmp_path: Path) -> None:
    stand_in = tmp_path / "git"  # as git 2.46 and later answer
    stand_in.write_text(
        f"#!/bin/sh\ncat >{tmp_path}/told-$2\n[ $2 = fill ] && "
        "printf 'capability[]=authtype\\nauthtype=Bearer\\ncredential=t0\\nstate[]=x.y=1\\n'\n"
    )
    stand_in.chmod(0o755)
    credentials = GitCredentials(Git(tmp_path, env=git.env, program=str(stand_in)))
    login = credentials.fill(URL)
    assert login == Login("", "t0", scheme="Bearer")
    assert (tmp_path / "told-fill").read_text().startswith("capability[]=authtype\n")
    credentials.approve(URL, login)
    assert "state[]=x.y=1\n" in (tmp_path / "told-approve").read_text()


def test_without_a_terminal_nobody_is_asked(bare_machine: Machine) -> None:
    asks = bare_machine.root / "ask"
    asks.write_text(f"#!/bin/sh\ntouch {bare_machine.root}/asked\nexec sleep 1000\n")
    asks.chmod(0o755)
    for environment in ({"GIT_ASKPASS": str(asks)}, {"SSH_ASKPASS": str(asks), "DISPLAY": ":0"}):
        bare_machine.config("core.askPass", str(asks))
        env: dict[str, str | None] = {**environment, "GIT_TERMINAL_PROMPT": None}
        done = bare_machine.run(sys.executable, "-c", FILL, env=env, timeout_s=30)
        assert done.out == "None\n"
    assert not (bare_machine.root / "asked").exists()


def test_with_a_terminal_git_asks_the_person(bare_machine: Machine) -> None:
    env = {**bare_machine.env(), "GIT_TERMINAL_PROMPT": "1"}
    person, terminal = pty.openpty()
    take_it = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", take_it + FILL],
        stdin=terminal,
        stdout=subprocess.PIPE,
        env=env,
        cwd=bare_machine.root,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        _expect(person, b"Username for 'https://data.example': ")
        os.write(person, b"ann\n")
        _expect(person, b"Password for 'https://ann@data.example': ")
        os.write(person, b"s3cret\n")
        out, _ = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
        os.close(person)
    assert out == b"('ann', 's3cret')\n"


def _expect(terminal: int, text: bytes) -> None:
    shown = b""
    while text not in shown:
        shown += os.read(terminal, 1000)


def _without_terminal(git: Git) -> Git:
    return git.at(git.cwd or Path(), extra={"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": ""})


class TestWebSettings:
    def test_git_chooses_by_its_own_rules(self, git: Git, bare_machine: Machine) -> None:
        bare_machine.config("http.proxy", "http://everywhere:1")
        bare_machine.config("http.https://*.example/.sslCAInfo", "/ca.pem")
        bare_machine.config("http.https://data.example/secret.extraHeader", "X-A: 1")
        settings = WebSettings(git, config.read(git))
        assert settings("https://u:p@data.example/secret/packs/ab/x?sig=1") == {
            "proxy": "http://everywhere:1",
            "sslcainfo": "/ca.pem",
            "extraheader": "X-A: 1",
        }
        assert "extraheader" not in settings("https://data.example/other/index")
        assert settings("https://elsewhere.test/index") == {"proxy": "http://everywhere:1"}

    def test_git_is_started_once_for_a_server_and_not_without_need(
        self, git: Git, bare_machine: Machine
    ) -> None:
        nobody = Git(git.cwd, env=git.env, program="/nonexistent/git")
        assert WebSettings(nobody, {"core.bare": ["false"]})(URL) == {}
        bare_machine.config("http.https://data.example/.proxy", "http://p:1")
        settings = WebSettings(git, config.read(git))
        assert settings("https://data.example/packs/ab/x") == {"proxy": "http://p:1"}
        bare_machine.git("config", "--global", "--unset", "http.https://data.example/.proxy")
        assert settings("https://data.example/packs/cd/y") == {"proxy": "http://p:1"}

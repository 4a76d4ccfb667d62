"""Law 12: what a clone brings is data. Nobody whom the user has not named is contacted, by any kind of remote."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from support.content import noise
from support.repo import Machine, Repo

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2"}
KINDS = {
    "web": ("http://127.0.0.1:{port}/data", {}),
    "cloud": ("s3://bucket/data", {"endpoint": "http://127.0.0.1:{port}", "region": "x"}),
    "google": ("gs://bucket/data", {"endpoint": "http://127.0.0.1:{port}", "anonymous": "true"}),
    "blue": ("az://data", {"endpoint": "http://127.0.0.1:{port}/me", "anonymous": "true"}),
    "shell": ("ssh://127.0.0.1:{port}/data", {}),
    "forge": ("lfs:http://127.0.0.1:{port}/x.git", {}),
}


class Listener:
    """Somebody on this machine who counts who knocks, and tells them nothing."""

    def __init__(self) -> None:
        self.knocks = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if connection.recv(1) == b"\0":  # ours: the end
                    return
                self.knocks += 1

    def stop(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"\0")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.stop()


@pytest.fixture
def copy(machine: Machine, repo: Repo, remote: Repo, listener: Listener) -> Repo:
    """A clone of a repository whose author has named the listener in every way there is.

    The data of one file is not beside the git remote, so that it is looked for everywhere.
    """
    lines = ['[remote]\ndefault = "web"\n']
    for name, (url, options) in KINDS.items():
        values = {"url": url, **options}
        written = "".join(f'{k} = "{v.format(port=listener.port)}"\n' for k, v in values.items())
        lines.append(f"[remote.{name}]\n{written}")
    lines.append('[remote.hub]\nurl = "lfs"\n')
    lines.append('[remote.program]\nurl = "exec:touch ran"\n')
    repo.write({"a.bin": noise(3000)}).add().commit("one")
    repo.write(
        {
            "mlvc.toml": "".join(lines).encode(),
            ".lfsconfig": f"[lfs]\n\turl = http://127.0.0.1:{listener.port}/lfs\n".encode(),
        }
    ).add().commit("two")
    repo.git("push", "-q", "origin", "main", env={"MLVC_SKIP_PUSH": "1"})
    machine.extra_env |= KEYS
    return machine.clone("origin.git", "copy", check=False)


def test_law_12_no_command_contacts_whom_only_the_clone_has_named(
    copy: Repo, listener: Listener
) -> None:
    assert copy.stubs() == ["a.bin"]
    copy.git("checkout", "-q", "HEAD~1")
    copy.git("checkout", "-q", "main")
    copy.remove("a.bin")
    said = copy.git("checkout", "-q", "--", "a.bin")
    assert copy.stubs() == ["a.bin"] and "git mlvc remote trust web" in said.err
    for words in (
        ["init"], ["fetch"], ["pull"], ["status", "--remote"], ["doctor"], ["remote", "list"],
        ["whereis"], ["fsck", "--remote"], ["push"], ["drop"], ["fetch", "web"],
        ["remote", "check", "cloud"], ["copy", "--from", "web", "--to", "shell"],
    ):  # fmt: skip
        said = copy.mlvc(*words, check=False)
        assert "hunter2" not in said.out + said.err
        assert listener.knocks == 0, said
    copy.write({"b.bin": noise(4000)}).add().commit("three")
    refused = copy.git("push", "origin", "main", check=False)
    assert refused.refused_because("git mlvc remote trust web")
    assert listener.knocks == 0
    assert not copy.has("ran")


def test_whom_the_user_names_is_contacted(copy: Repo, listener: Listener) -> None:
    """The listener hears every kind of remote: else the test above would show nothing."""
    for name in KINDS:
        before = listener.knocks
        copy.mlvc("remote", "trust", name)
        said = copy.mlvc("remote", "check", name, check=False)
        assert said.returncode in (1, 7), said
        assert listener.knocks > before, said
    copy.mlvc("remote", "trust", "program")
    assert "starts a program" in copy.mlvc("doctor", check=False).out
    refused = copy.mlvc("remote", "check", "program", check=False)
    assert refused.refused_because("starts a program") and not copy.has("ran")


def test_law_12_an_address_that_changes_waits_for_trust_again(
    copy: Repo, listener: Listener
) -> None:
    copy.mlvc("remote", "trust", "cloud")
    text = copy.read("mlvc.toml").replace(b'region = "x"', b'region = "y"')
    copy.write({"mlvc.toml": text})
    refused = copy.mlvc("remote", "check", "cloud", check=False)
    assert refused.refused_because("git mlvc remote trust cloud")
    assert listener.knocks == 0


def test_ci_names_addresses_in_the_environment(copy: Repo, listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port}/data"
    said = copy.mlvc("remote", "check", "web", check=False, env={"MLVC_TRUST": f"/x {url}"})
    assert said.returncode == 7 and listener.knocks > 0, said

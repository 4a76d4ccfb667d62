"""GUIs and other clients: no PATH, no terminal, polling, libraries that run no filter."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.content import is_pointer, noise, pointer_to
from support.copied import copied
from support.repo import Machine, Repo

FILES = {f"{n}.bin": noise(30_000 + n, n) for n in range(12)}


def wait_until(condition: Callable[[], bool], what: Callable[[], str], limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def test_git_works_from_an_empty_environment(machine: Machine) -> None:
    """As a GUI started by a desktop: no PATH to us, no HOME, no locale."""
    machine.config("mlvc.inlineLimit", "1KiB")
    repo = machine.init().track("*.bin")
    repo.mlvc("install", "--local")
    repo.set("user.name", "Ada").set("user.email", "ada@example.org")
    repo.set("mlvc.inlineLimit", "1KiB")
    git = shutil.which("git")
    assert git is not None
    bare = machine.bare()

    def empty(*args: str) -> None:
        done = subprocess.run(
            ["env", "-i", git, *args],
            cwd=repo.path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            check=False,
        )
        assert done.returncode == 0, done
        assert b"Traceback" not in done.stderr

    repo.write(FILES)
    empty("add", "-A")
    empty("commit", "-qm", "one")
    empty("rm", "-q", "0.bin", "1.bin")
    empty("commit", "-qm", "two")
    empty("checkout", "-q", "HEAD~1")
    assert {name: repo.read(name) for name in FILES} == FILES
    empty("push", "-q", str(bare.path), "main")
    empty("reset", "-q", "--hard", "main")
    assert repo.is_clean()
    assert "0.bin" not in repo.snapshot()
    copy = machine.clone("origin.git", "copy")
    assert copy.read("5.bin") == FILES["5.bin"]


@contextmanager
def polling(repo: Repo, how_many: int) -> Iterator[None]:
    """Keep several `git status` running, as editors and prompts do; each must succeed."""
    stop = repo.machine.path("stop")
    script = f"while [ ! -e '{stop}' ]; do git status --porcelain >/dev/null || exit 1; done"
    pollers = [
        subprocess.Popen(
            ["sh", "-c", script],
            cwd=repo.path,
            env=repo.machine.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(how_many)
    ]
    try:
        yield
    finally:
        stop.touch()
        said = [poller.communicate(timeout=60)[1] for poller in pollers]
    assert [poller.returncode for poller in pollers] == [0] * how_many, said
    assert not any(said), said


def test_polling_status_neither_breaks_a_fill_nor_is_broken_by_it(repo: Repo) -> None:
    files = {f"d/{n}.bin": noise(4_000, n) for n in range(150)}
    repo.write(files).add().commit("many")
    repo.git("push", "-q", str(repo.machine.bare().path), "main")
    repo.mlvc("drop", "--force", "d")
    assert len(repo.stubs()) == len(files)
    with polling(repo, 3):
        repo.mlvc("fill")
        assert {name: repo.read(name) for name in files} == files
    assert repo.is_clean()
    assert not (repo.git_dir / "index.lock").exists()


def test_polling_status_does_not_spoil_a_checkout(repo: Repo) -> None:
    repo.machine.config("mlvc.inlineLimit", "0")
    files = {f"d/{n}.bin": noise(4_000, n) for n in range(60)}
    repo.write(files).add().commit("one")
    repo.write({name: data[::-1] for name, data in files.items()}).add().commit("two")
    with polling(repo, 2):
        for target in ("HEAD~1", "main"):
            # Git itself gives up when a poller holds index.lock at that moment: try again, as people do.
            wait_until(
                lambda target=target: repo.git("checkout", "-q", target, check=False).ok,
                lambda: "git never got index.lock",
            )
    assert {name: repo.read(name)[::-1] for name in files} == files
    assert repo.is_clean()


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with `repo`, whose two branches are on `origin.git`."""
    machine = Machine(tmp_path_factory.mktemp("pushed")).install()
    machine.bare()
    repo = machine.init().track("*.bin")
    repo.git("remote", "add", "origin", "../origin.git")
    repo.write({**FILES, "code.py": b"x = 1\n"}).add().commit("one")
    repo.git("switch", "-q", "-c", "topic")
    repo.write({"0.bin": noise(31_000, 99), "t.bin": noise(2_000, 98)}).add().commit("topic")
    repo.git("switch", "-q", "main")
    repo.git("push", "-q", "origin", "--all")
    return machine


@pytest.fixture
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """What has been pushed, where a test asks for it; else a user with `git mlvc install` done."""
    if {"published", "remote"} & set(request.fixturenames):
        return copied(request.getfixturevalue("pushed"), tmp_path / "machine")
    return Machine(tmp_path / "machine").install()


@pytest.fixture
def published(machine: Machine) -> Repo:
    return machine.repo("repo")


@pytest.fixture
def remote(machine: Machine) -> Repo:
    return machine.repo("origin.git")


def assert_heals(copy: Repo, files: dict[str, bytes]) -> None:
    assert copy.is_clean()
    copy.mlvc("pull")
    assert {name: copy.read(name) for name in files} == files
    assert copy.is_clean()


def test_a_client_on_libgit2_sees_stubs_and_loses_nothing(
    machine: Machine, published: Repo, remote: Repo
) -> None:
    import pygit2

    pygit2.clone_repository(str(remote.path), str(machine.path("copy")))
    copy = machine.repo("copy")
    assert copy.stubs() == sorted(FILES)
    assert_heals(copy, FILES)

    library = pygit2.Repository(str(copy.path))
    assert library.status() == {}
    library.checkout(library.lookup_reference("refs/remotes/origin/topic"))
    got = copy.read("0.bin")
    assert is_pointer(got)
    assert_heals(copy, {**FILES, "0.bin": noise(31_000, 99), "t.bin": noise(2_000, 98)})

    library = pygit2.Repository(str(copy.path))
    library.checkout("refs/heads/main", strategy=pygit2.enums.CheckoutStrategy.FORCE)
    assert_heals(copy, FILES)


def test_what_a_client_without_a_filter_commits_raw_is_found(published: Repo) -> None:
    import pygit2

    library = pygit2.Repository(str(published.path))
    published.write({"raw.bin": noise(5_000, 7)})
    library.index.add("raw.bin")
    library.index.write()
    tree = library.index.write_tree()
    author = pygit2.Signature("Bob", "bob@example.org", 1_700_000_000, 0)
    library.create_commit("HEAD", author, author, "raw", tree, [library.head.target])
    assert published.blob("HEAD:raw.bin") == noise(5_000, 7)
    found = published.mlvc("fsck", check=False)
    assert "raw.bin" in found.out + found.err
    pushed = published.git("push", "origin", "main")
    assert "raw.bin" in pushed.err
    published.mlvc("track", "--renormalize")
    published.commit("as a pointer")
    assert published.blob("HEAD:raw.bin") == pointer_to(noise(5_000, 7))
    assert published.is_clean()


def test_a_client_on_dulwich_loses_nothing(machine: Machine, published: Repo, remote: Repo) -> None:
    """Another process, because dulwich reads the environment for itself."""
    script = """
import sys
from dulwich import porcelain
repo = porcelain.clone(sys.argv[1], sys.argv[2], errstream=sys.stderr.buffer)
porcelain.status(repo)
repo.close()
"""
    machine.run(sys.executable, "-W", "ignore", "-c", script, remote.path, machine.path("copy"))
    copy = machine.repo("copy")
    for name, data in FILES.items():
        assert copy.read(name) in (data, pointer_to(data))
    copy.mlvc("init", check=False)
    copy.git("status")
    copy.mlvc("pull")
    assert {name: copy.read(name) for name in FILES} == FILES
    assert [line for line in copy.status().splitlines() if "mlvc.toml" not in line] == []


@pytest.mark.skipif(
    not (shutil.which("tig") and shutil.which("tmux")),
    reason="tig and tmux are not installed: apt-get install tig tmux",
)
def test_tig_shows_and_stages_data(published: Repo, tmp_path: Path) -> None:
    published.write({"0.bin": noise(777, 5)})
    socket = tmp_path / "tmux"
    environment = {**published.machine.env(), "TERM": "screen", "SHELL": "/bin/sh"}

    def tmux(*args: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(socket), *args],
            cwd=published.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "tig status")
    try:
        wait_until(
            lambda: "0.bin" in tmux("capture-pane", "-p"), lambda: tmux("capture-pane", "-p")
        )
        tmux("send-keys", "Down")
        _press_until_staged(published, tmux)
        assert published.blob(":0.bin") == pointer_to(noise(777, 5))
    finally:
        tmux("kill-server")
    published.commit("from tig")
    assert published.is_clean()


def _press_until_staged(repo: Repo, tmux: Callable[..., str]) -> None:
    """Walk down tig's list and press `u` (stage) on each line until the file is staged."""
    deadline = time.monotonic() + 30
    while repo.text("diff", "--cached", "--name-only") != "0.bin":
        assert time.monotonic() < deadline, tmux("capture-pane", "-p")
        tmux("send-keys", "u")
        time.sleep(0.3)
        if repo.text("diff", "--cached", "--name-only") != "0.bin":
            tmux("send-keys", "Down")


@pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool"))
    or subprocess.run(["git", "gui", "--version"], capture_output=True, check=False).returncode
    != 0,
    reason="git gui, Xvfb or xdotool is not installed: apt-get install git-gui xvfb xdotool",
)
def test_git_gui_stages_and_commits_data(published: Repo) -> None:
    published.write({"0.bin": noise(777, 6)})
    read_end, write_end = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1024x768x24", "-nolisten", "tcp"],
        pass_fds=[write_end],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write_end)
    gui = None
    try:
        display = os.read(read_end, 20).decode().strip()
        environment = {**published.machine.env(), "DISPLAY": f":{display}"}
        environment.pop("GIT_EDITOR")
        gui = subprocess.Popen(
            ["git", "gui"],
            cwd=published.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

        def press(*words: str) -> str:
            done = subprocess.run(
                ["xdotool", *words], env=environment, capture_output=True, text=True, check=False
            )
            return done.stdout.strip()

        wait_until(
            lambda: press("search", "--onlyvisible", "--name", "Git Gui") != "",
            lambda: "git gui shows no window",
        )
        window = press("search", "--onlyvisible", "--name", "Git Gui").split()[0]
        before = published.head()
        deadline = time.monotonic() + 45
        while published.text("diff", "--cached", "--name-only") != "0.bin":
            assert time.monotonic() < deadline, "git gui staged nothing"
            press("windowfocus", window, "key", "F5")
            time.sleep(0.5)
            press("windowfocus", window, "key", "ctrl+i")
            time.sleep(0.5)
        assert published.blob(":0.bin") == pointer_to(noise(777, 6))
        press("windowfocus", window, "type", "from git gui")
        while published.head() == before:
            assert time.monotonic() < deadline, "git gui committed nothing"
            press("windowfocus", window, "key", "ctrl+Return")
            time.sleep(0.5)
    finally:
        if gui is not None:
            gui.terminate()
            gui.communicate(timeout=30)
        server.terminate()
        server.wait(timeout=30)
        os.close(read_end)
    assert published.blob("HEAD:0.bin") == pointer_to(noise(777, 6))
    assert published.is_clean()

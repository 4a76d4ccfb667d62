"""Fixtures for every test that runs a real git."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support import scenes
from support.add_pair import AddPair
from support.extent import examples
from support.repo import Machine, Repo
from support.twin import Twin

pytest_plugins = ["support.browser", "support.servers.fixtures", "support.servers.summary"]

# Time says nothing about a property: a busy machine is not a failing test.
settings.register_profile("project", deadline=None, print_blob=True, max_examples=examples(100))
settings.load_profile("project")

# In the background of a script (`make test &`, nohup) these are ignored, which whatever we start inherits: then tests
# that end a program by a signal would wait for ever.
for _name in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_name) is signal.SIG_IGN:
        signal.signal(
            _name, signal.default_int_handler if _name is signal.SIGINT else signal.SIG_DFL
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A user with `git mlvc install` done, and nothing else."""
    return Machine(tmp_path / "machine").install()


@pytest.fixture
def bare_machine(tmp_path: Path) -> Machine:
    """A user on whose machine nothing is installed into git's configuration."""
    return Machine(tmp_path / "machine")


@pytest.fixture
def repo(machine: Machine) -> Repo:
    """A repository with `*.bin` tracked and nothing committed."""
    return machine.init().track("*.bin")


@pytest.fixture
def remote(machine: Machine, repo: Repo) -> Repo:
    """A bare repository that is `origin` of `repo`."""
    bare = machine.bare()
    repo.git("remote", "add", "origin", "../origin.git")
    return bare


@pytest.fixture
def second_mount(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system than `tmp_path`."""
    for place in ("/dev/shm", "/var/tmp", "/tmp"):
        if os.access(place, os.W_OK) and os.stat(place).st_dev != tmp_path.stat().st_dev:
            with tempfile.TemporaryDirectory(dir=place, prefix="mlvc-test-") as made:
                yield Path(made)
            return
    pytest.skip("no second file system to write to: neither /dev/shm nor /var/tmp is one")


@pytest.fixture(scope="session", autouse=True)
def keep_scenes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Scenes are played once by each process, and copied from then on."""
    scenes.kept.folder = tmp_path_factory.mktemp("scenes")


@pytest.fixture
def twin(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Twin]:
    """A pair of repositories, one with the filter; content over 1 KiB is filled by the hooks.

    `@both_ways` runs a test with git's real limit too, where all content goes through git. When the
    test has passed, all of the history must correspond.
    """
    pair = Twin.start(tmp_path, getattr(request, "param", "1KiB"))
    yield pair
    report = getattr(request.node, "report_of_call", None)
    if report is not None and report.passed:
        pair.compare_history()


@pytest.fixture
def pair(tmp_path: Path) -> AddPair:
    """Two repositories, for `git mlvc add` beside `git add`."""
    return AddPair.start(tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.when == "call":
        item.report_of_call = report  # type: ignore[attr-defined]
    return report

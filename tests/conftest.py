"""Fixtures for every test that runs a real git."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.repo import Machine, Repo
from support.twin import Twin


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


@pytest.fixture(params=["1KiB", None], ids=["stubs", "inline"])
def twin(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Twin]:
    """A pair of repositories, once with nearly all content filled by hooks, once all inline.

    When the test has passed, all of the history must correspond.
    """
    pair = Twin.start(tmp_path, request.param)
    yield pair
    report = getattr(request.node, "report_of_call", None)
    if report is not None and report.passed:
        pair.compare_history()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.when == "call":
        item.report_of_call = report  # type: ignore[attr-defined]
    return report

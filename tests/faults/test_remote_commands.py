"""Commands on bad days: a real git, the real command line, a real server behind a proxy that is told to fail.

Each pair of driver and bad day ends in success after a retry, or in exit ≠ 0 with one error that says what, why and
what next; git refuses the push; nothing wrong stands in the worktree; and once the fault is gone, the same command succeeds.
Each kind of bad day and each driver in `make test`, all pairs of them with `make faults`; that each driver bears each
fault, the contract of drivers shows without commands.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import pytest
from support.bad_days import BAD_DAYS, Outcome
from support.content import is_pointer, noise
from support.extent import cases
from support.fault_proxy import FaultProxy
from support.faulty_place import through, upstream_of
from support.repo import Repo, Result
from support.servers import dulwich_lfs
from support.servers.dulwich_lfs import Forge
from support.servers.place import RemotePlace
from support.two_people import REMOTE, machine_for, start

HANG_S = 90.0
# driver -> the fixture of its server
DRIVERS = {
    "s3": "moto_server",
    "gs": "gcs_server",
    "az": "azurite_server",
    "webdav": "nginx_server",
    "lfs": "dulwich",
}
PAIRS = {
    f"{driver}-{day.name.replace(' ', '-')}": (driver, day)
    for driver in DRIVERS
    for day in BAD_DAYS
}
SHORT = (
    "s3-errors-in-bursts",
    "s3-expired-credentials",
    "gs-a-body-is-cut-off",
    "gs-silence",
    "az-an-answer-is-lost",
    "webdav-resets",
    "lfs-too-many-requests",
    "lfs-wrong-bytes",
    "lfs-another-host",
)
LFS_REQUESTS = re.compile("/info/lfs|^/objects/")  # what is not git's own


@dataclass
class Traffic:
    """Ann and Ben at work through a proxy, for as many cases as there are on one server."""

    proxy: FaultProxy
    ann: Repo
    ben: Repo
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def commit(self) -> tuple[str, dict[str, bytes]]:
        """Let Ann commit what nobody has, on a branch of its own; return its name and the files."""
        number = next(self.numbers)
        branch = f"day-{number}"
        files = {
            f"{branch}/large.bin": noise(300_000, number),
            f"{branch}/small.bin": noise(2_000, 1000 + number),
        }
        self.ann.git("switch", "-q", "-c", branch, "main")
        self.ann.write(files).add().commit(branch)
        return branch, files


@pytest.fixture(scope="module")
def dulwich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    forge = dulwich_lfs.start(tmp_path_factory.mktemp("forge"))
    yield forge
    forge.stop()


@pytest.fixture(scope="module")
def traffic_on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Traffic]]:
    """Return what gives the traffic on a driver's server: for all cases of a worker the same."""
    with contextlib.ExitStack() as until_the_end:

        @cache
        def made(driver: str) -> Traffic:
            place = request.getfixturevalue(DRIVERS[driver]).place()
            proxy = until_the_end.enter_context(FaultProxy(upstream_of(place)))
            return _traffic(through(place, proxy), proxy, driver, tmp_path_factory.mktemp(driver))

        yield made


def _traffic(place: RemotePlace, proxy: FaultProxy, driver: str, root: Path) -> Traffic:
    if driver == "lfs":
        proxy.rules.scope = LFS_REQUESTS
    project = start(place, root)
    project.ann.machine.config("mlvc.timeout", "1.5")
    project.ann.git("push", "-q", "-u", "origin", "main")
    ben = project.clone_for(machine_for(place, root / "ben"))
    ben.machine.config("mlvc.timeout", "1.5")
    ben.machine.extra_env["MLVC_SKIP_SMUDGE"] = "1"
    return Traffic(proxy, project.ann, ben)


def blocks(result: Result) -> list[str]:
    """Return our errors, without git's own word on the refused push."""
    lines = result.err.splitlines()
    starts = [n for n, line in enumerate(lines) if line.startswith("error: ")]
    found = ["\n".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return [text for text in found if not text.startswith("error: failed to push some refs")]


def judge(result: Result, outcome: Outcome) -> bool:
    """Check what a command said of itself; return whether it succeeded."""
    if outcome is Outcome.DONE:
        assert result.ok, result
    if outcome is Outcome.REFUSED:
        assert not result.ok, result
    if not result.ok:
        assert len(blocks(result)) == 1, result
        assert re.search(r"\n(?:  why: |       )\S", blocks(result)[0]), result  # says why
    return result.ok


@pytest.mark.parametrize("pair", cases(PAIRS, SHORT))
def test_a_bad_day(traffic_on: Callable[[str], Traffic], pair: str) -> None:
    driver, day = PAIRS[pair]
    traffic = traffic_on(driver)
    ann, ben, proxy = traffic.ann, traffic.ben, traffic.proxy
    branch, files = traffic.commit()
    with FaultProxy(None) as elsewhere:
        away = f"http://localhost:{elsewhere.port}/x"
        day.rules(proxy.rules, away)
        pushed = ann.git("push", "-q", "origin", branch, check=False, timeout_s=HANG_S)
        proxy.rules.clear()
        if not judge(pushed, day.push):
            assert ann.text("ls-remote", "origin", branch) == ""  # git refused as well
            ann.git("push", "-q", "origin", branch)

        ben.git("fetch", "-q", "origin")
        ben.git("switch", "-q", branch)
        assert sorted(ben.stubs()) == sorted(files)
        day.rules(proxy.rules, away)
        pulled = ben.mlvc("pull", check=False, timeout_s=HANG_S, env={"MLVC_SKIP_SMUDGE": None})
        proxy.rules.clear()
        is_pulled = judge(pulled, day.pull)
        for name, data in files.items():
            assert ben.read(name) == data or (not is_pulled and is_pointer(ben.read(name))), pulled
        assert not any(one.sent_authorization for one in elsewhere.requests)

    if not is_pulled:
        ben.mlvc("pull", env={"MLVC_SKIP_SMUDGE": None})
        assert {name: ben.read(name) for name in files} == files
    assert ben.is_clean()
    ben.mlvc("fsck", "--remote", REMOTE)

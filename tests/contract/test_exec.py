"""`exec:`: the example in docs/examples keeps the contract; programs that do not are errors, not hangs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from support.backend_contract import BackendContract

from git_mlvc.backend import registry
from git_mlvc.backend.base import Backend, Capability, Denied, Throttled
from git_mlvc.backend.opening import Opening
from git_mlvc.errors import ConfigError, RemoteRefused, RemoteUnavailable

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "exec-remote.py"


def opened(*argv: str | Path, **settings: float) -> Backend:
    words = shlex.join([sys.executable, "-I", *map(str, argv)])
    return registry.open(f"exec:{words}", Opening(**settings))  # type: ignore[arg-type]


class Scripted(Protocol):
    def __call__(self, source: str, **settings: float) -> Backend: ...


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Scripted]:
    """Makes remotes whose program greets and then does `source`."""
    made: list[Backend] = []

    def make(source: str, **settings: float) -> Backend:
        program = tmp_path / f"program{len(made)}.py"
        greeting = "import sys,time\nprint('git-mlvc-exec 1 write list', flush=True)\n"
        program.write_text(greeting + source)
        made.append(opened(program, **settings))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


class TestExecExample(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        driver = opened(EXAMPLE, tmp_path / "remote place")
        yield driver
        driver.close()


def test_a_program_without_frills(tmp_path: Path) -> None:
    """One that can neither put if absent nor read ranges is used all the same."""
    program = tmp_path / "program.py"
    program.write_text(EXAMPLE.read_text().replace(" put-if-absent ranges", ""))
    backend = opened(program, tmp_path / "remote")
    assert not backend.capabilities & {Capability.PUT_IF_ABSENT, Capability.RANGES}
    assert backend.put_if_absent("segments/aa", b"0123456789") is True
    assert backend.put_if_absent("segments/aa", b"x") is False
    assert backend.get_range("segments/aa", 3, 4) == b"3456"
    assert backend.get_range("segments/aa", 8, 4) == b"89"
    backend.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("refused no such thing", RemoteRefused),
        ("denied not you", Denied),
        ("later the line is down", RemoteUnavailable),
        ("wait 7 slowly", Throttled),
        ("data x", RemoteUnavailable),
        ("data -1", RemoteUnavailable),
        ("", RemoteUnavailable),
        ("<html>", RemoteUnavailable),
        ("x" * 5000, RemoteUnavailable),
    ],
)
def test_what_it_says_instead_of_an_answer(
    scripted: Scripted, answer: str, error: type[Exception]
) -> None:
    backend = scripted(f"for line in sys.stdin: print({answer!r}, flush=True)")
    with pytest.raises(error) as caught:
        backend.get("format")
    assert type(caught.value) is error


def test_a_refusal_costs_no_new_program(
    scripted: Scripted,
) -> None:
    backend = scripted("n = 0\nfor line in sys.stdin: n += 1; print('refused', n, flush=True)")
    for number in (1, 2, 3):
        with pytest.raises(RemoteRefused) as caught:
            backend.stat("format")
        assert caught.value.why == str(number)


@pytest.mark.parametrize(
    "source",
    [
        "sys.stdin.readline(); sys.exit(3)",
        "sys.stdin.readline(); print('data 100\\nshort', end='', flush=True); sys.exit(3)",
        "sys.stderr.write('first\\n'); sys.exit(3)",
    ],
)
def test_a_program_that_ends_is_tried_anew(scripted: Scripted, source: str) -> None:
    backend = scripted(f"sys.stderr.write('out of cheese\\n')\n{source}")
    with pytest.raises(RemoteUnavailable, match="broke off"):
        backend.get("format")
    with pytest.raises(RemoteUnavailable, match="broke off"):
        backend.put("format", b"x" * 1_000_000)


def test_its_last_words_are_told(
    scripted: Scripted,
) -> None:
    backend = scripted("sys.stdin.readline(); sys.stderr.write('quota exceeded\\n'); sys.exit(3)")
    with pytest.raises(RemoteUnavailable) as caught:
        backend.get("format")
    assert caught.value.why == "it ended with exit code 3: quota exceeded"


@pytest.mark.parametrize("verb", ["get", "put"])
def test_silence_ends(scripted: Scripted, verb: str) -> None:
    backend = scripted("time.sleep(600)", idle_timeout_s=0.2)
    with pytest.raises(RemoteUnavailable, match="silent"):
        if verb == "get":
            backend.get("format")
        else:
            backend.put("format", b"x" * 10_000_000)


def test_a_program_that_never_greets(tmp_path: Path) -> None:
    backend = opened("-c", "import time; time.sleep(600)", connect_timeout_s=0.2)
    with pytest.raises(RemoteUnavailable, match="silent"):
        backend.get("format")
    assert Capability.WRITE in backend.capabilities  # it is asked, and then says why not
    with pytest.raises(RemoteUnavailable, match="protocol"):
        opened("-c", "print('hello')").get("format")


def test_a_program_that_is_not_there() -> None:
    backend = registry.open("exec:/no/such/program --token secret", Opening())
    with pytest.raises(RemoteRefused, match="cannot start exec:program") as caught:
        backend.get("format")
    assert "secret" not in f"{caught.value} {caught.value.why} {backend.url}"


@pytest.mark.parametrize("url", ["exec:", "exec:  ", "exec:'open"])
def test_what_is_no_command(url: str) -> None:
    with pytest.raises(ConfigError):
        registry.open(url, Opening())


def test_the_programs_end_with_the_remote(scripted: Scripted, tmp_path: Path) -> None:
    backend = scripted(
        f"for line in sys.stdin: print('none', flush=True)\nopen({str(tmp_path / 'ended')!r}, 'w')"
    )
    assert backend.stat("format") is None
    backend.close()
    assert (tmp_path / "ended").exists()

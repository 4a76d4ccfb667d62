"""`install.sh`: from a read-only checkout, with spaces in every path, twice, and gone without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent.parent
PARTS = ("pyproject.toml", "README.md", "LICENSE", "install.sh", "git_mlvc")


class Person:
    """Somebody with an empty home, a checkout she may not write to, and nothing else."""

    def __init__(self, root: Path) -> None:
        self.home = root / "a home"
        self.source = root / "a check out"
        self.home.mkdir()
        self.scratch = root / "scratch"
        self.scratch.mkdir()
        self.source.mkdir()
        for part in PARTS:
            if (TOP / part).is_dir():
                unwanted = shutil.ignore_patterns("__pycache__")
                shutil.copytree(TOP / part, self.source / part, ignore=unwanted)
            else:
                shutil.copy(TOP / part, self.source / part)
        self._set_writable(False)

    def _set_writable(self, writable: bool) -> None:
        for directory, _, files in os.walk(self.source, topdown=False):
            for name in files:
                path = Path(directory, name)
                path.chmod((path.stat().st_mode & 0o555) | (0o200 if writable else 0))
            Path(directory).chmod(0o755 if writable else 0o555)

    def done(self) -> None:
        self._set_writable(True)

    def env(self) -> dict[str, str]:
        """Nothing is inherited but where pip takes packages from, and a PATH without our own."""
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        personal = Path.home() / ".config" / "pip" / "pip.conf"
        if "PIP_CONFIG_FILE" not in kept and personal.exists():
            kept["PIP_CONFIG_FILE"] = str(personal)
        path = f"{self.home}/.local/bin:/usr/local/bin:/usr/bin:/bin"
        if shutil.which("python3", path=path) is None or not _is_new("python3", path):
            path += os.pathsep + str(Path(os.path.realpath(shutil.which("python3") or "")).parent)
        return kept | {
            "HOME": str(self.home), "TMPDIR": str(self.scratch), "PATH": path, "LC_ALL": "C"
        }  # fmt: skip

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=self.home, env=self.env(), capture_output=True, text=True, check=False
        )

    def left(self) -> list[Path]:
        return [*self.home.rglob("*"), *self.scratch.rglob("*")]


def _is_new(python: str, path: str) -> bool:
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", test], env={"PATH": path}, check=False).returncode == 0


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    her = Person(tmp_path_factory.mktemp("install"))
    yield her
    her.done()


def test_install_demo_again_and_uninstall(person: Person) -> None:
    script = person.source / "install.sh"

    first = person.run(script, "--user", "--demo")
    assert first.returncode == 0, first.stdout + first.stderr
    steps = first.stdout.splitlines()[-6:]
    assert [line.split()[0] for line in steps] == ["step", "add", "edit", "push", "clone", "check"]
    assert "DIFFERENT" not in first.stdout
    assert "not on your PATH" not in first.stdout

    shown = person.run("git", "mlvc", "version")
    assert shown.stdout.startswith("git-mlvc ")
    process = person.run("git", "config", "--global", "filter.mlvc.process").stdout
    assert process.startswith(("'/", "/")), process
    assert process.endswith("bin/git-mlvc' filter-process\n")
    assert not list(person.source.rglob("*.egg-info"))
    assert not (person.source / "build").exists()

    again = person.run(script, "--user")
    assert again.returncode == 0, again.stdout + again.stderr

    removed = person.run(script, "--user", "--uninstall")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert person.left() == []


def test_uninstall_where_nothing_is_installed(tmp_path: Path) -> None:
    done = subprocess.run(
        [TOP / "install.sh", "--user", "--uninstall"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "nothing to remove" in done.stdout


def test_a_command_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    other = tmp_path / ".local" / "bin" / "git-mlvc"
    other.parent.mkdir(parents=True)
    other.write_text("#!/bin/sh\n")
    path = f"{other.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [TOP / "install.sh", "--user"],
        env={"HOME": str(tmp_path), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert str(other) in done.stderr
    assert other.read_text() == "#!/bin/sh\n"


def test_unknown_option_is_told() -> None:
    done = subprocess.run(
        [TOP / "install.sh", "--what"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "unknown option: --what" in done.stderr

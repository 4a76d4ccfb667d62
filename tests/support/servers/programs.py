"""What servers need: Debian's programs, and packages from PyPI and npm in environments of their own.

What is absent is a skipped test with a loud reason; where MLVC_TEST_SERVERS is "required", as in CI, a failed one.
Run as a program it makes the environments that are missing: `python tests/support/servers/programs.py [NAME]…`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[3]
PLACE = Path(os.environ.get("MLVC_TEST_SERVERS_DIR") or ROOT / ".test-servers")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
AT_ONCE = 3
REQUIRED = os.environ.get("MLVC_TEST_SERVERS") == "required"

# Environment -> what is installed into it. Pins only where a newer release does not work.
PYTHON: dict[str, tuple[str, ...]] = {
    "moto": (
        "moto[s3]>=5",
        "flask",
        "flask-cors",
    ),
    "swift": ("swift>=2.35", "keystonemiddleware"),
    # It declares no dependencies; with pyjwt 2.10 its own tokens are refused (a null subject).
    "giftless": (
        "giftless==0.6.2",
        "flask",
        "flask-marshmallow",
        "marshmallow",
        "webargs",
        "pyjwt<2.10",
        "pyyaml",
        "python-dotenv",
        "boto3",
        "azure-storage-blob",
        "google-cloud-storage",
        "cryptography",
        "figcan",
        "typing-extensions",
        "python-dateutil",
        "flask-classful",
        "cachetools",
        "waitress",
    ),
    "wsgidav": ("wsgidav>=4.3", "cheroot"),
    # No servers: what examples/digits runs on, and the libraries that git_mlvc.log has callbacks for. Of XGBoost the
    # build without the 300 MB that graphics cards need.
    "digits": ("scikit-learn>=1.5", "xgboost-cpu>=2.1", "lightgbm>=4.3", "matplotlib>=3.8"),
    "vl-convert": ("vl-convert-python>=1.9",),  # no server: what draws PNG and SVG files
}
NPM: dict[str, tuple[str, ...]] = {
    "azurite": ("azurite@^3.35",),
}


@dataclass(frozen=True, slots=True)
class Debian:
    """A program, and the packages it comes with."""

    program: str
    packages: tuple[str, ...]


# `.ci/run` and `make test-servers` install these.
DEBIAN: tuple[Debian, ...] = (
    Debian("sshd", ("openssh-server",)),
    Debian("nginx", ("nginx", "libnginx-mod-http-dav-ext")),
    Debian("apache2", ("apache2",)),
    Debian("openssl", ("openssl",)),
    Debian("mkfs.ext4", ("e2fsprogs",)),
    Debian("npm", ("npm",)),
    Debian("rclone", ("rclone",)),
    Debian("git-lfs", ("git-lfs",)),
    Debian("chromium", ("chromium",)),
    Debian("chromedriver", ("chromium-driver",)),
)


def program(name: str) -> Path:
    """Return a program of the system; sbin is looked at too. Skips the test if there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        absent(f"the program {name} is not installed: make test-servers")
    return Path(found)


def file(name: str, folders: Sequence[str]) -> Path:
    """Return a file that came with a program. Skips the test if it is in none of the folders."""
    found = next((path for folder in folders if (path := Path(folder, name)).exists()), None)
    if found is None:
        absent(f"there is no {name}: make test-servers")
    return found


def python(name: str) -> Path:
    """Return the directory of programs of a Python environment. Skips the test if it is not there."""
    made = PLACE / name / "bin"
    if not (PLACE / name / ".made").exists():
        absent(f"the Python environment '{name}' is not there: make test-servers")
    return made


def npm(name: str) -> Path:
    """Return the directory of programs of an npm environment. Skips the test if it is not there."""
    if not (PLACE / name / ".made").exists():
        absent(f"the npm environment '{name}' is not there: make test-servers")
    return PLACE / name / "node_modules" / ".bin"


def absent(why: str) -> NoReturn:
    """Skip the test; in CI, fail it."""
    import pytest

    if REQUIRED:
        pytest.fail(f"a server that CI must have: {why}", pytrace=False)
    pytest.skip(f"NO REAL SERVER: {why}")


def make(name: str) -> bool:
    """Make an environment unless it is there; return whether it is there now."""
    stamp = PLACE / name / ".made"
    wanted = "\n".join(PYTHON.get(name) or NPM[name])
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    shutil.rmtree(PLACE / name, ignore_errors=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    try:
        if name in PYTHON:
            _run(sys.executable, "-m", "venv", PLACE / name)
            pip = [PLACE / name / "bin" / "python", "-m", "pip", "install", "--quiet"]
            _run(*pip, "--disable-pip-version-check", *PYTHON[name])
        else:
            (PLACE / name).mkdir()
            _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", PLACE / name, *NPM[name])  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as exc:
        print(f"WITHOUT the test servers of '{name}': {exc}", file=sys.stderr)
        return False
    stamp.write_text(wanted)
    return True


def _run(*argv: str | Path) -> None:
    # Node believes in authorities of its own, not in those that the machine's owner has added.
    bundle = {"NODE_EXTRA_CA_CERTS": str(AUTHORITIES)} if AUTHORITIES.exists() else {}
    env = {**bundle, **os.environ}
    subprocess.run([os.fspath(arg) for arg in argv], check=True, stdin=subprocess.DEVNULL, env=env)


def main(names: list[str]) -> int:
    with ThreadPoolExecutor(AT_ONCE) as pool:  # most of it is waiting for registries
        # A registry may be away for a moment: twice, and then without.
        made = list(pool.map(lambda name: make(name) or make(name), names or [*PYTHON, *NPM]))
    return 0 if all(made) or not REQUIRED else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--debian"]:
        print("\n".join(f"{one.program} {' '.join(one.packages)}" for one in DEBIAN))
    else:
        sys.exit(main(sys.argv[1:]))

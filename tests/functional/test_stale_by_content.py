"""A stage is stale by what stands where it looks, and never by when that was written."""

from __future__ import annotations

import os

import pytest
from support.repo import Machine
from support.scripted_server import Answer, Asked, ScriptedServer

STAGE = """\
[stage.count]
cmd = '''mkdir -p src/__pycache__ && echo x >> src/__pycache__/$$.pyc && cat src/*.py data/*.csv > all.txt'''
deps = ["src", "data/*.csv", "{url}/Table.csv"]
outs = ["all.txt"]
"""


@pytest.fixture
def machine(machine: Machine) -> Machine:
    return machine.install()


def test_what_is_read_decides_and_nothing_else(machine: Machine) -> None:
    """Edits that change nothing, edits that do, and a server that changes its mind."""
    repo = machine.init()
    etag = "1"

    def script(asked: Asked) -> Answer:
        return Answer(200, b"1,2", headers={"ETag": f'"{etag}"'})

    def plan(*options: str) -> int:
        return repo.mlvc("repro", "--plan", *options, check=False).returncode

    with ScriptedServer(script) as server:
        repo.write(
            {
                ".gitignore": b"__pycache__/\n",
                "mlvc.toml": STAGE.replace("{url}", server.url).encode(),
                "src/a.py": b"a = 1\n",
                "data/one.csv": b"1\n",
                "data/two.txt": b"2\n",
            }
        )
        repo.mlvc("repro")
        assert 'etag "1"' in (repo.path / "mlvc.lock").read_text()
        os.utime(repo.path / "src/a.py")
        (repo.path / "data/one.csv").rename(repo.path / "data/aside")
        (repo.path / "data/aside").rename(repo.path / "data/one.csv")
        repo.write({"data/two.txt": b"is in no pattern\n"})
        assert plan() == 0
        repo.write({"src/a.py": b"a = 2\n"})
        assert "src" in repo.mlvc("repro", "--plan", check=False).out
        repo.write({"src/a.py": b"a = 1\n"})
        assert plan() == 0
        etag = "2"
        asked = len(server.asked)
        repo.mlvc("status")
        assert len(server.asked) == asked
        changed = repo.mlvc("repro", "--plan", check=False)
        assert changed.returncode == 1 and "Table.csv" in changed.out
        repo.mlvc("repro")
        assert plan() == 0

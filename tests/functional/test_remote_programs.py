"""Remotes that are programs: rclone's, and the user's own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from support.content import edited, noise
from support.repo import Machine
from support.servers.rclone import Rclone

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "exec-remote.py"


@pytest.fixture(params=["exec", "rclone"])
def url(request: pytest.FixtureRequest, machine: Machine, tmp_path: Path) -> str:
    if request.param == "exec":
        command = [sys.executable, str(EXAMPLE), str(tmp_path / "the place")]
        return f"exec:{shlex.join(command)}"
    (tmp_path / "rclone").mkdir()
    place = Rclone(tmp_path / "rclone").place()
    machine.extra_env |= place.environment
    return place.url


def test_two_people(machine: Machine, url: str) -> None:
    origin = machine.bare()
    ada = machine.init("ada").track("*.bin")
    ada.git("remote", "add", "origin", origin.path)
    ada.mlvc("remote", "add", "lab", url, "--default", "--private")
    data = noise(3_000_000, 1)
    ada.write({"a.bin": data, "small.bin": b"small"}).add().commit("one")
    ada.git("push", "-q", "-u", "origin", "main")
    assert not (origin.path / "mlvc").exists()

    bob = machine.clone(origin.path, "bob")
    assert bob.stubs() == ["a.bin", "small.bin"]
    bob.mlvc("remote", "add", "lab", url, "--default", "--private")
    bob.mlvc("pull")
    assert bob.read("a.bin") == data
    changed = edited(data, 1, edits=2)
    bob.write({"a.bin": changed}).add().commit("two")
    bob.git("push", "-q")

    ada.git("pull", "-q")
    assert ada.read("a.bin") == changed
    assert ada.mlvc("remote", "check", "lab").ok


def test_law_12_a_clone_brings_no_program(machine: Machine, tmp_path: Path) -> None:
    witness = tmp_path / "was run"
    origin = machine.bare()
    ada = machine.init("ada").track("*.bin")
    ada.git("remote", "add", "origin", origin.path)
    command = shlex.join(["touch", str(witness)])
    ada.write(
        {"mlvc.toml": f'[remote]\ndefault = "x"\n[remote.x]\nurl = "exec:{command}"\n'.encode()}
    )
    ada.write({"a.bin": noise(20_000, 1)}).add().commit("one")
    ada.git("push", "-q", "--no-verify", "-u", "origin", "main")
    bob = machine.clone(origin.path, "bob", check=False, env={"MLVC_TRUST": f"exec:{command}"})
    bob.mlvc("remote", "trust", "x", check=False)
    bob.mlvc("pull", check=False)
    assert bob.mlvc("remote", "list").ok
    assert "private" in bob.mlvc("push", "x", "--all", check=False).err
    assert not witness.exists()

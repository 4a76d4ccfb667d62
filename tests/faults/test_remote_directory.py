"""A directory as a remote, and addresses that are none: commands when the disk is full, read-only, gone or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.content import noise
from support.cramped import can_mount, with_private_mount, with_small_files
from support.extent import IN_FULL, cases
from support.repo import Repo, Result
from support.servers.place import RemotePlace
from support.two_people import REMOTE, Project, machine_for, start

FILES = {"a.bin": noise(400_000, 1), "b.bin": noise(5_000, 2)}
needs_mounts = pytest.mark.skipif(not can_mount(), reason="NO REAL DISK: to mount one takes root")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Ann has committed FILES and pushed the commit before them."""
    made = start(RemotePlace(str(tmp_path / "lab")), tmp_path)
    made.ann.git("push", "-q", "-u", "origin", "main")
    made.ann.write({"first.bin": b"so that the remote is there"}).add().commit("first")
    made.ann.git("push", "-q")
    made.ann.write(FILES).add().commit("files")
    return made


def one_error(result: Result, *words: str) -> None:
    """Check that the command failed with one error of ours, that says these words."""
    assert not result.ok, result
    ours = [
        line
        for line in result.err.splitlines()
        if line.startswith("error: ") and not line.startswith("error: failed to push some refs")
    ]
    assert len(ours) == 1, result
    assert "  why: " in result.err, result
    for word in words:
        assert word in result.err, result


def arrives(project: Project, tmp_path: Path) -> None:
    """Check that Ann's push succeeds now and that Ben gets the files."""
    project.ann.git("push", "-q")
    ben = project.clone_for(machine_for(project.place, tmp_path / "ben"))
    assert {name: ben.read(name) for name in FILES} == FILES
    ben.mlvc("fsck", "--remote", REMOTE)


def left_over(project: Project) -> list[Path]:
    """Return temporary files on the remote."""
    return [path for path in Path(project.place.url).rglob(".*") if path.is_file()]


def test_a_disk_that_refuses_or_is_gone_refuses_the_push_with_one_error(
    project: Project, tmp_path: Path
) -> None:
    # Files that may not grow: to a program that is a full disk.
    one_error(with_small_files(project.ann, 200, "push"), "File too large", "free some space")
    assert left_over(project) == []

    lab = Path(project.place.url)
    project.ann.git("config", f"mlvc.remote.{REMOTE}.url", tmp_path / "mnt" / "disk" / "lab")
    one_error(project.ann.git("push", check=False), "is the disk mounted?")
    assert not (tmp_path / "mnt").exists()
    project.ann.git("config", f"mlvc.remote.{REMOTE}.url", lab)
    arrives(project, tmp_path)


@needs_mounts
def test_a_disk_that_is_full_read_only_or_not_mounted_takes_nothing(
    project: Project, tmp_path: Path
) -> None:
    lab = project.place.url
    said = with_private_mount(
        project.ann,
        f"mount -t tmpfs -o size=100k tmpfs '{lab}'; code=0; git push || code=$?; "
        f"find '{lab}' -name '.*' -type f; exit $code",
    )
    one_error(said, "No space left on device", "free some space")
    assert said.out == ""  # nothing half-written stayed

    read_only = f"mount --bind '{lab}' '{lab}'; mount -o remount,ro,bind '{lab}'; git push"
    one_error(with_private_mount(project.ann, read_only), "Read-only file system")

    # An empty place where data was: unknown, not empty.
    one_error(
        with_private_mount(project.ann, f"mount -t tmpfs tmpfs '{lab}'; git mlvc fsck --remote")
    )
    arrives(project, tmp_path)


NO_ADDRESSES: dict[str, list[str]] = {
    "s4://bucket/prefix": ["no driver", "s3"],
    "htps://example.org/data": ["no driver"],
    "-oProxyCommand=touch pwned": ["begins like an option"],
    "--upload-pack=touch pwned": ["begins like an option"],
    "ssh://-oProxyCommand=touch%20pwned/data": [],
    "-oProxyCommand=touch pwned:data": ["begins like an option"],
    "file://elsewhere/data": ["three slashes"],
    "lab\nurl": ["control characters"],
}
COMMANDS = (
    ("push",),
    ("mlvc", "push"),
    ("mlvc", "fetch", "--all"),
    ("mlvc", "fsck", "--remote", REMOTE),
)
ASKED_BY_ALL = "-oProxyCommand=touch pwned"


def test_an_address_that_is_none(project: Project, tmp_path: Path) -> None:
    for url, words in NO_ADDRESSES.items():
        project.ann.git("config", f"mlvc.remote.{REMOTE}.url", url)
        for command in COMMANDS if IN_FULL or url == ASKED_BY_ALL else COMMANDS[:1]:
            said = project.ann.git(*command, check=False, timeout_s=60)
            if command[1:2] == ("fetch",) and said.ok:
                continue  # all that is asked for is here
            one_error(said, *words)
    assert not list(tmp_path.rglob("pwned"))
    project.ann.git("config", "--unset", f"mlvc.remote.{REMOTE}.url")
    arrives(project, tmp_path)


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    if how == "a flipped bit":
        path.write_bytes(
            data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        )
    elif how == "half of it":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.unlink()


@pytest.mark.parametrize(
    "how", cases(["a flipped bit", "half of it", "nothing left"], ["a flipped bit", "half of it"])
)
def test_what_was_damaged_there_never_arrives_and_is_mended(
    project: Project, tmp_path: Path, how: str
) -> None:
    project.ann.git("push", "-q")
    lab = Path(project.place.url)
    for pack in (lab / "packs").rglob("*"):
        if pack.is_file() and pack.stat().st_size > 100_000:
            damage(pack, how)
    ben = machine_for(project.place, tmp_path / "ben").clone(project.git_url, "project")
    ben.mlvc("remote", "trust", REMOTE)
    said = ben.mlvc("pull", check=False)
    assert not said.ok and said.err.count("error: ") == 1, said
    assert _is_stub_or(ben, FILES)
    if how == "a flipped bit":  # sizes are right: only who reads it sees it
        for pack in (lab / "packs").rglob("*"):
            if pack.is_file() and pack.stat().st_size > 100_000:
                pack.unlink()
    project.ann.mlvc("push", REMOTE)  # notices what has gone, and sends it again
    ben.mlvc("pull")
    assert {name: ben.read(name) for name in FILES} == FILES
    ben.mlvc("fsck", "--remote", REMOTE)


def _is_stub_or(repo: Repo, files: dict[str, bytes]) -> bool:
    stubs = repo.stubs()
    return all(name in stubs or repo.read(name) == data for name, data in files.items())

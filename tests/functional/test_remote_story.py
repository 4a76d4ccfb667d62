"""Two people and one place for their data: push, clone, edit, push, pull, both at once; on every kind of remote."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.content import edited, noise
from support.cramped import can_mount
from support.extent import cases, further
from support.repo import Repo
from support.servers import programs
from support.servers.nginx import Nginx
from support.servers.place import RemotePlace
from support.two_people import REMOTE, at_once, machine_for, start

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "exec-remote.py"

FILES = {
    "model.bin": noise(1_500_000, 1),
    **{f"data/{n}.bin": noise(3_000, 100 + n) for n in range(20)},
}


def contents(repo: Repo) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in repo.files() if name.endswith(".bin")}


def all_of_it_works(repo: Repo) -> None:
    """What a check of the remote finds, and that it is known to hold what is checked out."""
    found = json.loads(repo.mlvc("remote", "check", REMOTE, "--json").out)
    assert found["ok"] and found["remote"]["format"] == 1 and found["left"] == []
    files = json.loads(repo.mlvc("whereis", "--json").out)["files"]
    assert files and all(file["on"] == [REMOTE] for file in files)


def story(place: RemotePlace, tmp_path: Path) -> None:
    project = start(place, tmp_path)
    ann = project.ann
    ann.write(FILES).add().commit("first")
    ann.git("push", "-q", "-u", "origin", "main")

    ben = project.clone_for(machine_for(place, tmp_path / "ben"))
    assert contents(ben) == FILES
    assert ben.is_clean()

    model = edited(FILES["model.bin"], 7, edits=1)
    ben.write({"model.bin": model, "data/new.bin": b"Ben's"}).add().commit("second")
    ben.git("push", "-q", "origin", "main")

    ann.git("pull", "-q")
    changed = {**FILES, "model.bin": model, "data/new.bin": b"Ben's"}
    assert contents(ann) == changed
    assert ann.is_clean()

    for who, seed in ((ann, 31), (ben, 32)):
        who.git("switch", "-q", "-c", f"idea-{seed}")
        who.write({f"data/idea-{seed}.bin": noise(200_000, seed)}).add().commit("an idea")
    at_once(
        lambda: ann.git("push", "-q", "origin", "idea-31"),
        lambda: ben.git("push", "-q", "origin", "idea-32"),
    )
    for who, branch, seed in ((ann, "idea-32", 32), (ben, "idea-31", 31)):
        who.git("fetch", "-q", "origin")
        who.git("switch", "-q", branch)
        assert who.read(f"data/idea-{seed}.bin") == noise(200_000, seed)
        assert who.is_clean()
    ben.mlvc("fsck", "--remote")
    all_of_it_works(ben)
    assert not (Path(project.git_url) / "mlvc").exists()  # what was read came from the place


def test_a_directory(tmp_path: Path) -> None:
    story(RemotePlace(str(tmp_path / "lab data")), tmp_path)


@further("test_a_directory")  # but that files are copied
def test_another_mount(tmp_path: Path, second_mount: Path) -> None:
    story(RemotePlace((second_mount / "mlvc").as_uri()), tmp_path)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in a file, as a disk from another computer is."""
    if not can_mount():
        pytest.skip("NO REAL DISK: to mount one takes root")
    image, mounted = tmp_path / "disk.img", tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    mounted.mkdir()
    subprocess.run([programs.program("mkfs.ext4"), "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mounted], check=True)
    yield mounted
    subprocess.run(["umount", mounted], check=True)


@further("test_a_directory")
def test_a_disk_of_its_own(tmp_path: Path, ext4: Path) -> None:
    story(RemotePlace(str(ext4 / "mlvc")), tmp_path)


# The fixtures of tests/support/servers/fixtures.py.
SERVERS = [
    "swift_server",
    "gcs_server",
    "azurite_server",
    "nginx_server",
    "apache_server",
    "wsgidav_server",
    "ssh_server",
    "sftp_only_server",
    "giftless_server",
    "forge",
]
# The others have the contract of their protocol, and its faults, in `make test` too; and two people have a journey of
# their own on git-lfs servers, WebDAV, S3 and the user's programs.
SHORT = ["swift_server", "ssh_server"]


@pytest.mark.parametrize("server", cases(SERVERS, SHORT))
def test_a_real_server(server: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    place = request.getfixturevalue(server).place()
    if server == "sftp_only_server":  # has no git for anybody
        place = replace(place, git_url=None)
    story(place, tmp_path)


@further("test_two_people")  # of test_remote_programs, without `remote check`
def test_a_program_of_ones_own(tmp_path: Path) -> None:
    words = shlex.join([sys.executable, "-I", str(EXAMPLE), str(tmp_path / "lab data")])
    story(RemotePlace(f"exec:{words}"), tmp_path)


@further("test_a_directory_behind_any_web_server_is_a_remote_to_read")  # and pulls once more
def test_a_folder_that_a_plain_web_server_shows(nginx_server: Nginx, tmp_path: Path) -> None:
    """Ann writes by WebDAV; Ben reads what any web server can show, and cannot write."""
    place = nginx_server.place()
    shown = RemotePlace(place.url.replace("/dav/", "/files/"))
    project = start(place, tmp_path)
    ann = project.ann
    ann.write(FILES).add().commit("first")
    ann.git("push", "-q", "-u", "origin", "main")

    ben = project.clone_for(machine_for(shown, tmp_path / "ben"), shown)
    assert contents(ben) == FILES

    for seed in (6, 7):  # so many segments that listing them is nothing a reader could do without
        ann.write({"model.bin": edited(FILES["model.bin"], seed, edits=1)}).add().commit("more")
        ann.git("push", "-q")
    ben.git("pull", "-q")
    assert contents(ben) == contents(ann)
    ben.mlvc("fsck", "--remote", REMOTE)
    all_of_it_works(ben)

    ben.git("switch", "-q", "-c", "idea")
    ben.write({"data/new.bin": noise(9_000, 5)}).add().commit("Ben's")
    assert ben.fails("push", "-q", "origin", "idea").refused_because(shown.url)

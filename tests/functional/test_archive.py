"""archive: real content in the tar and the zip, whatever the size."""

from __future__ import annotations

import io
import tarfile
import zipfile

from support import scenes
from support.repo import Repo
from support.twin import Twin


def members(repo: Repo, *args: str) -> dict[str, tuple[int, bytes]]:
    out = repo.git("archive", "--format=tar", *args, tick=False).stdout
    with tarfile.open(fileobj=io.BytesIO(out)) as tar:
        return {
            m.name: (m.mode, opened.read() if (opened := tar.extractfile(m)) else b"") for m in tar
        }


@scenes.both_ways
def test_archives_hold_real_content(twin: Twin) -> None:
    scenes.two_branches(twin)
    for args in (("HEAD",), ("topic",), ("HEAD~1", "c"), ("--prefix=p/", "base")):
        real, plain = (members(repo, *args) for repo in twin.pair)
        assert real == plain
    zipped = twin.real.git("archive", "--format=zip", "topic").stdout
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.read("c/deep.bin") == twin.plain.blob("topic:c/deep.bin")
    content = twin.real.git("cat-file", "--filters", "topic:c/deep.bin").stdout
    assert content == twin.plain.blob("topic:c/deep.bin")


def test_an_archive_of_a_bare_repository_holds_real_content(twin: Twin) -> None:
    scenes.two_branches(twin)
    bare = twin.bare()
    twin.git("push", "-q", "../origin.git", "main")
    attributes = twin.real.read(".gitattributes")
    for repo in bare.pair:
        (repo.path / "info").mkdir(exist_ok=True)
        (repo.path / "info" / "attributes").write_bytes(attributes)
    real, plain = (members(repo, "main") for repo in bare.pair)
    assert real == plain

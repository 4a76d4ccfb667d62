"""Partial clones (`--filter=blob:none`) and shallow clones (`--depth 1`)."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin

URL = "file://{root}/origin.git"


def published(twin: Twin) -> Twin:
    pushed(twin)
    return twin.beside("origin.git")


@scenes.played_once
def pushed(twin: Twin) -> Twin:
    scenes.two_branches(twin)
    origin = twin.bare()
    for repo in origin.pair:
        repo.set("uploadpack.allowFilter", "true").set("uploadpack.allowAnySHA1InWant", "true")
    twin.git("push", "-q", "../origin.git", "--all")
    return twin


def test_a_partial_clone_works_on_and_pushes(twin: Twin) -> None:
    origin = published(twin)
    copy = twin.clone(URL, "copy", "--filter=blob:none")
    copy.git("checkout", "-q", "HEAD~1")
    copy.git("switch", "-q", "topic")
    copy.git("merge", "-q", "origin/main", "-m", "both")
    copy.write({"p.bin": noise(6000, 51)})
    copy.git("add", "p.bin")
    copy.git("commit", "-qm", "partial")
    copy.git("push", "-q", "origin", "topic")
    origin.compare("push")
    twin.git("pull", "-q", "--no-rebase", "../origin.git", "topic")
    sparse = twin.clone(URL, "sparse", "--filter=blob:none", "--sparse")
    sparse.git("sparse-checkout", "set", "c")
    sparse.git("sparse-checkout", "disable")


def test_a_push_from_a_partial_clone_fetches_no_blobs_to_look_at_them(twin: Twin) -> None:
    published(twin)
    copy = twin.clone(URL, "copy", "--filter=blob:none", "--no-checkout")
    copy.git("switch", "-q", "--orphan", "fresh")
    copy.commit("fresh", {"p.bin": noise(6000, 51)})
    missing = ("rev-list", "--objects", "--all", "--missing=print", "--quiet")
    before = copy.real.git(*missing, tick=False).out
    copy.git("push", "-q", "origin", "fresh")
    assert copy.real.git(*missing, tick=False).out == before


def test_a_shallow_clone_works_on_and_pushes(twin: Twin) -> None:
    origin = published(twin)
    copy = twin.clone(URL, "copy", "--depth", "1")
    copy.write({"a.bin": noise(3300, 52), "s.bin": noise(70_000, 53)})
    copy.git("add", "-A")
    copy.git("commit", "-qm", "shallow")
    copy.git("push", "-q")
    origin.compare("push")
    copy.git("fetch", "-q", "--depth", "1", "origin", "topic")
    copy.git("checkout", "-q", "FETCH_HEAD")
    copy.git("fetch", "-q", "--unshallow")
    copy.git("checkout", "-q", "origin/main~2")
    twin.git("pull", "-q", "--ff-only", "../origin.git", "main")

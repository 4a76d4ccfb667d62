"""Unusual names, edge sizes, contents that pretend to be something else."""

from __future__ import annotations

import os
import unicodedata

from support.content import EDGE_SIZES, UNUSUAL_NAMES, noise, pretenders
from support.repo import Repo
from support.scenes import both_ways
from support.twin import Twin


def test_unusual_names_survive_every_journey(twin: Twin) -> None:
    files = {name: noise(1500 + n, n) for n, name in enumerate(UNUSUAL_NAMES)}
    twin.write(files)
    twin.quietly("add", "-A")
    twin.git("commit", "-qm", "names")
    twin.quietly("switch", "-q", "-c", "none")
    twin.quietly("rm", "-rq", ".")
    twin.git("commit", "-qm", "none")
    twin.git("switch", "-q", "main")
    twin.write({name: data[::-1] for name, data in files.items()})
    twin.git("stash", "-q")
    twin.git("stash", "pop", "-q")
    twin.git("commit", "-qam", "reversed")
    twin.bare()
    twin.git("push", "-q", "../origin.git", "main")
    copy = twin.clone("origin.git", "copy")
    for name in UNUSUAL_NAMES:
        assert copy.real.read(name) == files[name][::-1]
    copy.git("reset", "-q", "--hard", "HEAD~1")


def test_verbs_take_unusual_names(repo: Repo) -> None:
    names = [name for name in UNUSUAL_NAMES if b"(glob)" not in name]
    repo.machine.config("mlvc.inlineLimit", "0")
    repo.write({name: noise(2000, n) for n, name in enumerate(names)}).add().commit("names")
    listed = repo.mlvc("ls", "--json").out
    assert listed.count('"path"') == len(names)
    repo.mlvc("drop", "--force", "--", *names)
    assert len(repo.stubs()) == len(names)
    repo.mlvc("status", check=False)
    repo.mlvc("fill", "--", *names)
    for n, name in enumerate(names):
        assert repo.read(name) == noise(2000, n), os.fsdecode(name)
    assert repo.is_clean()


@both_ways
def test_sizes_around_every_limit(twin: Twin) -> None:
    files = {f"size-{size}.bin": noise(size, size) for size in EDGE_SIZES}
    files |= {f"zeros-{size}.bin": bytes(size) for size in EDGE_SIZES}
    twin.commit("sizes", files)
    twin.compare("commit")
    twin.quietly("switch", "-q", "-c", "longer")
    twin.write({name: data + b"x" for name, data in files.items()})
    twin.git("commit", "-qam", "longer")
    twin.git("switch", "-q", "main")
    twin.git("switch", "-q", "longer")
    twin.git("reset", "-q", "--hard", "main")
    assert twin.real.stubs() == []


def test_what_looks_like_a_pointer_or_a_packet_is_content(twin: Twin) -> None:
    files = pretenders()
    files["exactly-a-pointers-size.bin"] = noise(105)
    files["longest-pointers-size.bin"] = noise(200)
    damaged = {name for name, data in files.items() if data.startswith(b"git-mlvc pointer ")}
    twin.commit("content", {name: data for name, data in files.items() if name not in damaged})
    twin.compare("commit")
    twin.git("rm", "-q", "--", *(name for name in files if name not in damaged))
    twin.git("reset", "-q", "--hard")


def test_a_pointer_of_git_lfs_survives(repo: Repo) -> None:
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16
    lfs += b"\nsize 12345\n"
    repo.write({"lfs.bin": lfs}).add().commit("one")
    repo.remove("lfs.bin")
    repo.git("checkout", "--", "lfs.bin")
    assert repo.read("lfs.bin") == lfs
    assert repo.is_clean()


def test_unicode_forms_are_different_names_and_cases_do_not_collide(twin: Twin) -> None:
    nfc = "caf\u00e9.bin"
    nfd = unicodedata.normalize("NFD", nfc)
    twin.write(
        {
            nfc: noise(1200, 1),
            nfd: noise(1300, 2),
            "Case.bin": noise(1400, 3),
            "case.bin": noise(1500, 4),
        }
    )
    names = len(twin.real.snapshot())
    twin.git("add", "-A")
    twin.git("commit", "-qm", "forms")
    twin.git("rm", "-rq", ".")
    twin.git("reset", "-q", "--hard")
    assert len(twin.real.snapshot()) == names

"""submodule add, update, a recursive clone: data of a submodule is its own."""

from __future__ import annotations

from support import scenes
from support.content import noise
from support.twin import Twin


def test_a_submodule_has_real_content(twin: Twin) -> None:
    scenes.two_branches(twin)
    twin.bare("lib.git")
    twin.quietly("push", "-q", "../lib.git", "--all")
    twin.both(lambda repo: repo.machine.init("super").track("*.bin"))
    above = twin.beside("super")
    above.commit("above", {"s.bin": noise(3000, 41)})
    above.git("submodule", "add", "-q", "../lib.git", "lib")
    above.git("commit", "-qm", "with lib")
    lib = above.beside("super/lib")
    lib.compare("submodule add")
    above.git("-C", "lib", "checkout", "-q", "topic")
    lib.compare("checkout in the submodule")
    above.git("commit", "-qam", "lib at topic")
    above.git("submodule", "update", "-q")
    above.git("checkout", "-q", "HEAD~1")
    above.git("submodule", "update", "-q")
    lib.compare("submodule update")
    above.git("checkout", "-q", "--recurse-submodules", "main")
    lib.compare("checkout --recurse-submodules")

    origin = twin.bare("super.git")
    above.quietly("push", "-q", "../super.git", "main")
    copy = twin.clone("super.git", "copy", "--recurse-submodules")
    copy.beside("copy/lib").compare("clone --recurse-submodules")
    lazy = twin.clone("super.git", "lazy")
    lazy.git("submodule", "update", "-q", "--init")
    lazy.beside("lazy/lib").compare("submodule update --init")
    origin.compare_history()
    above.compare_history()

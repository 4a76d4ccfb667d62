"""bisect: by hand and with a script that reads the data."""

from __future__ import annotations

from support import scenes
from support.twin import Twin


def test_each_step_of_a_bisect_sees_real_content(twin: Twin) -> None:
    scenes.line(twin, 7)
    twin.git("bisect", "start", "c6", "c0")
    twin.git("bisect", "bad")
    twin.git("bisect", "reset")
    twin.git("bisect", "start", "c6", "c0")
    twin.git("bisect", "run", "sh", "-c", "cat *.bin | cksum >> ../seen; test ! -e f4.bin")
    real, plain = (repo.path.parent / "seen" for repo in twin.pair)
    assert real.read_text() == plain.read_text()
    twin.git("bisect", "reset")

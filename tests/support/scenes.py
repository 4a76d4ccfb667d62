"""Small histories that many tests begin with."""

from __future__ import annotations

import pytest
from support.content import edited, noise, table
from support.extent import cases
from support.twin import Twin

# The commands at the heart of everything run with the limit as it comes, too: in `make faults`, and in test_story.
LIMITS = {"stubs": "1KiB", "inline": None}
_SHOWN = cases(LIMITS, ["stubs"])
both_ways = pytest.mark.parametrize(
    "twin", [LIMITS[name] for name in _SHOWN], ids=_SHOWN, indirect=True
)

# With `mlvc.inlineLimit` of 1 KiB, some are always inline and some are always filled afterwards.
A = noise(3000, 1)
B = noise(500, 2)
DEEP = noise(70_000, 3)
CODE = b"".join(b"line_%d = %d\n" % (n, n) for n in range(20))
FILES = {
    "a.bin": A,
    "b.bin": B,
    "c/deep.bin": DEEP,
    "c/table.bin": table(200),
    "empty.bin": b"",
    "code.py": CODE,
}


def one_commit(twin: Twin) -> Twin:
    return twin.commit("base", FILES)


def two_branches(twin: Twin) -> Twin:
    """`main` and `topic`, forked at the tag `base`; what they change does not overlap. HEAD is main."""
    one_commit(twin)
    twin.quietly("tag", "base")
    twin.quietly("switch", "-q", "-c", "topic")
    twin.remove("b.bin")
    twin.commit(
        "topic",
        {
            "t.bin": noise(5000, 11),
            "c/deep.bin": edited(DEEP, 11),
            "code.py": CODE.replace(b"line_2 ", b"line_two "),
        },
    )
    twin.quietly("switch", "-q", "main")
    return twin.commit(
        "main",
        {
            "a.bin": edited(A, 12),
            "m.bin": noise(40_000, 12),
            "code.py": CODE.replace(b"line_15 ", b"line_fifteen "),
        },
    )


def rivals(twin: Twin) -> Twin:
    """As two_branches, and a branch `rival`, two commits from base, whose first conflicts with main."""
    two_branches(twin)
    twin.quietly("switch", "-q", "-c", "rival", "base")
    twin.commit("rival one", {"a.bin": edited(A, 13), "r1.bin": noise(9000, 13)})
    twin.commit("rival two", {"r2.bin": noise(9001, 14), "c/deep.bin": edited(DEEP, 14)})
    twin.quietly("switch", "-q", "main")
    return twin


def line(twin: Twin, commits: int) -> Twin:
    """A line of commits, each changing `a.bin` and adding one file; tags c0, c1, …"""
    data = A
    for number in range(commits):
        twin.commit(f"c{number}", {"a.bin": data, f"f{number}.bin": noise(2000, 100 + number)})
        twin.quietly("tag", f"c{number}")
        data = edited(data, 20 + number)
    return twin

"""What a large remote costs somebody who has never asked it: requests and bytes, not seconds.

    python bench/remote_scale.py [--tib 1 4 16]

The remote's segments are made up as they are read, with true contents planted in the largest.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.remotes import Place, content, ingest, uses
from support.vast_remote import VastBackend, vast

from git_mlvc.backend.memory import MemoryBackend
from git_mlvc.formats.pointer import Pointer
from git_mlvc.transfer.fetch import fetch
from git_mlvc.transfer.push import push
from git_mlvc.transfer.verify import copies_on

MIB = 1 << 20
SHARES = (0.74, 0.19, 0.05, 0.02)  # of four segments, as merging leaves them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tib", type=float, nargs="*", default=[1.0])
    for tib in parser.parse_args().tib:
        with tempfile.TemporaryDirectory() as directory:
            measure(Path(directory), tib)


def measure(top: Path, tib: float) -> None:
    rows = int(tib * (1 << 40)) // 65536
    ann = Place(top / "ann")
    data = content(1, 16 * MIB)
    edited = data[: 7 * MIB] + content(2, MIB) + data[8 * MIB :]
    scattered = b"".join(content(100 + n, MIB)[: 256 << 10] for n in range(16))
    parts = [content(100 + n, MIB) for n in range(16)]
    pushed = MemoryBackend()
    pointers: list[Pointer] = []
    for one in (content(3, MIB), data, *parts, scattered):  # each in a pack of its own
        pointers += ingest(ann.store, one)
        push(ann.store, ann.view(pushed, "pushed"), uses(pointers[-1]))
    small, old, spread = pointers[0], pointers[1], pointers[-1]
    remote = vast([int(rows * share) for share in SHARES], pushed, planted_in=0)
    size = sum(one.layout.size_bytes for one in remote.segments.values())
    print(f"{tib:g} TiB: {rows:,} rows in {len(SHARES)} segments, {size / MIB:,.0f} MiB of them")

    fetch(Place(top / "one").store, [Place(top / "one").view(remote)], [small])
    show("fetch a file of 1 MiB", remote)
    third = Place(top / "spread")
    fetch(third.store, [third.view(remote)], [spread])
    show("fetch 4 MiB that are in 17 packs", remote)
    bob = Place(top / "bob")
    fetch(bob.store, [bob.view(remote)], [old])
    show("fetch a file of 16 MiB", remote)
    (new,) = ingest(bob.store, edited)
    copies_on(bob.view(remote, "verify"), [old])
    show("verify that it is there", remote)
    report = push(bob.store, bob.view(remote, "push"), uses(new), bases=lambda: iter([old]))
    show(f"push 1 changed MiB ({report.sent_bytes / MIB:.2f} MiB sent)", remote)


def show(what: str, remote: VastBackend) -> None:
    verbs = Counter(verb for verb, _ in remote.requests)
    listed = ", ".join(f"{count} {verb}" for verb, count in sorted(verbs.items()))
    index = remote.read_bytes["index"] + remote.read_bytes["segments"]
    print(
        f"  {what:44}{remote.count():4} requests ({listed}); read: {index / 1024:.0f} KiB of index,"
        f" {remote.read_bytes['packs'] / 1024:,.0f} KiB of packs"
    )
    remote.read_bytes.clear()


if __name__ == "__main__":
    main()

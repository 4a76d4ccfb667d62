#!/usr/bin/env python3
"""Is the newest of many versions restored as fast as from a store that never saw the others?

    python3 bench/fragmentation.py                          # 50 versions of 256 MiB
    python3 bench/fragmentation.py --mib 32 --versions 20 --tmp /dev/shm

Each version inserts, deletes and overwrites about 1 % in --places places. Two stores, the aged one with all versions and
a fresh one with the newest, restore it in turn into new files, from a warm page cache or (--cold) from
the disk. How many pieces the content
lies in (packs, and stretches of neighbours, each of which is a seek where a disk has to) is counted. Needs this
git-mlvc to be importable.
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

from git_mlvc.store.store import Store

MIB = 1 << 20


def edited(data, rng, places):
    """The next version: inserts, deletions and overwrites of random bytes, about 1 % together."""
    span = len(data) // 100 // places
    out, start = [], 0
    for spot in sorted(rng.sample(range(len(data) - span), places)):
        kind = rng.choice(("insert", "delete", "overwrite"))
        out.append(data[start:spot])
        if kind != "delete":
            out.append(rng.randbytes(span))
        start = max(start, spot) + (span if kind != "insert" else 0)
    out.append(data[start:])
    return b"".join(out)


def ingest(path, data):
    """Take one version in, as one git command does; return its pointer and the bytes it added."""
    with Store.open(path) as store, store.session() as session:
        pointer = session.ingest([data])
        return pointer, session.stats.stored_bytes


def extents(path, pointer):
    """(packs, stretches of neighbours in a pack) that the content lies in."""
    packs, stretches, end = set(), 0, None
    with Store.open(path) as store:
        for digest, _ in store.recipe(pointer):
            place = store.find(digest)
            packs.add(place.pack)
            stretches += (place.pack, place.offset) != end
            end = place.pack, place.offset + place.stored_len
    return len(packs), stretches


def forget(path):
    """Have the kernel forget what it holds of the packs, as if they had not been read for long."""
    for pack in (path / "packs").glob("*/*"):
        fd = os.open(pack, os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def restored(path, pointer, folder):
    """(processor seconds, wall-clock seconds) of one restore into a new file."""
    with Store.open(path) as store, tempfile.TemporaryFile(dir=folder) as file:
        cpu, wall = time.process_time(), time.perf_counter()
        store.restore_file(pointer, file.fileno())
        return time.process_time() - cpu, time.perf_counter() - wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=256, help="size of the file")
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--places", type=int, default=16, help="edits in each version")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--cold", action="store_true", help="packs are not in the page cache")
    parser.add_argument("--tmp", default=None, metavar="DIR", help="where to work")
    args = parser.parse_args()
    rng = random.Random("fragmentation")
    with tempfile.TemporaryDirectory(prefix="mlvc-fragmentation-", dir=args.tmp) as made:
        top = Path(made)
        data = b"".join(rng.randbytes(MIB) for _ in range(args.mib))
        pointer, first = ingest(top / "aged", data)
        later = 0
        for _ in range(args.versions - 1):
            data = edited(data, rng, args.places)
            pointer, size = ingest(top / "aged", data)
            later += size
        print(
            f"stored: {first / MIB:.0f} MiB, then {later / MIB / (args.versions - 1):.1f} a version"
        )
        ingest(top / "fresh", data)
        del data
        for name in "aged", "fresh":
            packs, stretches = extents(top / name, pointer)
            print(f"{name:6} {packs:4} packs, {stretches:6} stretches")
        times = {"aged": [], "fresh": []}
        for _ in range(args.runs):
            for name, found in times.items():
                if args.cold:
                    forget(top / name)
                found.append(restored(top / name, pointer, made))
        for at, what in enumerate(("processor time", "wall-clock time")):
            aged, fresh = (statistics.median(t[at] for t in times[n]) for n in ("aged", "fresh"))
            print(f"{what}: aged {aged:.3f} s, fresh {fresh:.3f} s, ratio {aged / fresh:.2f}")
        os.sync()


if __name__ == "__main__":
    main()

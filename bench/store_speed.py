"""The store alone, without git: python bench/store_speed.py [--dir DIR] [--mib 1024] [--files 20000]

Prints seconds for many small files, look-ups, and one large incompressible file; `cp` beside it, in
the same directory and the same run.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from git_mlvc.store.store import Store


def timed(label: str, work: Callable[[], object], per: int = 0) -> object:
    start, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    rate = f"  {wall / per * 1e6:.1f} us each, {per / wall:,.0f}/s" if per else ""
    print(f"{label:32} {wall:8.3f} s  cpu {cpu:7.3f} s{rate}")
    return result


def small(top: Path, files: int) -> None:
    contents = [os.urandom(4096) for _ in range(files)]
    store = Store.open(top / "small")
    session = store.session()
    pointers: list = []
    timed(
        f"{files} x 4 KiB ingest_bytes",
        lambda: pointers.extend(map(session.ingest_bytes, contents)),
        files,
    )
    timed("  close (seal, segment, fsync)", session.close)
    store = timed("  open", lambda: Store.open(top / "small"))
    digests = [pointer.oid.digest for pointer in pointers]
    random.shuffle(digests)
    store.find(digests[0])
    timed("  find, present", lambda: [store.find(d) for d in digests], files)
    strangers = [os.urandom(32) for _ in digests]
    timed("  missing, half of them", lambda: store.missing(digests + strangers), 2 * files)
    timed("  restore", lambda: [store.restore(p, len) for p in pointers], files)


def large(top: Path, mib: int) -> None:
    source = top / "source"
    with source.open("wb") as stream:
        for _ in range(mib):
            stream.write(os.urandom(1 << 20))
        os.fsync(stream.fileno())
    timed(f"cp {mib} MiB", lambda: shutil.copyfile(source, top / "copy"))
    (top / "copy").unlink()
    session = Store.open(top / "large").session()
    with source.open("rb", buffering=0) as stream:
        pointer = timed("  ingest_file", lambda: session.ingest_file(stream.fileno()))
    timed("  close (fsync of the rest)", session.close)
    store = Store.open(top / "large")
    with (top / "out").open("w+b", buffering=0) as stream:
        timed("  restore_file", lambda: store.restore_file(pointer, stream.fileno()))
    timed("  restore to nowhere", lambda: store.restore(pointer, len))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", default=None, help="where to work (a disk, or a tmpfs)")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--files", type=int, default=20000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as top:
        large(Path(top), args.mib)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")
        small(Path(top), args.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())

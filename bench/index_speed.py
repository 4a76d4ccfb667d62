"""How fast the index of chunks answers, what it holds in memory, and what merging costs.

    python bench/index_speed.py [--rows 10_000_000] [--dir /dev/shm]

Segments are synthesised: ids as random as hashes, one pack for every 1024 rows. Rates are look-ups for each
second of processor time. Memory is what is the process's own; mapped files are shared with everybody.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import struct
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path

from blake3 import blake3

from git_mlvc.formats.segment import ID_SIZE, PACK_ROW, ROW, SegmentLayout, encode_layout
from git_mlvc.store.chunk_index import ChunkIndex
from git_mlvc.store.compaction import FANOUT
from git_mlvc.store.disk import Disk
from git_mlvc.store.layout import Layout
from git_mlvc.store.merging import write_merged_segment

BATCH = 1 << 15
SLICES = 1 << 12
ROWS_OF_A_PACK = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dir", default="/dev/shm" if os.path.isdir("/dev/shm") else None)
    options = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="mlvc-index-", dir=options.dir))
    try:
        for shape, shares in shapes().items():
            layout = Layout(top / shape)
            for directory in (layout.segments, layout.tmp):
                os.makedirs(directory)
            for number, share in enumerate(shares):
                synthesise(layout, b"%d" % number, int(options.rows * share))
            measure(layout, shape, options.rows)
            if shape == "4 as merging leaves them":
                merge(layout)
            shutil.rmtree(layout.top)
    finally:
        shutil.rmtree(top)


def shapes() -> dict[str, list[float]]:
    """Return what share of the rows each segment has."""
    tiers = {count: [float(FANOUT) ** -at for at in range(count)] for count in (4, 8)}
    return {
        "1": [1.0],
        **{
            f"{count} as merging leaves them": [share / sum(tier) for share in tier]
            for count, tier in tiers.items()
        },
        "4 of one size": [0.25] * 4,
        "8 of one size": [0.125] * 8,
    }


def synthesise(layout: Layout, seed: bytes, rows: int) -> None:
    """Write a segment, slice by slice of the space of ids."""
    packs = max(1, rows // ROWS_OF_A_PACK)
    shape = SegmentLayout(packs, rows, 0)
    counts = [0] * ((1 << shape.fan_bits) + 1)
    shift = 32 - shape.fan_bits
    path = f"{layout.tmp}/new"
    with open(path, "w+b") as stream:
        stream.write(encode_layout(shape))
        stream.seek(shape.packs_at)
        names = blake3(b"packs" + seed).digest(length=packs * ID_SIZE)
        for at in range(0, len(names), ID_SIZE):
            stream.write(PACK_ROW.pack(names[at : at + ID_SIZE], 64 << 20))
        for part in range(SLICES):
            count = rows * (part + 1) // SLICES - rows * part // SLICES
            raw = blake3(seed + part.to_bytes(4, "big")).digest(length=max(1, count * 30))
            top = part << 4
            ids = sorted(
                (top | raw[at] >> 4).to_bytes(2, "big") + raw[at : at + 30]
                for at in range(0, count * 30, 30)
            )
            for digest in ids:
                counts[(int.from_bytes(digest[:4], "big") >> shift) + 1] += 1
            stream.write(b"".join(ids))
        stream.seek(shape.fan_at)
        stream.write(struct.pack(f"<{len(counts)}I", *accumulate(counts)))
        stream.seek(shape.rows_at)
        rng = random.Random(seed)
        for _ in range(0, rows, ROWS_OF_A_PACK):
            place = rng.randrange(packs)
            row = ROW.pack(place, 0, 0, 16 + 65536 * (place % 1000), 65536, 65536)
            stream.write(row * min(ROWS_OF_A_PACK, shape.checksum_at - stream.tell()))
            if stream.tell() >= shape.checksum_at:
                break
        stream.truncate(shape.checksum_at)
        stream.seek(0)
        hasher = blake3()
        while block := stream.read(1 << 20):
            hasher.update(block)
        checksum = hasher.digest()
        stream.write(checksum)
    os.rename(path, layout.segment(hasher.update(checksum).digest()))


def measure(layout: Layout, shape: str, rows: int) -> None:
    index = ChunkIndex(layout)
    index.refresh()
    rng = random.Random(7)
    views = list(index.views().values())
    weights = [len(view) for view in views]
    present = []
    for view in rng.choices(views, weights, k=4 * BATCH):
        start, length = view.layout.bucket_range(at := rng.randrange(len(view)), at + 1)
        present.append(view.buffer[start : start + length])
    absent = [rng.randbytes(ID_SIZE) for _ in range(4 * BATCH)]
    before = own_memory()
    print(f"{rows:,} rows in segments: {shape}")
    for name, ids in (("present", present), ("absent", absent)):
        groups = [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]
        rate("find_many", name, groups, index.find_many)
        rate("find_known, one by one", name, groups, lambda g: list(map(index.find_known, g)))
    print(f"  memory of its own grew by {(own_memory() - before) / 1e6:.1f} MB")


def rate(what: str, which: str, groups: list[list[bytes]], look) -> None:  # type: ignore[no-untyped-def]
    look(groups[0])  # pages come in
    best = 0.0
    for group in groups[1:]:
        start = time.process_time()
        look(group)
        best = max(best, len(group) / (time.process_time() - start))
    print(f"  {what:24}{which:10}{best:12,.0f} /s")


def merge(layout: Layout) -> None:
    index = ChunkIndex(layout)
    views = list(index.views().values())
    before = own_memory()
    start = time.process_time()
    write_merged_segment(views, layout, Disk())
    spent = time.process_time() - start
    rows = sum(map(len, views))
    print(
        f"  merging all: {spent:.1f} s, {1e6 * spent / rows:.2f} us a row,"
        f" memory of its own grew by {(own_memory() - before) / 1e6:.1f} MB"
    )


def own_memory() -> int:
    """Return the bytes of this process that are backed by no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main())

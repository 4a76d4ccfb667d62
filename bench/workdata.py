"""Deterministic data for the benchmark: the same seed and scale give the same bytes everywhere.

Each maker returns how many bytes are new: the least that a store must keep, before compression.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

MIB = 1 << 20
BLOCK = 4 * MIB
WORDS = [
    "amber",
    "basin",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "island",
    "jungle",
    "kelp",
    "lagoon",
    "meadow",
    "north",
    "orchid",
    "prairie",
    "quartz",
    "river",
    "summit",
    "tundra",
    "upland",
    "valley",
    "willow",
    "xenon",
    "yonder",
    "zephyr",
    "alpha",
    "bravo",
    "charlie",
    "foxtrot",
    "golf",
    "hotel",
]


def write_random(out, rng, size):
    for start in range(0, size, BLOCK):
        out.write(rng.randbytes(min(BLOCK, size - start)))
    return size


def copy_range(src, out, start, end):
    """Append src[start:end] to the open file out."""
    src.seek(start)
    while start < end:
        start += out.write(src.read(min(BLOCK, end - start)))


def one_file(root, scale, seed):
    """W1: one incompressible file of 1 GiB."""
    with open(root / "big.bin", "wb") as out:
        return write_random(out, random.Random(f"{seed} w1"), int(1024 * MIB * scale))


def many_files(root, scale, seed):
    """W2: 20,000 files of about 4 KiB in nested directories, and what two branches change."""
    rng = random.Random(f"{seed} w2")
    names = [f"{i // 400:02}/{i // 20 % 20:02}/img_{i:05}.bin" for i in range(int(20000 * scale))]
    few, total = set(rng.sample(names, max(1, len(names) // 20))), 0
    for tree in "base", "few", "all":
        for name in names:
            if tree != "few" or name in few:
                path = root / tree / name
                path.parent.mkdir(parents=True, exist_ok=True)
                size = path.write_bytes(rng.randbytes(rng.randrange(2048, 6144)))
                total += size if tree == "base" else 0
    return total


def edited_file(root, scale, seed):
    """W3: ten versions of a 512 MiB file; each inserts, deletes and overwrites about 1 %."""
    rng, edits = random.Random(f"{seed} w3"), 32
    with open(root / "v00.bin", "wb") as out:
        fresh = write_random(out, rng, int(512 * MIB * scale))
    for version in range(1, 10):
        with (
            open(root / f"v{version - 1:02}.bin", "rb") as src,
            open(root / f"v{version:02}.bin", "wb") as out,
        ):
            size, start = os.fstat(src.fileno()).st_size, 0
            span = size // 100 // edits
            for spot in sorted(rng.sample(range(size - span), edits)):
                copy_range(src, out, start, spot)
                kind = rng.choice(("insert", "delete", "overwrite"))
                if kind != "delete":
                    fresh += out.write(rng.randbytes(span))
                start = max(start, spot) + (span if kind != "insert" else 0)
            copy_range(src, out, start, size)
    return fresh


def table_rows(rng, first, size):
    """About `size` bytes of CSV rows, numbered from `first`; returns them and the next number."""
    rows, length = [], 0
    while length < size:
        a, b = rng.getrandbits(64), rng.getrandbits(64)
        row = (
            f"{first},2026-{a % 12 + 1:02}-{a % 28 + 1:02}T{a % 24:02}:{b % 60:02}:{a % 60:02}Z,"
            f"user{a >> 44:07},{WORDS[a >> 20 & 31]},{(b >> 40) / 1e4:.4f},{a % 997},"
            f"{WORDS[b & 31]} {WORDS[b >> 5 & 31]} {WORDS[b >> 10 & 31]} {WORDS[b >> 15 & 31]}\n"
        )
        rows.append(row)
        length += len(row)
        first += 1
    return "".join(rows).encode(), first


def growing_table(root, scale, seed):
    """W4: a 512 MiB CSV table, and five versions that each append 1 % of rows."""
    rng, row, target = random.Random(f"{seed} w4"), 0, int(512 * MIB * scale)
    for version in range(6):
        with open(root / f"v{version:02}.csv", "wb") as out:
            if version:
                with open(root / f"v{version - 1:02}.csv", "rb") as src:
                    copy_range(src, out, 0, os.fstat(src.fileno()).st_size)
            goal = out.tell() + (target // 100 if version else target)
            while out.tell() < goal:
                chunk, row = table_rows(rng, row, min(BLOCK, goal - out.tell()))
                out.write(chunk)
            fresh = out.tell()
    return fresh


# The high byte of small float32 weights takes few values; its skew makes them slightly compressible.
EXPONENTS = bytes(
    (0x3C, 0x3C, 0x3C, 0xBC, 0xBC, 0xBC, 0x3D, 0xBD, 0x3B, 0xBB)[i % 10] for i in range(256)
)


def tensor(rng, size):
    out = bytearray(rng.randbytes(size))
    out[3::4] = bytes(out[3::4]).translate(EXPONENTS)
    return bytes(out)


def checkpoints(root, scale, seed):
    """W5: five versions of a 256 MiB checkpoint of 64 layers; a fifth of the layers change."""
    rng, layers, fresh = random.Random(f"{seed} w5"), 64, 0
    size = int(256 * MIB * scale) // layers // 4 * 4
    header = (
        b"{"
        + b",".join(
            b'"layer.%d":{"dtype":"F32","data_offsets":[%d,%d]}' % (i, i * size, (i + 1) * size)
            for i in range(layers)
        )
        + b"}"
    )
    made = [0] * layers
    for version in range(5):
        for layer in rng.sample(range(layers), layers // 5) if version else ():
            made[layer] = version
        with open(root / f"v{version:02}.safetensors", "wb") as out:
            out.write(len(header).to_bytes(8, "little") + header)
            for layer, since in enumerate(made):
                out.write(tensor(random.Random(f"{seed} w5 {layer} {since}"), size))
                fresh += size if since == version else 0
    return fresh


MAKERS = {
    "W1": one_file,
    "W2": many_files,
    "W3": edited_file,
    "W4": growing_table,
    "W5": checkpoints,
}


class Data:
    """Makes each workload's data once per scale, under root, in a process of its own.

    (The memory of the measuring process would be counted in that of the commands it starts.)
    """

    def __init__(self, root, seed):
        self.root, self.seed, self.fresh = Path(root), seed, {}

    def get(self, workload, scale):
        path = self.root / workload / f"{scale:g}"
        if not path.exists():
            path.mkdir(parents=True)
            made = subprocess.run(
                [sys.executable, __file__, workload, path, f"{scale}", f"{self.seed}"],
                check=True,
                stdout=subprocess.PIPE,
            )
            self.fresh[workload, scale] = int(made.stdout)
        return path


if __name__ == "__main__":
    print(MAKERS[sys.argv[1]](Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))

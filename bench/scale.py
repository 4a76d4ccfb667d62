#!/usr/bin/env python3
"""Does the cost per file stay what it is, and memory bounded, when there are very many, or one is huge?

    python3 bench/scale.py 20000 1000000            # files of 1 KiB: each count, and the ratio per file
    python3 bench/scale.py 20000 100000 --plain     # the same without a filter: git's own share
    python3 bench/scale.py --big 64                 # one sparse-ish file of 64 GiB, under a limit of 2 GiB

Each step is a whole process tree: processor time, wall-clock time, and peak memory of the largest single
process, with its name. Everything happens in a temporary directory with a home of its own, which needs
12 GB and 4 million inodes for a million files. Needs Linux.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
from measuring import MIB, Failed, Limit

FILE_BYTES = 1024
PER_DIRECTORY = 500
CHANGED_SHARE = 100  # one in so many
LIMIT_BYTES = 2 << 30
ISLAND_EVERY = 1 << 30  # a MiB of noise in each GiB of the huge file, and a repetitive stretch
STRETCH_BYTES = 64 * MIB


def make_files(root, count, seed):
    """Files of 1 KiB of noise, 500 in a directory; returns their paths."""
    rng = random.Random(seed)
    paths = []
    for first in range(0, count, PER_DIRECTORY):
        folder = root / f"{first // PER_DIRECTORY // 100:03}" / f"{first // PER_DIRECTORY % 100:02}"
        folder.mkdir(parents=True)
        for number in range(first, min(count, first + PER_DIRECTORY)):
            path = folder / f"img_{number:07}.bin"
            path.write_bytes(rng.randbytes(FILE_BYTES))
            paths.append(path)
    return paths


def change_files(root, seed):
    """Give one file in a hundred, anywhere, other content."""
    rng = random.Random(seed)
    found = sorted(path for path in root.rglob("img_*.bin"))
    for path in rng.sample(found, max(1, len(found) // CHANGED_SHARE)):
        path.unlink()
        path.write_bytes(rng.randbytes(FILE_BYTES))


def make_huge(path, size_bytes, seed):
    """A file that is mostly a hole, with a MiB of noise and a repetitive stretch in each GiB."""
    rng = random.Random(seed)
    line = b"".join(b"%08d,reading,ok,0.0000\n" % (number % 1000) for number in range(45_000))
    with open(path, "wb") as out:
        for start in range(0, size_bytes, ISLAND_EVERY):
            out.seek(start + rng.randrange(ISLAND_EVERY - STRETCH_BYTES - 2 * MIB))
            out.write(rng.randbytes(MIB))
            for _ in range(STRETCH_BYTES // len(line)):
                out.write(line)
        out.truncate(size_bytes)


def in_another_process(what, *args):
    """Make data in a process of its own: this one's memory would be counted in what it starts."""
    subprocess.run([sys.executable, __file__, "--make", what, *map(str, args)], check=True)


def next_second():
    """Git looks again into files as young as its index, to the second."""
    time.sleep(1.05 - time.time() % 1)


class Play:
    """A repository, its remote and its clone, and what was measured in them."""

    def __init__(self, top, program, *, plain=False, limit=None):
        self.top, self.plain, self.limit = top, plain, limit
        self.env = measuring.surroundings(top, program)
        self.repo, self.copy, self.remote = top / "repo", top / "copy", top / "remote.git"
        self.costs = {}
        self.repo.mkdir()
        setup = "git init -q -b main . && git init -q --bare -b main ../remote.git"
        if not plain:
            setup += " && git mlvc install --local >/dev/null && git mlvc track '*.bin' >/dev/null"
        setup += " && git remote add origin ../remote.git && git add -A"
        measuring.run(setup + " && git commit -q --allow-empty -m start", self.repo, self.env)

    def step(self, name, script, cwd=None):
        next_second()
        cost = measuring.run(script, cwd or self.repo, self.env, limit=self.limit)
        self.costs[name] = cost
        print(
            f"  {name:22} cpu {cost.cpu_s:9.3f} s  wall {cost.wall_s:9.3f} s  "
            f"peak {cost.rss_bytes / MIB:6.0f} MiB  {cost.largest}",
            flush=True,
        )


def many(play, count, adder):
    """All that is done with very many small files."""
    in_another_process("files", play.repo / "data", count)
    play.step("add", f"{adder} data")
    play.step("commit", "git commit -q -m one")
    play.step("status, first", "git status --porcelain")
    play.step("status", "git status --porcelain")
    measuring.run("git switch -q -c other", play.repo, play.env)
    in_another_process("change", play.repo / "data")
    play.step("add 1 %", f"{adder} data")
    play.step("commit 1 %", "git commit -q -m two")
    play.step("switch 1 %", "git switch -q main")
    play.step("switch 1 % back", "git switch -q other")
    play.step("status after switch", "git status --porcelain")
    play.step("push", "git push -q origin main other")
    if play.plain:
        play.step("clone", f"git clone -q {play.remote} {play.copy}")
        return
    play.step("clone", f"git clone -q {play.remote} {play.copy}")
    play.step("fill", "git mlvc init >/dev/null", play.copy)
    play.step("status in the clone", "git status --porcelain", play.copy)
    play.step("git mlvc status", "git mlvc status >/dev/null")
    play.step("fsck", "git mlvc fsck >/dev/null")
    play.step("push, nothing new", "git mlvc push")


def huge(play, size_gib, adder):
    """All that is done with one huge file, and whether it comes back as it was."""
    # Before 2.43 git looks again and again into files of exactly a multiple of 4 GiB.
    file, size_bytes = play.repo / "huge.bin", int(size_gib * (1 << 30)) + 12_345
    in_another_process("huge", file, size_bytes)
    play.step("add", f"{adder} huge.bin")
    play.step("commit", "git commit -q -m one")
    play.step("status", "git status --porcelain")
    play.step("push", "git push -q origin main")
    play.step("clone", f"git clone -q {play.remote} {play.copy}")
    # Room for one of them only: the copies have the same pointer, and the clone hashes what it fills.
    was = subprocess.run(["git", "ls-files", "-s", "huge.bin"], cwd=play.repo, capture_output=True)
    file.unlink()
    play.step("fill", "git mlvc init >/dev/null", play.copy)
    back = play.copy / "huge.bin"
    if back.stat().st_size != size_bytes:
        raise Failed(f"the filled file has {back.stat().st_size} bytes, not {size_bytes}")
    play.step("status in the clone", "git status --porcelain", play.copy)
    play.step("touch, git add", f"touch huge.bin && {adder} huge.bin", play.copy)
    now = subprocess.run(["git", "ls-files", "-s", "huge.bin"], cwd=play.copy, capture_output=True)
    if now.stdout != was.stdout:
        raise Failed("the filled file is not what was added")
    play.step("fsck", "git mlvc fsck >/dev/null", play.copy)
    for name, path in ("the store", play.repo / ".git"), ("the filled file", back):
        print(f"  {name} takes {_allocated(path) / MIB:.0f} MiB on disk")


def _allocated(path):
    said = subprocess.run(["du", "-sB1", path], check=True, capture_output=True, text=True)
    return int(said.stdout.split()[0])


def table(counts, plays):
    """Per step: microseconds of processor time per file, the ratio to the first count, and memory."""
    head = ["step", *(f"µs a file, {n:,}" for n in counts), *(f"× {n:,}" for n in counts[1:])]
    head += [f"MiB, {n:,}" for n in counts] + ["largest"]
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'--:|' * (len(head) - 2)}---|"
    for step in plays[0].costs:
        costs = [play.costs.get(step) for play in plays]
        if None in costs:
            continue
        each = [cost.cpu_s / n * 1e6 for cost, n in zip(costs, counts, strict=True)]
        row = [step, *(f"{us:.1f}" for us in each), *(f"{us / each[0]:.2f}" for us in each[1:])]
        row += [f"{cost.rss_bytes / MIB:.0f}" for cost in costs] + [costs[-1].largest]
        yield f"| {' | '.join(row)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, help="numbers of files, the smallest first")
    parser.add_argument("--big", type=float, metavar="GIB", help="one sparse-ish file of this size")
    parser.add_argument("--limit", type=float, default=2, metavar="GIB", help="for --big; 0: none")
    parser.add_argument("--plain", action="store_true", help="without a filter")
    parser.add_argument("--add", default="git add", metavar="COMMAND", help="e.g. `git mlvc add`")
    parser.add_argument("--program", default=shutil.which("git-mlvc"), help="the git-mlvc to use")
    parser.add_argument("--tmp", default=None, metavar="DIR", help="where to work")
    parser.add_argument("--keep", action="store_true", help="leave the repositories there")
    parser.add_argument("--make", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.make:
        what, path, *more = args.make
        maker = {"files": make_files, "change": change_files, "huge": make_huge}[what]
        maker(Path(path), *map(int, more), seed=1)
        return
    plays = []
    for count in [] if args.big else args.counts:
        print(f"{count} files{' in plain git' if args.plain else ''}", flush=True)
        with _place(args) as top:
            plays.append(Play(top, args.program, plain=args.plain))
            many(plays[-1], count, args.add)
    if plays:
        print("", *table(args.counts, plays), sep="\n")
    if args.big:
        limit = Limit(int(args.limit * (1 << 30))) if args.limit else None
        print(f"{args.big:g} GiB, memory limited to {limit.words if limit else 'what there is'}")
        with _place(args) as top:
            try:
                huge(Play(top, args.program, limit=limit), args.big, args.add)
                if limit and limit.peak_bytes():
                    print(f"  the group held {limit.peak_bytes() / MIB:.0f} MiB, caches included")
            finally:
                if limit:
                    limit.close()


class _place:
    """A temporary directory; a million files are removed faster by `rm`."""

    def __init__(self, args):
        self.args = args

    def __enter__(self):
        self.top = Path(tempfile.mkdtemp(prefix="mlvc-scale-", dir=self.args.tmp))
        return self.top

    def __exit__(self, *_):
        if self.args.keep:
            print(f"left in {self.top}")
        else:
            subprocess.run(["rm", "-rf", self.top], check=False)


if __name__ == "__main__":
    try:
        main()
    except Failed as problem:
        sys.exit(f"scale: {problem}")

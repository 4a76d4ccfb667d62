#!/usr/bin/env python3
"""New stat data in git's index, without git: python3 bench/index_refresh.py [--entries 1000000] [--dir DIR]

Builds an index with `git update-index --index-info`, in each form git has, writes some files that it names, and has
`git_mlvc.git.index_refresh` tell it about 10 of them and about 10,000. Beside it stands what the machine allows: git
reading and writing the same index (`git update-index --assume-unchanged`, which looks at no file). A split index is
joined by git first. Each row is a process of its own.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FORMS = {
    "version 2": ["--index-version", "2"],
    "version 4": ["--index-version", "4"],
    "split, version 2": ["--index-version", "2", "--split-index"],
}
COUNTS = (0, 10, 10_000)
OID = "%040x"


def git(*words, top, **options):
    env = dict(os.environ, GIT_CONFIG_NOSYSTEM="1", HOME=str(top))
    return subprocess.run(["git", *words], cwd=top, check=True, env=env, **options)


def name_of(number):
    return f"d{number // 1000:04}/img_{number:07}.bin"


def build(top, entries, form):
    git("init", "-q", ".", top=top)
    step = max(1, entries // max(COUNTS))
    for number in range(0, entries, step):
        path = top / name_of(number)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content")
        os.utime(path, (1_700_000_000, 1_700_000_000))
    lines = "".join(f"100644 {OID % (n + 1)} 0\t{name_of(n)}\n" for n in range(entries))
    git("update-index", "--index-info", top=top, input=lines.encode())
    git("update-index", "-q", *form, top=top)
    return step


def refresh(top, count, step):
    """The child: tell the index about `count` files; print what it took."""
    from git_mlvc.git import index_refresh

    updates = {
        name_of(n * step).encode(): index_refresh.StatUpdate.of(
            OID % (n * step + 1), os.lstat(top / name_of(n * step))
        )
        for n in range(count)
    }
    before = os.times()
    told = index_refresh.refresh(
        top / ".git" / "index", updates, worktree=top, timeout_s=5, join=join(top)
    )
    after = os.times()
    assert len(told) == count, (len(told), count)
    print(
        json.dumps(
            {
                "cpu_s": round(after.user + after.system - before.user - before.system, 3),
                "wall_s": round(after.elapsed - before.elapsed, 3),
                "peak_mib": peak_kib() >> 10,
            }
        )
    )


def peak_kib():
    """Of this process alone: `ru_maxrss` would begin with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def join(top):
    from git_mlvc.git.repository import Repository
    from git_mlvc.worktree.pointers import joined_index

    repo = Repository.discover(top, dict(os.environ))
    return lambda path: joined_index(repo, path)


def limit(top):
    """Git's own reading and writing of the index, in processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    git("update-index", "--assume-unchanged", name_of(0), top=top)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    git("update-index", "--no-assume-unchanged", name_of(0), top=top)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(spent, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--dir", type=Path, default=None)
    parser.add_argument("--child", nargs=3, metavar=("TOP", "COUNT", "STEP"))
    args = parser.parse_args()
    if args.child:
        refresh(Path(args.child[0]), int(args.child[1]), int(args.child[2]))
        return
    for form, options in FORMS.items():
        top = Path(tempfile.mkdtemp(prefix="index-refresh-", dir=args.dir))
        try:
            step = build(top, args.entries, options)
            size = (top / ".git" / "index").stat().st_size >> 20
            print(
                f"{form}: {args.entries} entries, {size} MiB; git alone {limit(top)} s", flush=True
            )
            for count in COUNTS:
                words = [sys.executable, __file__, "--child", str(top), str(count), str(step)]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                print(f"  {count:>6} files: {done.stdout.strip()}", flush=True)
        finally:
            shutil.rmtree(top)


if __name__ == "__main__":
    main()

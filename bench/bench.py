#!/usr/bin/env python3
"""Measure git-mlvc beside its peers, in one run on one machine.

    python3 bench.py --venvs DIR --out results/NAME            # everything
    python3 bench.py --scale 0.1 --tools git-lfs,dvc --workloads W1,W8

Programs are taken from PATH and from virtual environments DIR/NAME (dvc, oxen, hfxet, datalad,
mlvc); what is not there is left out.  Everything happens in a temporary directory with a home and
Git configuration of its own, and is removed at the end.  The tools take turns within each repeat,
so that a change in the machine's speed meets all of them.

Each command is a whole process tree, timed from outside: wall clock, user + system time and bytes
read and written by every process that was waited for, peak memory of the largest single process,
and what everything else on the machine used meanwhile ("others", in processors).  Before each one
all dirty pages are written out; how long it takes to write out what the command left is recorded
apart ("sync").  Input data is in the page cache.  Needs Linux (/proc) and the GNU tools.
"""

import argparse
import filecmp
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from shlex import quote

from report import markdown
from tools import TOOLS, find_programs
from workdata import MIB, Data

HERE = Path(__file__).resolve().parent
MEMORY_BYTES = 12 << 30  # what a run at full scale has in memory at a time, page cache included
WORKLOADS = "W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8"
GIT_CONFIG = """[user]
\tname = bench
\temail = bench@example.org
[gc]
\tauto = 0
[maintenance]
\tauto = false
[protocol "file"]
\tallow = always
[advice]
\tdetachedHead = false
[lfs]
\tlocksverify = false
[filter "lfs"]
\tclean = git-lfs clean -- %f
\tsmudge = git-lfs smudge -- %f
\tprocess = git-lfs filter-process
\trequired = true
"""


class Failed(Exception):
    pass


def disk(*paths):
    """Allocated bytes under the paths, each inode once."""
    found = [path for path in paths if path.exists()]
    listed = subprocess.run(["du", "-sB1", *found], stdout=subprocess.PIPE, text=True, check=True)
    return sum(int(line.split()[0]) for line in listed.stdout.splitlines())


def remove(path):
    """Remove a tree, read-only directories included."""
    subprocess.run(["chmod", "-R", "u+w", path], stderr=subprocess.DEVNULL)
    shutil.rmtree(path, ignore_errors=True)


def touch_memory(size_bytes):
    """Write to so much memory once, and give it back.

    A virtual machine may get its memory from the host page by page as it is first used, several times
    slower than afterwards, so that whoever comes first would pay for all.
    """
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size_bytes = int(min(size_bytes, free_bytes * 0.6))
    # In a process of its own: the peak memory of this one shows in that of its children.
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"bytearray({size_bytes})[::4096] = b'1' * len(range(0, {size_bytes}, 4096))",
        ],
        check=True,
    )


def is_on_disk(path):
    """Whether what is written below the path goes to a disk, not only to memory."""
    command = ["stat", "--file-system", "--format=%T", path]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() != "tmpfs"


def same(left, right):
    """Whether every file under left is under right with the same bytes."""
    if left.is_file():
        return right.is_file() and filecmp.cmp(left, right, shallow=False)
    return all(same(entry, right / entry.name) for entry in left.iterdir())


def counters():
    """Busy seconds of all processors, and bytes read and written by the children waited for."""
    ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    moved = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return busy, int(moved["rchar"]), int(moved["wchar"])


class Bench:
    """The programs, the data, the stopwatch and the results."""

    def __init__(self, args, top):
        self.args, self.top = args, top
        self.remotes = Path(tempfile.mkdtemp(prefix="mlvc-bench-", dir=args.remotes or top))
        self.data = Data(top / "data", args.seed)
        self.programs = find_programs(args.venvs)
        self.samples, self.sizes, self.errors, self.scales = {}, {}, {}, {}
        home, programs = top / "home", top / "bin"
        home.mkdir()
        programs.mkdir()
        for name, path in self.programs.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {quote(path)} "$@"\n')
            (programs / name).chmod(0o755)
            if name not in ("oxen", "hfxet", "python"):
                (programs / name).unlink()
                (programs / name).symlink_to(path)
        (home / ".gitconfig").write_text(GIT_CONFIG)
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "DVC_NO_ANALYTICS": "1",
            **{
                f"DVC_{kind}_DIR": str(home / kind.lower())
                for kind in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")
            },
            "RESTIC_PASSWORD": "bench",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }

    def run(self, script, cwd):
        """Run a shell script; its wall, cpu and sync seconds, and bytes of memory and I/O."""
        os.sync()
        with open(self.top / "output", "wb") as out:
            before, began = counters(), time.perf_counter()
            child = subprocess.Popen(
                ["sh", "-ec", script],
                cwd=cwd,
                env=self.env,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            timer = threading.Timer(self.args.timeout, os.killpg, (child.pid, signal.SIGKILL))
            timer.start()
            try:
                _, status, usage = os.wait4(child.pid, 0)
                wall = time.perf_counter() - began
                busy, read, written = (b - a for a, b in zip(before, counters(), strict=True))
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                raise
            finally:
                timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            text = (self.top / "output").read_text(errors="replace").replace(str(self.top), "TMP")
            raise Failed(f"exit {child.returncode}: {' '.join(text.split())[-300:]}")
        began, cpu = time.perf_counter(), usage.ru_utime + usage.ru_stime
        os.sync()
        sample = {
            "wall": wall,
            "cpu": cpu,
            "rss": usage.ru_maxrss * 1024,
            "read": read,
            "written": written,
            "others": max(0, busy - cpu) / wall,
            "sync": time.perf_counter() - began,
        }
        return {name: round(value, 5) for name, value in sample.items()}

    def measure(self, workload, step, tool, script, cwd):
        sample = self.run(script, cwd)
        self.samples.setdefault(workload, {}).setdefault(step, {}).setdefault(tool, []).append(
            sample
        )
        print(
            f"{workload} {step:24} {tool:16} {sample['wall']:9.3f} s  cpu {sample['cpu']:8.3f}  "
            f"rss {sample['rss'] / MIB:7.0f} MiB  others {sample['others']:.1f}",
            flush=True,
        )

    def attempt(self, workload, what, action):
        """Do something that may fail; a failure is recorded, and the run goes on."""
        try:
            action()
        except Failed as problem:
            print(f"{workload} {what}: {problem}", flush=True)
            self.errors.setdefault(workload, {})[what] = str(problem)

    def wants(self, workload):
        return workload in self.args.workloads

    def save(self):
        args = self.args
        doc = {
            "settings": {"scale": args.scale, "repeats": args.repeats, "seed": args.seed},
            "machine": {
                "processors": os.cpu_count(),
                "system": platform.system(),
                "kernel": platform.release(),
                "python": platform.python_version(),
            },
            "versions": self.versions,
            "on_disk": is_on_disk(self.top),
            "harness_rss": self.floor,
            "links": [t.name for t in TOOLS if t.linked],
            "peers": [t.name for t in TOOLS if t.peer],
            "notes": {t.name: t.note for t in TOOLS if t.note},
            "scales": self.scales,
            "samples": self.samples,
            "sizes": self.sizes,
            "errors": self.errors,
        }
        if args.out:
            for suffix, text in (".json", json.dumps(doc, indent=1)), (".md", markdown(doc)):
                path = Path(args.out + suffix)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text + "\n")
        return doc

    @property
    def floor(self):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def find_versions(self):
        commands = {
            "git": "git version",
            "git-lfs": "git lfs version",
            "dvc": "dvc --version",
            "git-annex": "git annex version | head -1",
            "restic": "restic version",
            "borg": "borg --version",
            "git-mlvc": "git mlvc version",
            **{
                name: f'{name} -c "from importlib.metadata import version as v; print(v({dist!r}))"'
                for name, dist in (("oxen", "oxenai"), ("hfxet", "hf-xet"))
            },
        }
        self.versions = {
            name: subprocess.run(
                command, shell=True, env=self.env, text=True, cwd=self.top, capture_output=True
            ).stdout.strip()
            for name, command in commands.items()
            if name in self.programs
        }


class Case:
    """One tool in one workload, once: a fresh repository, remote and clone."""

    def __init__(self, bench, tool, workload):
        self.bench, self.tool, self.workload = bench, tool, workload
        part = bench.args.scale * tool.scale.get(workload, 1)
        self.source = bench.data.get(workload, part)
        self.fresh = bench.data.fresh[workload, part]
        bench.scales.setdefault(workload, {})[tool.name] = part
        self.top = Path(tempfile.mkdtemp(prefix=f"{workload}-{tool.name}-", dir=bench.top))
        self.repo, self.copy = self.top / "repo", self.top / "clone"
        self.repo.mkdir()
        self.remote = Path(tempfile.mkdtemp(prefix="remote-", dir=bench.remotes))

    def play(self):
        self.do(self.tool.init(self.remote))
        PLAYS[self.workload](self)

    def remove(self):
        remove(self.top)
        remove(self.remote)

    def do(self, script):
        if script is not None:
            self.bench.run(script, self.repo)
        return script is not None

    def step(self, name, script, workload=None):
        """Measure a script, or only run it if its workload was not asked for."""
        if script is not None and self.bench.wants(workload or self.workload):
            self.bench.measure(workload or self.workload, name, self.tool.name, script, self.repo)
            return True
        return workload is None and self.do(script)

    def place(self, source, name):
        """Put a file or tree into the working tree as new files, whatever was there.

        Then wait for the next second: Git reads every file again whose time is in the same second
        as its index's, which would blur the small figures.
        """
        into = f"mkdir -p {name} && cp -r --remove-destination {source}/. {name}"
        self.do(into if source.is_dir() else f"cp --remove-destination {source} {name}")
        time.sleep(1.01 - time.time() % 1)

    def check(self, source, path):
        if not same(source, path):
            raise Failed(f"{path.relative_to(self.top)} differs from {source.name}")

    def note_sizes(self, **more):
        store = [self.repo / name for name in self.tool.store]
        self.bench.sizes.setdefault(self.workload, {})[self.tool.name] = {
            "store": disk(*store),
            "total": disk(self.repo),
            "remote": disk(self.remote),
            "shared": disk(self.repo) + disk(self.remote) - disk(self.repo, self.remote),
            **more,
        }


def big_file(case):
    """W1, and its share of W8."""
    tool, source, name = case.tool, case.source / "big.bin", "big.bin"
    case.place(source, name)
    case.step("add", tool.add(name))
    case.step("commit", tool.commit(name, "one"))
    pushed = case.step("W1 push", tool.push(), "W8")
    case.note_sizes(data=case.fresh)
    (case.repo / name).unlink()
    if case.step("restore", tool.restore(name)):
        case.check(source, case.repo / name)
    if pushed:
        case.step("W1 clone + pull", tool.clone(case.remote, case.copy), "W8")
        case.check(source, case.copy / name)


def many_files(case):
    """W2, and its share of W8."""
    tool, source, name = case.tool, case.source, "data"
    case.place(source / "base", name)
    case.step("add", tool.add(name))
    case.step("commit", tool.commit(name, "base"))
    pushed = case.step("W2 push", tool.push(), "W8")
    case.note_sizes(data=case.fresh)
    if pushed:
        case.step("W2 clone + pull", tool.clone(case.remote, case.copy), "W8")
        case.check(source / "base", case.copy / name)
    if tool.status() is None:
        return
    case.step("status, first", tool.status())
    for _ in range(2):
        case.step("status, clean", tool.status())
    first, aside = "00/00/img_00000.bin", case.top / "aside"
    (case.repo / name / first).rename(aside)
    shutil.copyfile(source / "base" / first, case.repo / name / first)  # must be read again
    case.step("status, 1 file touched", tool.status())
    aside.replace(case.repo / name / first)
    case.do(tool.status())
    case.step("clean 1 file", tool.clean_one(f"{name}/{first}"))
    for tree, share in ("few", "5 %"), ("all", "all"):
        case.do(tool.mark(tree))
        case.do(tool.switch(tree))
        case.place(source / tree, name)
        case.step(f"add {share}", tool.add(name))
        case.do(tool.commit(name, tree))
        case.step(f"switch {share}", tool.switch("main"))
        case.check(source / "base", case.repo / name)


def versions(case):
    """W3, W4 and W5: one file in many versions, each added, committed and pushed."""
    tool, files = case.tool, sorted(case.source.iterdir())
    name = f"data{files[0].suffix}"
    for number, source in enumerate(files):
        case.place(source, name)
        which = "next" if number else "first"
        case.step(f"add {which} version", tool.add(name))
        case.do(tool.commit(name, f"version {number}"))
        case.step(f"push {which} version", tool.push())
        if not number:
            marked = case.do(tool.mark("first"))
    case.note_sizes(data=sum(f.stat().st_size for f in files), fresh=case.fresh)
    if marked:
        for name_of, source in ("first", files[0]), ("main", files[-1]):
            case.step("switch first and last", tool.switch(name_of))
            case.check(source, case.repo / name)
    else:
        (case.repo / name).unlink()
        case.step("restore last version", tool.restore(name))
        case.check(files[-1], case.repo / name)


# What git says to a filter that it starts, as text for printf; then it closes the pipe.
HANDSHAKE = (
    r"0016git-filter-client\n000eversion=2\n0000"
    r"0015capability=clean\n0016capability=smudge\n0015capability=delay\n0000"
)
NEEDED = {"dvc ": "dvc", "git mlvc ": "git-mlvc"}  # by what a script has in it


def start_up(bench, tools):
    """W6: commands that do next to nothing."""
    top = Path(tempfile.mkdtemp(prefix="W6-", dir=bench.top))
    tree = bench.data.get("W2", bench.args.scale) / "base"
    stages = " && ".join(
        f"dvc stage add -q -n s{i} -d f{i} -o f{i + 1} cp f{i} f{i + 1}" for i in range(5)
    )
    folders = {
        "empty": "git init -q . && git commit -q --allow-empty -m start",
        "dvc": "git init -q . && dvc init -q && git add -A && git commit -qm start",
        "pipe": f"git init -q . && dvc init -q && echo x > f0 && {stages} && dvc repro -q",
        "tree": f"cp -r {tree}/. . && git init -q . && git add -A && git commit -qm start && git status",
        "tracked": f"git init -q . && git mlvc install --local && git mlvc track '*.bin' && "
        f"cp -r {tree}/. . && git add -A && git commit -qm start && git mlvc status",
        "hooks": "git init -q . && git mlvc install --local",
    }
    commands = [(t.name, "version", t.version, "empty") for t in tools if t.version] + [
        ("python", "python -c pass", "python -c pass", "empty"),
        ("python", "python -I -S -c pass", "python -I -S -c pass", "empty"),
        (
            "python",
            "python, usual imports",
            "python -c 'import argparse, hashlib, json, os, pathlib,"
            " subprocess, sqlite3, tempfile'",
            "empty",
        ),
        ("git", "status, empty repository", "git status", "empty"),
        ("git-lfs", "status, empty repository", "git lfs status", "empty"),
        ("dvc", "status, empty repository", "dvc status", "dvc"),
        ("git-mlvc", "status, empty repository", "git mlvc status", "empty"),
        ("dvc", "repro, 5 stages, no-op", "dvc repro", "pipe"),
        ("git", "status, 20k files, clean", "git status", "tree"),
        ("git-mlvc", "status, 20k files, clean", "git mlvc status", "tracked"),
        ("git-mlvc", "hook, nothing to do", ".git/hooks/post-index-change 0 0", "hooks"),
        ("git-mlvc", "filter start", f"printf '{HANDSHAKE}' | git-mlvc filter-process", "hooks"),
        ("datalad", "version", "datalad --version", "empty"),
    ]
    chosen = {t.name for t in tools} | {"python"} | {"datalad"} & set(bench.programs)
    commands = [command for command in commands if command[0] in chosen]
    for folder, script in folders.items():
        if all(program in bench.programs for word, program in NEEDED.items() if word in script):
            (top / folder).mkdir()
            bench.run(script, top / folder)
    for number in range(bench.args.repeats * 3 + 1):  # the first is a warm-up
        for name, step, script, folder in commands:
            action = partial(bench.measure, "W6", step, name) if number else bench.run
            bench.attempt("W6", f"{name}: {step}", partial(action, script, top / folder))
    remove(top)


STORE_WRITES = """
import hashlib, os, sys
mode, count, body = sys.argv[1], int(sys.argv[2]), os.urandom(4096)
if mode == "pack":
    with open("pack", "wb") as pack:
        for i in range(count):
            pack.write(body)
for i in range(256 if mode != "pack" else 0):
    os.mkdir(f"{i:02x}")
for i in range(count if mode != "pack" else 0):
    name = hashlib.sha256(b"%d" % i).hexdigest()
    path = f"{name[:2]}/{name[2:]}"
    fd = os.open(path if mode == "plain" else "tmp", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o444)
    os.write(fd, body)
    if mode == "fsync":
        os.fsync(fd)
    os.close(fd)
    if mode != "plain":
        os.rename("tmp", path)
"""


def limits(bench):
    """W7: what the machine, the pipe and Git itself allow, at the sizes of W1 and W2."""
    top = Path(tempfile.mkdtemp(prefix="W7-", dir=bench.top))
    scale = bench.args.scale
    big, tree = bench.data.get("W1", scale) / "big.bin", bench.data.get("W2", scale) / "base"
    count = int(20000 * scale)
    stubs = (
        f"mkdir data && cd data && for f in $(cd {tree} && find . -type f); do "
        "mkdir -p ${f%/*}; printf 'version 1\\nsize 4096\\noid %064d\\n' $RANDOM >$f; done"
    )
    init = "git init -q . && "
    attributes = "echo '*.bin filter=pass' > .gitattributes && "
    for folder, script in {
        "plain": "true",
        "big": f"{init}{attributes}cp {big} .",
        "many": f"{init}{attributes}cp -r {tree} data",
        "stubs": f"{init}{stubs.replace('$RANDOM', '$((n = n + 1))')}",
    }.items():
        (top / folder).mkdir()
        bench.run(script, top / folder)

    def hashing(name):
        return f"python -c \"import hashlib; hashlib.file_digest(open('{big}', 'rb'), '{name}')\""

    one = {
        "cp": f"cp {big} out",
        "cp + fsync": f"cp {big} out && sync out",
        "b3sum": f"b3sum {big}",
        "b3sum, 1 thread": f"b3sum --num-threads 1 {big}",
        "sha256sum": f"sha256sum {big}",
        **{f"hashlib {name}": hashing(name) for name in ("md5", "sha1", "sha256", "blake2b")},
        "cat, pipe, cat": f"cat {big} | cat >/dev/null",
    }
    if not shutil.which("b3sum"):
        one = {step: script for step, script in one.items() if "b3sum" not in step}
    plan = [(f"1 file: {step}", "plain", "rm -f out", script) for step, script in one.items()]
    if "hfxet" in bench.programs:
        plan.append(
            (
                "1 file: hf_xet chunk + hash",
                "plain",
                "true",
                f"hfxet -c \"import hf_xet; hf_xet.hash_files(['{big}'])\"",
            )
        )
    for step, reset, script in (
        ("cp -r", "true", f"cp -r {tree} out"),
        ("cp -rl", "true", f"cp -rl {tree} out"),
        ("cp -r over old files", f"cp -r {tree} out", f"cp -r --remove-destination {tree}/. out"),
        ("rm -r", f"cp -r {tree} out", "rm -r out"),
    ):
        plan.append((f"tree: {step}", "plain", f"rm -rf out && {reset}", script))
    for mode, part in ("plain", 1), ("rename", 1), ("pack", 1), ("fsync", 0.05):
        step = {
            "plain": "create",
            "rename": "create + rename",
            "pack": "append to one file",
            "fsync": "create + fsync + rename, 5 % of the files",
        }[mode]
        plan.append(
            (
                f"tree: Python {step}",
                "plain",
                "rm -rf ?? pack",
                f"python -c '{STORE_WRITES}' {mode} {max(1, int(count * part))}",
            )
        )
    fresh = "rm -rf .git && git init -q ."  # no object is there already
    plan += [
        ("tree: git add stubs, no filter", "stubs", fresh, "git add data"),
        (
            "tree: git checkout stubs, no filter",
            "stubs",
            "git add data && rm -rf data",
            "git checkout -q -- data",
        ),
        (
            "tree: git update-index --refresh",
            "stubs",
            "git add data && find data -type f -exec touch {} +",
            "git update-index --refresh",
        ),
    ]
    script = quote(str(HERE / "passthrough_filter.py"))
    for step, options in {
        "": "",
        ", 1 MiB pipe": "--pipe 1048576",
        ", delay": "--delay",
        ", a blob per file": "--unique",
    }.items():
        git = (
            f"git -c filter.pass.required=true -c filter.pass.process="
            f"'{quote(sys.executable)} -I -S {script} {options}'"
        )
        for what, folder, name in ("1 file", "big", "big.bin"), ("tree", "many", "data"):
            if "delay" not in step:
                plan.append((f"{what}: filter clean{step}", folder, fresh, f"{git} add {name}"))
            if "blob" not in step:
                plan.append(
                    (
                        f"{what}: filter smudge{step}",
                        folder,
                        f"{git} add {name} && rm -rf {name}",
                        f"{git} checkout -q -- {name}",
                    )
                )
    for _ in range(bench.args.repeats):
        for step, folder, reset, script in plan:
            bench.attempt("W7", step, partial(bench.run, reset, top / folder))
            bench.attempt(
                "W7", step, partial(bench.measure, "W7", step, "limit", script, top / folder)
            )
    remove(top)


PLAYS = {"W1": big_file, "W3": versions, "W4": versions, "W5": versions, "W2": many_files}


def run_all(bench, tools):
    bench.find_versions()
    touch_memory(int(bench.args.scale * MEMORY_BYTES))
    if bench.wants("W7"):
        limits(bench)
        bench.save()
    if bench.wants("W6"):
        start_up(bench, tools)
        bench.save()
    for workload in PLAYS:
        if not bench.wants(workload) and not (bench.wants("W8") and workload in ("W1", "W2")):
            continue
        for _ in range(bench.args.repeats if PLAYS[workload] is not versions else 1):
            for tool in tools:
                if tool.only and workload not in tool.only:
                    continue
                if tool.name not in bench.errors.get(workload, {}):
                    case = Case(bench, tool, workload)
                    bench.attempt(workload, tool.name, case.play)
                    case.remove()
            bench.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--venvs", help="folder of virtual environments named after the tools")
    parser.add_argument("--tools", help="names, comma-separated; all that are there by default")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--scale", type=float, default=1, help="part of the full sizes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", default="2026")
    parser.add_argument("--tmp", help="where to work (needs about 30 GiB at full scale)")
    parser.add_argument("--remotes", help="where remotes go, for one on another file system")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one command")
    parser.add_argument(
        "--out", help="results go to OUT.json and OUT.md; default: Markdown printed"
    )
    args = parser.parse_args()
    args.workloads = args.workloads.split(",")
    if unknown := set(args.workloads) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    top = Path(tempfile.mkdtemp(prefix="mlvc-bench-", dir=args.tmp))
    bench = Bench(args, top)
    try:
        chosen = args.tools.split(",") if args.tools else [t.name for t in TOOLS]
        if unknown := set(chosen) - {t.name for t in TOOLS}:
            parser.error(f"no such tool: {', '.join(sorted(unknown))}")
        tools = [
            t for t in (make(bench.programs) for make in TOOLS) if t.name in chosen and t.ready()
        ]
        run_all(bench, tools)
        if not args.out:
            print(markdown(bench.save()))
    finally:
        remove(bench.remotes)
        remove(top)


if __name__ == "__main__":
    main()

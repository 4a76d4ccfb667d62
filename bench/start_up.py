#!/usr/bin/env python3
"""Measure what git waits for when it starts us: the filter's handshake, and a hook with nothing to do.

    python3 bench/start_up.py [PROGRAM]         # PROGRAM: git-mlvc, by default the one on PATH

Everything happens in a temporary repository with a home of its own. Wall-clock milliseconds from outside.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 31
WELCOME = b"0016git-filter-client\n000eversion=2\n0000"
CAPABILITIES = b"0015capability=clean\n0016capability=smudge\n0015capability=delay\n0000"


def handshake(program, place):
    """Seconds from starting the filter process to the last byte of its handshake."""
    began = time.perf_counter()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([program, "filter-process"], **place, **pipes) as child:
        child.stdin.write(WELCOME + CAPABILITIES)
        child.stdin.flush()
        said = b""
        while said.count(b"0000") < 2:
            said += os.read(child.stdout.fileno(), 4096) or sys.exit("the filter gave up")
        took = time.perf_counter() - began
        child.stdin.close()
    return took


def command(argv, place):
    began = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True, **place)
    return time.perf_counter() - began


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which("git-mlvc")
    with tempfile.TemporaryDirectory() as top:
        env = {"HOME": top, "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
        place = {"cwd": top, "env": env}
        command(["git", "init", "-q", "."], place)
        command([program, "install", "--local"], place)
        steps = {
            "filter handshake": lambda: handshake(program, place),
            "hook, nothing to do": lambda: command(
                [".git/hooks/post-index-change", "0", "0"], place
            ),
            "sh -c :": lambda: command(["sh", "-c", ":"], place),
            "version": lambda: command([program, "version"], place),
        }
        for name, step in steps.items():
            step()
            took = sorted(step() * 1000 for _ in range(RUNS))
            print(f"{name:20} {statistics.median(took):6.1f} ms  {took[0]:.1f}–{took[-1]:.1f}")


if __name__ == "__main__":
    main()

"""Experiments: a sweep and a queue of short stages, two at a time, beside DVC's queue.

    python3 bench/experiments.py                                # beside the DVC on PATH, if there is one
    python3 bench/experiments.py --venvs DIR --tmp /dev/shm     # programs from DIR/mlvc and DIR/dvc
    python3 bench/experiments.py --count 6 --stage-s 1          # a quick look

A stage sleeps, and writes a small out and a metric. Ideal is what the sleeping alone takes. Wall-clock times of one
run each: they are long, and nearly all of it is sleeping; the machine should have nothing else to do.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from measuring import Failed, run, surroundings
from pipelines import programs, row, seconds

TARGET = 1.15
JOBS = 2
LOOK_S = 0.2
LIMIT_S = 1800


class Mlvc:
    """git-mlvc, as a user types it."""

    name = "git-mlvc"

    def __init__(self, stage_s):
        self.files = {
            "mlvc.toml": f"""\
[stage.train]
cmd = "sleep {stage_s}; cp params.toml model.bin; echo '{{\\"acc\\": 1}}' > metrics.json"
params = ["seed"]
outs = ["model.bin"]
metrics = ["metrics.json"]
""",
            "params.toml": "seed = 1\n",
        }

    start = "git init -q && git mlvc init >/dev/null && git add . && git commit -qm one"

    def put(self, count):
        return f"git mlvc exp run --queue -S 'seed=range(1000,{1000 + count})' --name q >/dev/null"

    work = f"git mlvc exp start -j {JOBS} >/dev/null"

    def waiting(self, place, env):
        found = json.loads(answer("git mlvc exp status --json", place, env))
        return len(found["experiments"]) + len(found["workers"])


class Dvc:
    """DVC, without analytics and with its default settings otherwise."""

    name = "DVC"

    def __init__(self, stage_s):
        self.files = {
            "dvc.yaml": f"""\
stages:
  train:
    cmd: sleep {stage_s}; cp params.yaml model.bin; echo '{{"acc":1}}' > metrics.json
    params: [seed]
    outs: [model.bin]
    metrics: [{{metrics.json: {{cache: false}}}}]
""",
            "params.yaml": "seed: 1\n",
        }

    start = (
        "git init -q && dvc init -q && dvc config core.analytics false && dvc config core.check_update false"
        " && git add . && git commit -qm one"
    )

    def put(self, count):
        return f"dvc exp run -q --queue -S 'seed=range(1000,{1000 + count})'"

    work = f"dvc queue start -q -j {JOBS}"

    def waiting(self, place, env):
        return len(re.findall(r"\b(?:Queued|Running)\b", answer("dvc queue status", place, env)))


class Bench:
    """One place, one set of programs."""

    def __init__(self, top, found, count, stage_s):
        self.top, self.count, self.stage_s = top, count, stage_s
        self.env = surroundings(top, found["mlvc"])
        self.tools = [Mlvc(stage_s)]
        if found.get("dvc"):
            self.env["PATH"] += f":{found['dvc'].parent}"
            self.tools.append(Dvc(stage_s))
        run("git mlvc install", top, self.env)

    @property
    def ideal_s(self):
        return -(-self.count // JOBS) * self.stage_s

    def project(self, tool, name):
        place = self.top / f"{name}-{tool.name}"
        place.mkdir()
        for file, text in tool.files.items():
            (place / file).write_text(text)
        run(tool.start, place, self.env)
        return place

    def line(self, what, tool, wall_s):
        ratio = wall_s / self.ideal_s
        said = f"{ratio:.2f} ({'met' if ratio <= TARGET else 'short'})"
        print(
            row(
                what, tool.name, seconds(wall_s), said if tool.name == Mlvc.name else f"{ratio:.2f}"
            ),
            flush=True,
        )

    def sweep(self):
        tool = self.tools[0]
        place = self.project(tool, "sweep")
        sweep = f"git mlvc exp run -S 'seed=range({self.count})' -j {JOBS} --name s"
        self.line(f"a sweep, `exp run -S … -j {JOBS}`", tool, run(sweep, place, self.env).wall_s)
        again = run(sweep, place, self.env).wall_s
        print(row("the same again: they are there", tool.name, seconds(again), ""), flush=True)
        run(
            "git for-each-ref --format='delete %(refname)' refs/mlvc/exp | git update-ref --stdin",
            place,
            self.env,
        )
        again = run(sweep, place, self.env).wall_s
        print(row("the same from the run cache", tool.name, seconds(again), ""), flush=True)

    def queue(self, tool):
        place = self.project(tool, "queue")
        put_s = run(tool.put(self.count), place, self.env).wall_s
        began = time.monotonic()
        run(tool.work, place, self.env)
        while tool.waiting(place, self.env):
            if time.monotonic() - began > LIMIT_S:
                print(
                    row(f"a queue, {JOBS} workers", tool.name, f"over {LIMIT_S} s", ""), flush=True
                )
                return
            time.sleep(LOOK_S)
        self.line(f"a queue, {JOBS} workers", tool, time.monotonic() - began)
        print(row(f"putting {self.count} in", tool.name, seconds(put_s), ""), flush=True)

    def single(self):
        """What an experiment costs beside its stage."""
        place = self.project(Mlvc(0), "single")
        times = [
            run(f"git mlvc exp run -S seed={2000 + at}", place, self.env).wall_s for at in range(5)
        ]
        print(
            row(
                "one experiment of a stage that takes no time",
                Mlvc.name,
                seconds(median(times)),
                "",
            )
        )


def answer(script, place, env):
    """Return what a command says."""
    done = subprocess.run(script, shell=True, cwd=place, env=env, capture_output=True, check=True)
    return done.stdout.decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--venvs", help="a directory of virtual environments: mlvc, dvc")
    parser.add_argument("--tmp", default=tempfile.gettempdir(), help="where to work")
    parser.add_argument("--count", type=int, default=20, help="how many experiments")
    parser.add_argument("--stage-s", type=float, default=2, help="how long each stage sleeps")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlvc-bench-", dir=args.tmp) as top:
        bench = Bench(Path(top).resolve(), programs(args.venvs), args.count, args.stage_s)
        print(f"# Experiments, {os.cpu_count()} processors, Python {platform.python_version()}")
        print(
            f"\n{args.count} experiments of {args.stage_s:g} s, {JOBS} at a time: ideal {bench.ideal_s:g} s\n"
        )
        print(row("what", "tool", "time", f"of ideal (≤ {TARGET})"))
        print(row("---", "---", "--:", "--:"))
        measures = [
            bench.single,
            bench.sweep,
            *[lambda tool=tool: bench.queue(tool) for tool in bench.tools],
        ]
        for measure in measures:
            try:
                measure()
            except Failed as failure:
                print(f"\nfailed: {failure}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

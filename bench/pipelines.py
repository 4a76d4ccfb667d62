"""Pipelines: `git mlvc repro` beside `dvc repro`, as a table.

    python3 bench/pipelines.py                                # beside the DVC on PATH, if there is one
    python3 bench/pipelines.py --venvs DIR --tmp /dev/shm     # programs from DIR/mlvc and DIR/dvc
    python3 bench/pipelines.py --dvc-limit 60                 # leave DVC out where it has more than 60 stages

A chain of stages, each `cp`-ing a small file: nothing but overhead. What the commands themselves cost is measured too,
by a shell that runs the same ones one after the other. Wall-clock medians; compare columns of one run only.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from measuring import Failed, run, surroundings

COLD = (25, 50, 100, 200)
NO_OP = (5, 200, 2000)
FILES = 20_000
OVERHEAD_TARGET_MS = 15.0
NO_OP_TARGETS_S = {200: 0.3, 2000: 2.0}


class Mlvc:
    """git-mlvc, as a user types it."""

    name = "git-mlvc"

    def start(self, stages):
        lines = []
        for number, (dep, out) in enumerate(stages):
            lines += [
                f"[stage.s{number:04}]",
                f'cmd = "cp {dep} {out}"',
                f'deps = ["{dep}"]',
                f'outs = ["{out}"]',
                "",
            ]
        return {"mlvc.toml": "\n".join(lines)}, "git init -q && git mlvc init >/dev/null"

    repro = "git mlvc repro"
    status = "git mlvc repro --plan"


class Dvc:
    """DVC, without analytics and with its default settings otherwise."""

    name = "DVC"

    def start(self, stages):
        lines = ["stages:"]
        for number, (dep, out) in enumerate(stages):
            lines += [
                f"  s{number:04}:",
                f"    cmd: cp {dep} {out}",
                f"    deps: [{dep}]",
                f"    outs: [{out}]",
            ]
        return (
            {"dvc.yaml": "\n".join(lines) + "\n"},
            "git init -q && dvc init -q && dvc config core.analytics false && dvc config core.check_update false",
        )

    repro = "dvc repro -q"
    status = "dvc status"


def chain(count, width):
    """Return (dep, out) of stages in chains of `width`: no graph is only one line."""
    made = []
    for number in range(count):
        dep = "source" if number % width == 0 else f"out/{number - 1:04}"
        made.append((dep, f"out/{number:04}"))
    return made


class Bench:
    """One place, one set of programs."""

    def __init__(self, top, programs, repeats, dvc_limit):
        self.top, self.repeats, self.dvc_limit = top, repeats, dvc_limit
        self.env = surroundings(top, programs["mlvc"])
        if programs.get("dvc"):
            self.env["PATH"] += f":{programs['dvc'].parent}"
        self.tools = [Mlvc(), *([Dvc()] if programs.get("dvc") else [])]
        run("git mlvc install", top, self.env)
        self._numbers = iter(range(10**6))

    def project(self, tool, stages):
        place = self.top / f"project-{next(self._numbers)}"
        (place / "out").mkdir(parents=True)
        (place / "source").write_text("what everything is made from\n")
        files, script = tool.start(stages)
        for name, text in files.items():
            (place / name).write_text(text)
        run(script, place, self.env)
        return place

    def wall_s(self, script, place, repeats=None):
        """Return the median time of a command whose exit code may be an answer."""
        times = []
        for _ in range(repeats or self.repeats):
            times.append(run(f"{script} || test $? = 1", place, self.env).wall_s)
        return median(times)

    def is_measured(self, tool, count):
        return tool.name != "DVC" or count <= self.dvc_limit

    def cold(self):
        print("\n## Cold: every stage runs\n")
        names = [tool.name for tool in self.tools]
        print(row("stages", "the commands alone", *names, "overhead of ours per stage"))
        print(row("--:", *["--:"] * (len(names) + 2)))
        for count in COLD:
            stages = chain(count, 10)
            bare = self.bare(stages)
            figures = {}
            for tool in self.tools:
                if not self.is_measured(tool, count):
                    figures[tool.name] = None
                    continue
                times = []
                for _ in range(self.repeats if tool.name != "DVC" else 1):
                    place = self.project(tool, stages)
                    times.append(run(tool.repro, place, self.env).wall_s)
                    shutil.rmtree(place)
                figures[tool.name] = median(times)
            start = self.start_s
            each_ms = (figures[Mlvc.name] - start - bare) / count * 1e3
            print(
                row(
                    count,
                    seconds(bare),
                    *[seconds(figures[name]) for name in names],
                    f"{each_ms:.1f} ms ({verdict(each_ms, OVERHEAD_TARGET_MS)})",
                ),
                flush=True,
            )

    def bare(self, stages):
        """The same commands, each in a shell of its own, as both tools start them."""
        place = self.top / f"bare-{next(self._numbers)}"
        (place / "out").mkdir(parents=True)
        (place / "source").write_text("what everything is made from\n")
        (place / "all.sh").write_text("".join(f"sh -c 'cp {dep} {out}'\n" for dep, out in stages))
        return self.wall_s("sh all.sh", place)

    @property
    def start_s(self):
        """What a `repro` of one stage that is done takes: starting, looking, saying so."""
        place = self.project(Mlvc(), chain(1, 1))
        run(Mlvc.repro, place, self.env)
        found = self.wall_s(Mlvc.repro, place, 5)
        shutil.rmtree(place)
        return found

    def no_op(self):
        print("\n## Nothing to do\n")
        names = [tool.name for tool in self.tools]
        print(row("stages", *names, "target"))
        print(row("--:", *["--:"] * (len(names) + 1)))
        for count in NO_OP:
            figures = []
            for tool in self.tools:
                if not self.is_measured(tool, count):
                    figures.append(None)
                    continue
                place = self.project(tool, chain(count, 10))
                run(tool.repro, place, self.env)
                time.sleep(1.1)  # past the time stamps' grain, as a person would be
                run(tool.repro, place, self.env)
                figures.append(self.wall_s(tool.repro, place))
                shutil.rmtree(place)
            target = NO_OP_TARGETS_S.get(count)
            said = f"≤ {target} s: {verdict(figures[0], target)}" if target else ""
            print(row(count, *map(seconds, figures), said), flush=True)

    def directory(self):
        print(f"\n## One stage with {FILES:,} files under one dep directory, nothing to do\n")
        print(row("", *[tool.name for tool in self.tools]))
        print(row("---", *["--:"] * len(self.tools)))
        first, later = [], []
        for tool in self.tools:
            place = self.top / f"project-{next(self._numbers)}"
            (place / "out").mkdir(parents=True)
            for number in range(FILES):
                folder = place / "data" / f"{number % 100:02}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{number}.txt").write_text(f"{number}\n" * 100)
            files, script = tool.start([("data", "out/listing")])
            for name, text in files.items():
                (place / name).write_text(text.replace("cp data", "ls -R data >"))
            run(script, place, self.env)
            first.append(run(tool.repro, place, self.env).wall_s)
            time.sleep(1.1)
            run(tool.repro, place, self.env)
            later.append(self.wall_s(tool.status, place))
            shutil.rmtree(place)
        print(row("first `repro`: everything is hashed", *map(seconds, first)))
        print(row("`git mlvc repro --plan`, `dvc status`", *map(seconds, later)))


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def seconds(value):
    return "–" if value is None else f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def verdict(measured, bound):
    return "met" if measured <= bound else "short"


def programs(venvs):
    """Return where git-mlvc and DVC are: in `venvs`, else on PATH."""
    found = {}
    for name, program in (("mlvc", "git-mlvc"), ("dvc", "dvc")):
        own = Path(venvs) / name / "bin" / program if venvs else None
        path = own if own and own.exists() else shutil.which(program)
        if path:
            found[name] = Path(path)
    if "mlvc" not in found:
        sys.exit("git-mlvc is not on PATH: make bench-pipelines, or pip install it")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--venvs", help="a directory of virtual environments: mlvc, dvc")
    parser.add_argument("--tmp", default=tempfile.gettempdir(), help="where to work")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dvc-limit", type=int, default=200, help="most stages that DVC is given")
    parser.add_argument("--only", choices=["cold", "no-op", "directory"], action="append")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlvc-bench-", dir=args.tmp) as top:
        bench = Bench(Path(top).resolve(), programs(args.venvs), args.repeats, args.dvc_limit)
        print(f"# Pipelines, {os.cpu_count()} processors, Python {platform.python_version()}")
        parts = {"cold": bench.cold, "no-op": bench.no_op, "directory": bench.directory}
        for name, measure in parts.items():
            if not args.only or name in args.only:
                try:
                    measure()
                except Failed as failure:
                    print(f"\n{name} failed: {failure}", flush=True)


if __name__ == "__main__":
    main()

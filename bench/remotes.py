#!/usr/bin/env python3
"""Push to and pull from servers, near and far, beside DVC, git-lfs, rclone and the AWS command line.

    python3 bench/remotes.py --venvs DIR --tmp /dev/shm                     # everything
    python3 bench/remotes.py --sites S3 --latencies 0 --workloads W1 --tools git-mlvc,rclone

Only data is timed: repositories are made, added and committed before, git's own commits go to a directory. `push`
sends what a fresh remote lacks, `again` is a push of nothing new, `pull` fills a fresh clone that has
no data (rclone and aws: an empty directory), `fetch` brings it into the local store only. All against the same
server, one after the other in each repeat. Latency is added by `far_away.py`, which counts requests.
"""

import argparse
import filecmp
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from measuring import MIB, Failed, run
from sites import SITES, new_place
from tools import find_programs
from workdata import Data

HERE = Path(__file__).resolve().parent
TOOLS = "git-mlvc", "dvc", "git-lfs", "rclone", "aws"
NAMES = {"W1": "1 GiB", "W2": "20,000 × 4 KiB"}
GIT_CONFIG = (
    '[user]\n\tname = bench\n\temail = bench@example.org\n[gc]\n\tauto = 0\n[protocol "file"]\n'
    "\tallow = always\n[init]\n\tdefaultBranch = main\n"
)


class Far:
    """A way to a site: straight, or through `far_away.py` with its counts. An address for all steps of a case."""

    def __init__(self, site, latency_ms):
        self.port, self._process, self._before = site.port, None, {}
        if latency_ms:
            self._process = subprocess.Popen(
                [sys.executable, HERE / "far_away.py", "--to", str(site.port), "--latency-ms", str(latency_ms)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )  # fmt: skip
            self.port = int(self._process.stdout.readline())

    def counts(self):
        """What has passed since this was asked last."""
        if not self._process:
            return {}
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        so_far = json.loads(self._process.stdout.readline())
        since = {name: count - self._before.get(name, 0) for name, count in so_far.items()}
        self._before = so_far
        return since

    def close(self):
        if self._process:
            self._process.communicate()


class Case:
    """One tool, one site, one workload, one latency, once."""

    def __init__(self, bench, tool, site, workload, latency_ms):
        self.bench, self.tool, self.site = bench, tool, site
        self.workload, self.latency_ms = workload, latency_ms
        self.part = bench.args.scale * bench.part_of(tool, workload)
        data = bench.data.get(workload, self.part)
        self.source = data if workload == "W1" else data / "base"
        self.top = Path(tempfile.mkdtemp(prefix=f"{tool}-", dir=bench.top))
        self.repo, self.copy = self.top / "repo", self.top / "copy"
        self.place = new_place()
        self.env = dict(bench.env)

    def play(self):
        self.far = Far(self.site, self.latency_ms)
        try:
            getattr(self, self.tool.replace("-", "_"))()
        finally:
            self.far.close()

    def timed(self, step, script, cwd):
        cost = run(script(self.far.port), cwd, self.env)
        self.bench.note(self, step, cost, self.far.counts())

    def prepare(self, setup):
        shutil.copytree(self.source, self.repo / "data")
        bare = self.top / "git.git"
        made = f"git init -q . && git init -q --bare {bare} && git remote add origin file://{bare}"
        run(f"{made} && {setup} && git commit -qm data && git push -q --no-verify origin main", self.repo, self.env)  # fmt: skip

    def check(self, under):
        for entry in self.source.rglob("*"):
            if entry.is_file():
                came = under / entry.relative_to(self.source)
                if not came.is_file() or not filecmp.cmp(entry, came, shallow=False):
                    raise Failed(f"{came} differs from what was pushed")

    def git_mlvc(self):
        remote = self.site.mlvc(self.site.port, self.place)
        self.env |= remote[1]
        self.prepare("git mlvc install --local >/dev/null && git mlvc track '*.bin' >/dev/null && git add -A")  # fmt: skip

        def with_remote(command):
            return lambda port: f"{self.site.mlvc(port, self.place)[0]} && {command}"

        self.timed("push", with_remote("git mlvc push far"), self.repo)
        self.timed("again", with_remote("git mlvc push far"), self.repo)
        for step, command in (("fetch", "git mlvc fetch far"), ("pull", "git mlvc pull far")):
            shutil.rmtree(self.copy, ignore_errors=True)
            made = f"git clone -q {self.top / 'git.git'} {self.copy} && cd {self.copy}"
            run(f"{made} && git mlvc install --local >/dev/null", self.top, self.env)
            self.timed(step, with_remote(command), self.copy)
        self.check(self.copy / "data")

    def dvc(self):
        remote = self.site.dvc(self.site.port, self.place)
        if remote is None:
            return
        self.env |= remote[1]
        quiet = (
            "dvc init -q && dvc config core.analytics false && dvc config core.check_update false"
        )
        self.prepare(f"{quiet} && {remote[0]} && dvc add -q data && git add -A")

        def with_remote(command):
            return lambda port: f"{self.site.dvc(port, self.place)[0]} && {command}"

        self.timed("push", with_remote("dvc push -q"), self.repo)
        self.timed("again", with_remote("dvc push -q"), self.repo)
        run(f"git clone -q {self.top / 'git.git'} {self.copy}", self.top, self.env)
        self.timed("pull", with_remote("dvc pull -q"), self.copy)
        self.check(self.copy / "data")

    def git_lfs(self):
        remote = self.site.lfs(self.site.port, self.place)
        if remote is None:
            return
        self.env |= {**remote[1], "GIT_LFS_SKIP_SMUDGE": "1"}
        self.prepare("git lfs install --local >/dev/null && git lfs track '*.bin' >/dev/null && git add -A")  # fmt: skip

        def with_remote(command):
            return lambda port: f"{self.site.lfs(port, self.place)[0]} && {command}"

        self.timed("push", with_remote("git lfs push --all origin main >/dev/null"), self.repo)
        self.timed("again", with_remote("git lfs push --all origin main >/dev/null"), self.repo)
        run(f"git clone -q {self.top / 'git.git'} {self.copy}", self.top, self.env)
        self.timed("pull", with_remote("git lfs install --local >/dev/null && git lfs pull >/dev/null"), self.copy)  # fmt: skip
        self.check(self.copy / "data")

    def rclone(self):
        if self.site.rclone(self.site.port, self.place) is None:
            return

        def script(copy):
            def through(port):
                settings, path = self.site.rclone(port, self.place)
                exports = " ".join(f"RCLONE_CONFIG_FAR_{k}='{v}'" for k, v in settings.items())
                return f"{exports} rclone copy -q --retries 1 {copy(f'far:{path}')}"

            return through

        self.copied(script)

    def aws(self):
        remote = self.site.aws(self.site.port, self.place)
        if remote is None:
            return
        self.env |= remote[1]

        def script(copy):
            def through(port):
                options, _, url = self.site.aws(port, self.place)
                return f"aws {options} s3 sync --only-show-errors {copy(url)}"

            return through

        self.copied(script)

    def copied(self, script):
        """Time a tool that copies directories: `script` makes its command from the words for source and target."""
        self.copy.mkdir()
        push = script(lambda there: f"{self.source} {there}")
        self.timed("push", push, self.top)
        self.timed("again", push, self.top)
        self.timed("pull", script(lambda there: f"{there} {self.copy}"), self.top)
        self.check(self.copy)


class Bench:
    """The programs, the data and the results."""

    def __init__(self, args, top):
        self.args, self.top, self.samples, self.errors = args, top, {}, {}
        self.data = Data(top / "data", args.seed)
        programs, home = top / "bin", top / "home"
        programs.mkdir()
        home.mkdir()
        (home / ".gitconfig").write_text(GIT_CONFIG)
        found = find_programs(args.venvs)
        for name in "dvc", "aws":
            for venv in (f"{name}r", name):
                inside = Path(args.venvs or os.devnull, venv, "bin", name)
                if inside.exists():
                    found[name] = str(inside)
                    break
        for name in "git-mlvc", "dvc", "git-lfs", "aws", "rclone":
            path = found.get(name) or shutil.which(name)
            if path:
                (programs / name).symlink_to(path)
        self.has = {path.name for path in programs.iterdir()}
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(home),
            "USER": os.environ.get("USER") or "root",
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "DVC_NO_ANALYTICS": "1",
        }

    def part_of(self, tool, workload):
        """How much of a workload a tool gets: those that send one file a request need minutes for it."""
        return self.args.slow_part if tool != "git-mlvc" and workload == "W2" else 1.0

    def note(self, case, step, cost, counts):
        key = case.site.name, case.latency_ms, case.workload, step, case.tool
        part = case.part / self.args.scale
        self.samples.setdefault(key, []).append(
            {"wall": cost.wall_s / part, "cpu": cost.cpu_s / part, "rss": cost.rss_bytes, **counts}
        )
        shown = f", {counts['requests']} requests" if counts.get("requests") else ""
        whole = "" if part == 1 else f" (measured with {part:g} of it)"
        print(
            f"{case.site.name:5} {case.latency_ms:3} ms {case.workload} {step:6} {case.tool:9}"
            f" {cost.wall_s / part:9.2f} s  cpu {cost.cpu_s / part:8.2f}"
            f"  {cost.rss_bytes / MIB:6.0f} MiB{shown}{whole}",
            flush=True,
        )

    def run(self):
        for name in self.args.sites:
            directory = Path(tempfile.mkdtemp(prefix="site-", dir=self.top))
            site = SITES[name](directory)
            try:
                for _ in range(self.args.repeats):
                    self.round(site)
            finally:
                site.stop()
                shutil.rmtree(directory, ignore_errors=True)

    def round(self, site):
        for latency_ms in self.args.latencies:
            if latency_ms and site.is_near_only:
                continue
            for workload in self.args.workloads:
                for tool in self.args.tools:
                    if tool not in self.has:
                        continue
                    case = Case(self, tool, site, workload, latency_ms)
                    try:
                        case.repo.mkdir()
                        case.play()
                    except Failed as problem:
                        print(
                            f"{site.name} {latency_ms} ms {workload} {tool}: {problem}", flush=True
                        )
                        self.errors[f"{site.name} {latency_ms} {workload} {tool}"] = str(problem)
                    finally:
                        shutil.rmtree(case.top, ignore_errors=True)

    def table(self):
        """A row for each thing done, seconds (medians) of each tool; requests are those of git-mlvc."""
        lines = [
            f"| server | latency | work | {' | '.join(TOOLS)} | git-mlvc ÷ rclone | DVC ÷ git-mlvc | requests |",
            "|---|--:|---" + "|--:" * (len(TOOLS) + 3) + "|",
        ]
        rows = dict.fromkeys(key[:4] for key in self.samples)
        for row in rows:
            site, latency_ms, workload, step = row
            wall = {
                tool: median(one["wall"] for one in self.samples[(*row, tool)])
                for tool in TOOLS
                if (*row, tool) in self.samples
            }
            if "git-mlvc" not in wall:
                continue
            requests = max(one.get("requests", 0) for one in self.samples[(*row, "git-mlvc")])
            cells = [f"{wall[tool]:.2f}" if tool in wall else "" for tool in TOOLS]
            cells.append(f"{wall['git-mlvc'] / wall['rclone']:.2f}" if "rclone" in wall else "")
            cells.append(f"{wall['dvc'] / wall['git-mlvc']:.1f}" if "dvc" in wall else "")
            cells.append(str(requests) if requests else "")
            what = f"{step}, {NAMES[workload]}"
            lines.append(f"| {site} | {latency_ms} ms | {what} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def verdicts(self):
        """The targets, each met or short: in time against a peer of the same run, in requests as counted."""
        lines = ["| what | measured | target | |", "|---|--:|--:|---|"]
        for (site, latency_ms, workload, step, tool), ours in self.samples.items():
            if tool != "git-mlvc":
                continue
            where = f"{site}, {latency_ms} ms: {step}, {NAMES[workload]}"
            key = site, latency_ms, workload, step
            if workload == "W1" and step in ("push", "pull") and (*key, "rclone") in self.samples:
                share = self.wall(*key, "rclone") / self.wall(*key, tool)
                lines.append(_verdict(f"{where}: share of rclone's rate", share, 0.9, share >= 0.9))
            if workload == "W2" and step in ("push", "pull") and (*key, "dvc") in self.samples:
                times = self.wall(*key, "dvc") / self.wall(*key, tool)
                lines.append(_verdict(f"{where}: times DVC's rate", times, 20, times >= 20))
            requests = max(one.get("requests", 0) for one in ours)
            most = 3 if step == "again" else 64
            if requests and (workload == "W1" or step == "again"):
                lines.append(_verdict(f"{where}: requests", requests, most, requests <= most))
        return "\n".join(lines)

    def wall(self, *key):
        return median(one["wall"] for one in self.samples[key])


def _verdict(what, measured, target, is_met):
    return f"| {what} | {measured:.3g} | {target} | {'met' if is_met else '**short**'} |"


def words(text):
    return [word for word in text.split(",") if word]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venvs", help="virtual environments NAME with dvc, aws, mlvc")
    parser.add_argument("--tmp", help="where everything is kept while it runs")
    parser.add_argument("--sites", type=words, default=list(SITES))
    parser.add_argument(
        "--latencies", type=lambda text: [int(w) for w in words(text)], default=[0, 50]
    )
    parser.add_argument("--workloads", type=words, default=["W1", "W2"])
    parser.add_argument("--tools", type=words, default=list(TOOLS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument(
        "--slow-part", type=float, default=0.1, help="of the small files, for the others"
    )
    parser.add_argument("--seed", default="1")
    parser.add_argument("--out", help="write OUT.json and OUT.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlvc-remotes-", dir=args.tmp) as top:
        bench = Bench(args, Path(top))
        bench.run()
        print(bench.table(), bench.verdicts(), sep="\n\n")
        if args.out:
            samples = [[*key, value] for key, value in bench.samples.items()]
            Path(args.out + ".json").write_text(json.dumps({"samples": samples, "errors": bench.errors}, indent=1))  # fmt: skip
            Path(args.out + ".md").write_text(f"{bench.table()}\n\n{bench.verdicts()}\n")


if __name__ == "__main__":
    main()

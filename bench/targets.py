"""What git-mlvc promises about speed, and whether one run kept it.

    python3 bench/targets.py RESULT.json…        # what `bench.py --out RESULT` wrote

Each promise is a ratio inside one run, so that it can be checked on any machine. `cp` means `cp` in
memory (tmpfs) and `cp + fsync` on a disk, since ours is on the disk when the command ends.
"""

import json
import sys
from dataclasses import dataclass
from statistics import median

MIB = 1 << 20
OURS = "git-mlvc"
START_UP_MS = {
    "version": 60,
    "hook, nothing to do": 5,
    "filter start": 60,
    "status, 20k files, clean": 300,
}
DEDUP = {
    "W3": (1.10, "ten versions, 1 % edited"),
    "W4": (0.33, "growing table"),
    "W5": (0.92, "checkpoints"),
}


class Missing(Exception):
    """The run did not measure it."""


@dataclass(frozen=True)
class Row:
    """One promise: what is compared, the figures, their ratio (or the figure itself) and its bound."""

    work: str
    ours: str
    against: str
    measured: float
    bound: float

    @property
    def is_kept(self):
        return self.measured <= self.bound


class Run:
    """One result of `bench.py`."""

    def __init__(self, doc, copy):
        self.doc, self.copy = doc, copy

    def figure(self, workload, step, tool, what="wall"):
        """The median over the samples of one step of one tool, at the full size of its workload."""
        try:
            samples = self.doc["samples"][workload][step][tool]
        except KeyError:
            raise Missing(f"{workload} {step} {tool}") from None
        return median(sample[what] for sample in samples)

    def limit(self, step):
        return self.figure("W7", step, "limit")

    def best_peer(self, workload, step):
        """The fastest peer that copies, as git-mlvc does; plain git stores files in another place."""
        data = step.split()[0] if workload == "W8" else workload
        found = {}
        for tool in self.doc["peers"]:
            if tool in self.doc["links"] or tool == "git":
                continue
            part = self.doc["scales"].get(data, {}).get(tool, 1) / self.doc["settings"]["scale"]
            try:
                seconds = self.figure(workload, step, tool)
            except Missing:
                continue
            if part == 1:  # a part of the size, scaled up, would count its start-up several times
                found[seconds] = tool
        if not found:
            raise Missing(f"a peer in {workload} {step}")
        return min(found), found[min(found)]

    def size(self, workload, tool, what):
        try:
            return self.doc["sizes"][workload][tool][what]
        except KeyError:
            raise Missing(f"sizes of {workload}") from None


def compared(work, ours, base, name, bound):
    return Row(work, f"{ours:.3g} s", f"{base:.3g} s {name}", ours / base, bound)


def rows(run):
    """Yield each promise as a function that makes its Row, or raises Missing."""
    one = "1 file: "

    def against_copy(work, workload, step, bound):
        base = run.limit(one + run.copy)
        return compared(work, run.figure(workload, step, OURS), base, f"`{run.copy}`", bound)

    def against_peer(work, workload, step, bound, tool=OURS):
        base, name = run.best_peer(workload, step)
        return compared(work, run.figure(workload, step, tool), base, name, bound)

    def against(work, ours, base, name, bound):
        return compared(work, run.figure(*ours), run.figure(*base), name, bound)

    big, small = "1 GiB", "20,000 files"
    yield lambda: against_copy(f"add {big}", "W1", "add", 4)
    yield lambda: against_peer(f"add {big}", "W1", "add", 0.5)
    yield lambda: compared(
        f"restore {big}", run.figure("W1", "restore", OURS), run.limit(one + "cp"), "`cp`", 2
    )
    yield lambda: Row(
        f"restore {big}: memory",
        f"{run.figure('W1', 'restore', OURS, 'rss') / MIB:.0f} MiB",
        "",
        run.figure("W1", "restore", OURS, "rss") / MIB,
        150,
    )
    yield lambda: against_copy(f"push {big} to a directory", "W8", "W1 push", 1.2)
    yield lambda: against_copy(f"clone and fill {big}", "W8", "W1 clone + pull", 3)
    yield lambda: against_peer(f"push {small} to a directory", "W8", "W2 push", 0.1)
    yield lambda: against_peer(f"clone and fill {small}", "W8", "W2 clone + pull", 0.25)
    filter_name = "filter that only drains"
    yield lambda: against(
        f"`git add` {small}", ("W2", "add", OURS), ("W2", "add", "drain"), filter_name, 1.5
    )
    yield lambda: against(
        f"`git mlvc add` {small}",
        ("W2", "add", "mlvc-add"),
        ("W2", "add", "drain"),
        filter_name,
        0.5,
    )
    for share in "all", "5 %":
        step = f"switch {share}"
        yield lambda step=step: against(
            f"{step} of {small}", ("W2", step, OURS), ("W2", step, "git"), "git, plain files", 1.3
        )
        yield lambda step=step: against_peer(f"{step} of {small}", "W2", step, 1)
    yield lambda: against(
        f"`git status`, {small}",
        ("W2", "status, clean", OURS),
        ("W2", "status, clean", "git"),
        "git without a filter",
        1.1,
    )
    yield lambda: touched(run)
    for workload, (bound, what) in DEDUP.items():
        yield from versions(run, workload, bound, what, against, against_peer)
    for step, bound in START_UP_MS.items():
        yield lambda step=step, bound=bound: start_up(run, step, bound)


def touched(run):
    """One file touched: a status that is clean, and cleaning that file."""
    ours = run.figure("W2", "status, 1 file touched", OURS)
    base = run.figure("W2", "status, clean", "git") + run.figure("W2", "clean 1 file", OURS)
    return compared("`git status`, 1 file touched", ours, base, "clean status + cleaning it", 1.1)


def versions(run, workload, bound, what, against, against_peer):
    def kept(place, text):
        fresh = run.size(workload, OURS, "fresh")
        size = run.size(workload, OURS, place)
        return Row(
            f"{what}: {text}",
            f"{size / MIB:.0f} MiB",
            f"{fresh / MIB:.0f} MiB new",
            size / fresh,
            bound,
        )

    yield lambda: kept("store", "stored")
    yield lambda: kept("remote", "pushed")
    first, following = "add first version", "add next version"
    yield lambda: against(
        f"{what}: first", (workload, first, OURS), (workload, first, "git-lfs"), "git-lfs", 1
    )
    yield lambda: against_peer(f"{what}: next", workload, following, 0.5)


def start_up(run, step, bound_ms):
    took_ms = run.figure("W6", step, OURS) * 1000
    return Row(step, f"{took_ms:.1f} ms", "", took_ms, bound_ms)


def table(doc, copy):
    """The promises as a Markdown table; what the run did not measure is left out and named."""
    run = Run(doc, copy)
    lines = ["| work | git-mlvc | against | measured | target | |", "|---|--:|--:|--:|--:|---|"]
    missing = []
    for make in rows(run):
        try:
            row = make()
        except Missing as what:
            missing.append(str(what))
            continue
        verdict = "met" if row.is_kept else "**short**"
        lines.append(
            f"| {row.work} | {row.ours} | {row.against} | {row.measured:.3g} | ≤ {row.bound:g} | {verdict} |"
        )
    if doc["settings"]["scale"] != 1:
        lines += ["", f"At scale {doc['settings']['scale']:g}: the targets are meant for scale 1."]
    if missing:
        lines += ["", f"Not measured in this run: {'; '.join(dict.fromkeys(missing))}."]
    return lines


def print_for_results(table):
    """Print a table of each result file named on the command line."""
    for name in sys.argv[1:]:
        with open(name) as stream:
            doc = json.load(stream)
        print("\n".join(table(doc, "cp + fsync" if doc["on_disk"] else "cp")), end="\n\n")


if __name__ == "__main__":
    print_for_results(table)

"""The Markdown report of one run."""

from statistics import median

import summary
import targets

MIB = 1 << 20
# What a step costs at the very least: the step of W7 (or W6) that it is compared with.
LIMITS = {
    ("W1", "add"): ("1 file: cp", 1),
    ("W1", "restore"): ("1 file: cp", 1),
    ("W2", "add"): ("tree: cp -r", 1),
    ("W2", "switch all"): ("tree: cp -r over old files", 1),
    ("W8", "W1 push"): ("1 file: cp", 1),
    ("W8", "W1 clone + pull"): ("1 file: cp", 1),
    ("W8", "W2 push"): ("tree: cp -r", 1),
    ("W8", "W2 clone + pull"): ("tree: cp -r", 1),
    **{
        (workload, step): ("1 file: cp", part)
        for workload, part in (("W3", 1 / 2), ("W4", 1 / 2), ("W5", 1 / 4))
        for step in ("add first version", "add next version", "switch first and last")
    },
}
TITLES = {
    "W1": "W1: one incompressible file, 1 GiB",
    "W2": "W2: 20,000 files of about 4 KiB",
    "W3": "W3: ten versions of a 512 MiB file, each with 1 % inserted, deleted, overwritten",
    "W4": "W4: six versions of a 512 MiB CSV table, each 1 % longer",
    "W5": "W5: five versions of a 256 MiB checkpoint, a fifth of the layers changed",
    "W6": "W6: start-up and no-op commands",
    "W7": "W7: limits of the machine, the pipe and Git",
    "W8": "W8: push to and clone from a local directory",
}


def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def table(head, rows):
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines] + [""]


def times(doc, workload, steps):
    """One row per step and tool, fastest first within a step."""
    factor = doc["settings"]["scale"]
    whole = {
        s: median(x["wall"] for x in tools["limit"])
        for s, tools in doc["samples"].get("W7", {}).items()
    }
    rows = []
    for step, tools in steps.items():
        data = step.split()[0] if workload == "W8" else workload
        parts = {name: doc["scales"].get(data, {}).get(name, factor) / factor for name in tools}
        full = {
            name: median(s["wall"] for s in samples) / parts[name]
            for name, samples in tools.items()
        }
        copying = [full[n] for n in full if n in doc["peers"] and n not in doc["links"]]
        best = min(copying, default=0)
        bound, part = LIMITS.get((workload, step), (None, 1))
        limit = whole.get(bound, 0) * part
        for name in sorted(full, key=full.get):
            samples, walls = tools[name], [s["wall"] for s in tools[name]]
            middle = {key: median(s[key] for s in samples) for key in samples[0]}
            mark = "†" * (name in doc["links"]) + "‡" * (parts[name] != 1)
            rows.append(
                [
                    step,
                    name + mark,
                    seconds(middle["wall"]),
                    f"{seconds(min(walls))}–{seconds(max(walls))}",
                    len(walls),
                    seconds(middle["cpu"]),
                    f"{middle['rss'] / MIB:.0f}",
                    f"{middle['read'] / MIB:.0f}",
                    f"{middle['written'] / MIB:.0f}",
                    seconds(middle["sync"]),
                    f"{middle['others']:.1f}",
                    *(
                        "≤ " * (parts[name] != 1) + f"{full[name] / base:.2f}" if base else ""
                        for base in (best, limit)
                        if workload != "W7"
                    ),
                ]
            )
    head = [
        "step",
        "tool",
        "median s",
        "min–max s",
        "n",
        "CPU s",
        "peak MiB",
        "read MiB",
        "written MiB",
        "sync s",
        "others",
    ]
    return table(head + (["× fastest peer", "× limit"] if workload != "W7" else []), rows)


def bytes_kept(doc, sizes):
    """Bytes stored, as shares of the data: all versions together, and what is really new."""
    rows = []
    for name, size in sorted(sizes.items(), key=lambda item: item[1]["store"] / item[1]["data"]):
        fresh = size.get("fresh") or size["data"]
        rows.append(
            [
                name + "†" * (name in doc["links"]),
                f"{size['data'] / MIB:.0f}",
                f"{fresh / MIB:.0f}",
                f"{size['store'] / MIB:.0f}",
                f"{size['remote'] / MIB:.0f}",
                f"{size['shared'] / MIB:.0f}",
                f"{size['total'] / MIB:.0f}",
                f"{size['store'] / size['data']:.3f}",
                f"{size['store'] / fresh:.3f}",
            ]
        )
    return table(
        [
            "tool",
            "data MiB",
            "new in it MiB",
            "store MiB",
            "remote MiB",
            "of it linked MiB",
            "store + working tree MiB",
            "store / data",
            "store / new",
        ],
        rows,
    )


def markdown(doc):
    out = ["# Benchmark: git-mlvc and its peers", ""]
    settings = doc["settings"]
    out += [
        f"Scale {settings['scale']:g}, {settings['repeats']} repeats, seed {settings['seed']}; "
        f"{doc['machine']['processors']} processors, {doc['machine']['system']} "
        f"{doc['machine']['kernel']}, Python {doc['machine']['python']}.",
        "",
        "Versions: " + "; ".join(f"{k} {v}" for k, v in doc["versions"].items()) + ".",
        "",
        "Wall clock, CPU and peak memory (largest single process) of whole process trees; "
        f"memory below {doc['harness_rss'] / MIB:.0f} MiB is the harness's own. Sync: writing "
        "out afterwards what the command left in the page cache. Others: processors that other "
        "work on the machine kept busy meanwhile. Read, written: by read(), write() and the "
        "like, pipes included. † the working tree holds links "
        "to the store, not copies; × fastest peer compares with the fastest copying peer. "
        "‡ measured on a part of the data: seconds as measured, ratios scaled up, start-up "
        "included, so that they are upper bounds.",
        "",
    ]
    out += [f"- {name}: {note}" for name, note in doc["notes"].items()] + [""]
    copy = "cp + fsync" if doc["on_disk"] else "cp"
    out += ["## In short", "", *summary.table(doc, copy), ""]
    out += ["## Targets", "", *targets.table(doc, copy), ""]
    for workload, title in TITLES.items():
        if steps := doc["samples"].get(workload):
            out += [f"## {title}", "", *times(doc, workload, steps)]
        if sizes := doc["sizes"].get(workload):
            out += [f"Bytes on disk ({workload}):", "", *bytes_kept(doc, sizes)]
    for workload, tools in doc["errors"].items():
        out += [f"- {workload}, {name}: failed: {text}" for name, text in tools.items()]
    return "\n".join(out)

"""One run as one table: git-mlvc beside its fastest peer, git-lfs, DVC and what the machine allows.

python3 bench/summary.py RESULT.json…        # what `bench.py --out RESULT` wrote
"""

from targets import MIB, OURS, Missing, Run, print_for_results

_COLUMNS = "work", "git-mlvc", "fastest peer", "git-lfs", "DVC", "limit", "÷ peer", "÷ limit"
_COPY = "1 file: {copy}"
# What is shown: its name, workload, step, and the limit: a step of W7, or a tool's of the same step.
_ROWS = (
    ("`git add`, 1 GiB", "W1", "add", _COPY),
    ("`git checkout -- FILE`, 1 GiB", "W1", "restore", _COPY),
    ("push 1 GiB to a directory", "W8", "W1 push", _COPY),
    ("clone and fill, 1 GiB", "W8", "W1 clone + pull", _COPY),
    ("`git add`, 20,000 files", "W2", "add", "drain"),
    ("`git mlvc add`, 20,000 files", "W2", "add", "drain", "mlvc-add"),
    ("`git status`, nothing changed", "W2", "status, clean", "git"),
    ("`git status`, one file touched", "W2", "status, 1 file touched", "git"),
    ("add 5 % of the files", "W2", "add 5 %", None),
    ("switch 5 % of the files", "W2", "switch 5 %", "git"),
    ("switch all files", "W2", "switch all", "git"),
    ("push 20,000 files to a directory", "W8", "W2 push", None),
    ("clone and fill, 20,000 files", "W8", "W2 clone + pull", None),
    *(
        (f"{what}: {text}", workload, step, None)
        for workload, what in (("W3", "edited file"), ("W4", "growing table"), ("W5", "checkpoint"))
        for step, text in (
            ("add first version", "add first"),
            ("add next version", "add next"),
            ("push next version", "push next"),
            ("switch first and last", "switch"),
        )
    ),
)
_SIZES = ("W3", "edited file"), ("W4", "growing table"), ("W5", "checkpoint")


def table(doc, copy):
    """Seconds (medians), then bytes; a cell of what was not measured is empty."""
    run = Run(doc, copy)
    lines = [f"| {' | '.join(_COLUMNS)} |", "|---" + "|--:" * (len(_COLUMNS) - 1) + "|"]
    for row in _ROWS:
        cells = _timed(run, *row)
        if cells:
            lines.append(f"| {' | '.join(cells)} |")
    for workload, what in _SIZES:
        cells = _stored(run, workload)
        if cells:
            lines.append(f"| {what}: stored ÷ new | {' | '.join(cells)} |")
    return lines


def _timed(run, name, workload, step, limit, tool=OURS):
    ours = _or_none(run.figure, workload, step, tool)
    if ours is None:
        return None
    peer = _or_none(run.best_peer, workload, step)
    bound = None
    if limit in ("git", "drain"):
        bound = _or_none(run.figure, workload, step, limit)
    elif limit:
        bound = _or_none(run.limit, limit.format(copy=run.copy))
    return [
        name,
        _seconds(ours),
        f"{_seconds(peer[0])} {peer[1]}" if peer else "",
        _seconds(_or_none(run.figure, workload, step, "git-lfs")),
        _seconds(_or_none(run.figure, workload, step, "dvc")),
        _seconds(bound),
        f"{ours / peer[0]:.2f}" if peer else "",
        f"{ours / bound:.2f}" if bound else "",
    ]


def _stored(run, workload):
    def ratio(tool):
        size = _or_none(run.size, workload, tool, "store")
        return None if size is None else size / run.size(workload, tool, "fresh")

    ours = ratio(OURS)
    if ours is None:
        return None
    peers = {ratio(tool): tool for tool in run.doc["peers"] if ratio(tool) and tool != "git"}
    best = min(peers, default=None)
    kept = f"{run.size(workload, OURS, 'store') / MIB:.0f} MiB, {ours:.2f}"
    return [
        kept,
        f"{best:.2f} {peers[best]}" if best else "",
        *(f"{ratio(tool):.2f}" if ratio(tool) else "" for tool in ("git-lfs", "dvc")),
        "",
        f"{ours / best:.2f}" if best else "",
        "",
    ]


def _or_none(look, *what):
    try:
        return look(*what)
    except Missing:
        return None


def _seconds(value):
    if value is None:
        return ""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


if __name__ == "__main__":
    print_for_results(table)

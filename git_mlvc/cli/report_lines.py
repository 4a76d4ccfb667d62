"""How the reports that several verbs give are shown, and the exit code that goes with them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING

from git_mlvc.errors import ExitCode, MlvcError
from git_mlvc.units import count_text, names_text, size_text

if TYPE_CHECKING:
    from git_mlvc.cli.output import Output
    from git_mlvc.formats.pointer import Pointer
    from git_mlvc.hooks.install import Report
    from git_mlvc.repo_path import RepoPath
    from git_mlvc.transfer.plan import FetchReport, PushReport
    from git_mlvc.worktree.fill import FillReport, Left

_MOST_SHOWN = 20


def show_install(output: Output, report: Report) -> int:
    """What was installed or removed; exit code 1 when something is left that only the user can settle."""
    for line in report.lines:
        output.line(line)
    for conflict in report.conflicts:
        output.message(f"warning: {conflict}")
    return ExitCode.ANSWER if report.conflicts else ExitCode.OK


def push_fields(report: PushReport) -> dict[str, object]:
    """The JSON of a push or a copy."""
    return {
        "files": report.files,
        "chunks": report.chunks,
        "logical_bytes": report.logical_bytes,
        "sent_bytes": report.sent_bytes,
        "packs": report.packs,
        "already_there_bytes": report.already_there_bytes,
        "runs": report.runs,
        "runs_left": sum(bundle.run is not None for bundle in report.left),
    }


def fetch_fields(report: FetchReport, paths: Mapping[Pointer, RepoPath]) -> dict[str, object]:
    """The JSON of a fetch."""
    return {
        "files": report.files,
        "chunks": report.chunks,
        "logical_bytes": report.logical_bytes,
        "received_bytes": report.received_bytes,
        "saved_bytes": report.saved_bytes,
        "failed": [
            {"path": paths.get(pointer), "oid": pointer.oid, "why": str(why)}
            for pointer, why in report.failed.items()
        ],
    }


def show_fetch(
    output: Output,
    report: FetchReport,
    paths: Mapping[Pointer, RepoPath],
    unopened: Sequence[MlvcError],
    *,
    told: Container[RepoPath] = (),
) -> int:
    """One line, and one for each reason why something could not be had; the first one's exit code.

    `unopened`: remotes that were not asked, which may well have what is lacking. `told`: of these all is said.
    """
    failed = {p: why for p, why in report.failed.items() if paths.get(p) not in told}
    output.line(f"fetch: {report.summary()}")
    for failure in unopened if failed else ():
        output.error(failure.what, why=failure.why, hint=failure.hint)
    # Each file may have a chunk or pack of its own to name; told is each kind of failure, once.
    by_kind: dict[tuple[type[MlvcError], str], list[tuple[str, MlvcError]]] = {}
    code: int = ExitCode.OK
    for pointer, why in failed.items():
        name = str(paths.get(pointer, pointer.oid.short))
        by_kind.setdefault((type(why), why.hint), []).append((name, why))
        code = code or why.exit_code
    for failures in by_kind.values():
        _tell_one_of(output, failures)
    return code


def _tell_one_of(output: Output, failures: Sequence[tuple[str, MlvcError]]) -> None:
    """Show all names, and the first reason for all of the same kind."""
    first = failures[0][1]
    others = len({(why.what, why.why) for _, why in failures}) - 1
    more = f"\n{count_text(others, 'more reason')} of this kind" if others else ""
    names = named([name for name, _ in failures])
    output.error(f"cannot fetch {names}\n{first.what}", why=first.why + more, hint=first.hint)


def fill_fields(report: FillReport) -> dict[str, object]:
    """The JSON of a fill."""
    return {
        "filled": report.filled,
        "size_bytes": report.size_bytes,
        "left": [
            {"path": path, "kind": left.kind, "why": left.why} for path, left in report.left.items()
        ],
    }


def show_fill(output: Output, report: FillReport, *, told: Container[RepoPath] = ()) -> int:
    """One line, and what is still a stub with the reason; exit code 5 when something is.

    `told`: of these all is said.
    """
    if report.filled or not report.left:
        output.line(
            f"filled {count_text(len(report.filled), 'file')}, {size_text(report.size_bytes)}"
        )
    return tell_left(output, {p: why for p, why in report.left.items() if p not in told})


def tell_left(output: Output, left: Mapping[RepoPath, Left]) -> int:
    by_reason: dict[tuple[str, str], list[str]] = {}
    for path, reason in left.items():
        by_reason.setdefault((reason.why, reason.hint), []).append(str(path))
    for (why, hint), names in by_reason.items():
        output.error(f"cannot fill {named(names)}", why=why, hint=hint or "git mlvc pull")
    return ExitCode.STORE if left else ExitCode.OK


def named(names: list[str], noun: str = "file") -> str:
    """Return the first names, and how many more there are."""
    return names_text(names, most=_MOST_SHOWN, noun=noun)

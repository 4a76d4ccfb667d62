"""`outs`, `metrics` and `plots` of a stage: texts, or tables with options. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from git_mlvc.formats.pointer import NEVER_DATA
from git_mlvc.pipeline.model import Out, OutKind
from git_mlvc.pipeline.stage_files.written import Written
from git_mlvc.pipeline.stage_files.written_paths import PathMistake, resolved
from git_mlvc.repo_path import RepoPath

OUT_KEYS = ("path", "persist", "store", "push", "desc")
METRIC_KEYS = (*OUT_KEYS, "goal")
PLOT_KEYS = (*OUT_KEYS, "x", "y", "title", "template", "x_label", "y_label")
GOALS = ("max", "min")
_KEYS = {OutKind.OUT: OUT_KEYS, OutKind.METRIC: METRIC_KEYS, OutKind.PLOT: PLOT_KEYS}
_NEVER_OUTS = {name.decode("ascii") for name in NEVER_DATA}


def outs(written: Written, kind: OutKind, folder: RepoPath | None) -> Iterator[Out]:
    """Yield what one of the three lists names. Raises Mistake."""
    for entry in written.items("paths"):
        if isinstance(entry.meant().value, Mapping):
            yield _from_table(entry, kind, folder)
        elif isinstance(entry.value, str):
            path, is_directory = _path(entry, folder)
            yield Out(path, kind, is_directory, is_stored=kind is OutKind.OUT)
        else:
            raise entry.expected("a path or a table")


def _from_table(entry: Written, kind: OutKind, folder: RepoPath | None) -> Out:
    table = entry.table(_KEYS[kind])
    if "path" not in table:
        raise entry.mistake("it has no path", hint='write {path = "…", …}')
    path, is_directory = _path(table["path"], folder)
    flags = {name: table[name].flag() for name in ("persist", "store", "push") if name in table}
    options: dict[str, object] = {
        name: _option(name, table[name], folder) for name in table if name not in OUT_KEYS
    }
    return Out(
        path,
        kind,
        is_directory,
        persist=flags.get("persist", False),
        is_stored=flags.get("store", kind is OutKind.OUT),
        is_pushed=flags.get("push", True),
        desc=table["desc"].text() if "desc" in table else "",
        options=options,
    )


def _path(written: Written, folder: RepoPath | None) -> tuple[RepoPath, bool]:
    text = written.text()
    if "://" in text:
        raise written.mistake(f"'{text}' is an address; a stage makes files in the repository")
    if "*" in text or "?" in text:
        raise written.mistake(
            f"'{text}' is a pattern; what a stage makes is named",
            hint="name the directory they are in, with a slash at its end",
        )
    try:
        path = resolved(folder, text)
    except PathMistake as exc:
        raise written.mistake(f"'{text}': {exc.what}", hint=_hint(exc)) from exc
    if not path:
        raise written.mistake(f"'{text}' is the whole repository", hint="name what is made in it")
    if folder is not None and (path == folder.text or folder.text.startswith(path + "/")):
        raise written.mistake(f"'{text}' holds this file", hint="name what is made in it")
    name = path.rpartition("/")[2]
    if name in _NEVER_OUTS:
        raise written.mistake(f"'{text}': a stage cannot make a {name}")
    return RepoPath.parse(path), text.endswith("/")


def _hint(exc: PathMistake) -> str:
    return "let the command write below the repository's top" if exc.hint else ""


def _option(name: str, written: Written, folder: RepoPath | None) -> object:
    """Return what an option says; the file of a template is named from the top, as all paths are."""
    if name == "goal":
        return _goal(written)
    if name == "template" and written.text().endswith(".json"):
        return _path(written, folder)[0].text
    if name == "y" and isinstance(written.meant().value, list):
        return [one.text() for one in written.items()]
    return written.text()


def _goal(written: Written) -> object:
    """Return "max" or "min" for all metrics of the file, or a table of them by name."""
    meant = written.meant()
    if isinstance(meant.value, Mapping):
        return {key: _direction(one) for key, one in meant.table().items()}
    return _direction(written)


def _direction(written: Written) -> str:
    text = written.text()
    if text not in GOALS:
        raise written.mistake(f"expected 'max' or 'min', found '{text}'")
    return text

"""The house keeps its shape: import direction, names, docstrings, verbs, and nothing from a workplace."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

from git_mlvc.cli.registry import SECTIONS, VERBS

TOP = Path(__file__).parent.parent
PACKAGE = TOP / "git_mlvc"
MODULES = sorted(PACKAGE.rglob("*.py"))
DOORS = {"cli", "hooks", "filter", "log", "__main__"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "core", "types"}
PROCESS_NAMES = {"sys.argv", "sys.stdin", "os.environ", "os.environb", "os.getenv", "Path.home"}
PROCESS_ATTRIBUTES = {used.partition(".")[2] for used in PROCESS_NAMES} | {"expanduser"}
# Spelled in pieces, so that this file does not hold what it looks for.
WORKPLACES = re.compile("|".join(["/" + "work/", "/" + "farm/", "/tmp/" + r"(?:v|peers|proto)\b"]))


def tracked_files() -> list[Path]:
    """Return what git tracks, or, in an unpacked source archive, what is there."""
    shown = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], capture_output=True, check=False)
    if shown.returncode == 0:
        return [TOP / name for name in shown.stdout.decode().split("\0") if name]
    return [
        path
        for path in TOP.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(TOP).parts)
    ]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def name(path: Path) -> str:
    return str(path.relative_to(TOP))


def test_no_module_has_the_name_of_a_bottom_drawer() -> None:
    found = [path for path in PACKAGE.rglob("*") if path.stem in FORBIDDEN_NAMES]
    assert found == []


def test_every_module_begins_with_a_caption() -> None:
    captions = {name(path): ast.get_docstring(parsed(path)) for path in MODULES}
    assert [module for module, caption in captions.items() if not ends_well(caption or "")] == []


def ends_well(docstring: str) -> bool:
    lines = docstring.splitlines()
    return len(lines) > 1 or (bool(lines) and lines[0][-1] in ".:,;)`")


def test_every_module_can_be_read_in_one_sitting() -> None:
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert [module for module, lines in lengths.items() if lines > 500] == []


def test_every_package_is_listed_on_a_floor() -> None:
    import tomllib

    contracts = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = next(c for c in contracts["contracts"] if c["type"] == "layers")
    listed = {room.strip() for layer in floors["layers"] for room in layer.split("|")}
    optional = {room for room in listed if room.startswith("(")}
    present = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" and not path.stem.startswith("__"))
        or (path / "__init__.py").exists()
    }
    assert present - {room.strip("()") for room in optional} == listed - optional


def test_every_verb_resolves_to_a_command_that_explains_itself() -> None:
    for called, verb in VERBS.items():
        module, _, attribute = verb.target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), called
        assert command.name == called
        assert command.short_help == verb.summary, called
        assert verb.section in SECTIONS, called
        for told in explained(command):
            assert "Example:" in (told.help or ""), f"{called}: {told.name}"
            for parameter in told.params:
                if isinstance(parameter, click.Option):
                    assert parameter.help, f"{called}: {told.name} {parameter.name} has no help"


def explained(command: click.Command) -> list[click.Command]:
    if not isinstance(command, click.Group):
        return [command]
    return [command, *(told for child in command.commands.values() for told in explained(child))]


def test_every_command_module_is_in_the_registry() -> None:
    present = {
        path.stem for path in (PACKAGE / "cli" / "commands").glob("*.py") if path.stem != "__init__"
    }
    registered = {verb.target.partition(":")[0].rpartition(".")[2] for verb in VERBS.values()}
    assert present == registered


def test_law_6_only_doors_look_at_the_process_they_are_in() -> None:
    """At its arguments, its environment, its standard input; and at the home they stand for."""
    behind = [
        p for p in MODULES if p.relative_to(PACKAGE).parts[0].removesuffix(".py") not in DOORS
    ]
    looks = {name(path): looks_at_its_process(parsed(path)) for path in behind}
    assert {module: found for module, found in looks.items() if found} == {}


def looks_at_its_process(module: ast.Module) -> set[str]:
    """Return which of the names that speak of it are used."""
    dotted, imported, calls = set(), set(), set()
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in PROCESS_ATTRIBUTES:
            dotted.add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.add(node.func.id)
    expanding = {used for used in dotted if used.endswith(".expanduser")} - {"os.path.expanduser"}
    return (dotted | imported) & PROCESS_NAMES | expanding | calls & {"input", "print"}


@pytest.mark.parametrize("number", range(1, 13))
def test_every_law_is_shown_by_tests_that_exist(number: int) -> None:
    page = (TOP / "docs" / "laws.md").read_text("utf-8")
    law = re.split(r"(?m)^\d+\. \*\*", page)[number]
    named: dict[str, list[str]] = {}
    for file, test in re.findall(r"`(tests/[^`]+\.py)`|`(test_[^`]+)`", law):
        if file:
            named[file] = []
        else:
            named[list(named)[-1]].append(test)
    assert any(named.values())
    for file, tests in named.items():
        written = (TOP / file).read_text("utf-8")
        for test in tests:
            assert test.startswith(f"test_law_{number}_")
            assert f"def {test}(" in written, f"{file} has no {test}"


def test_nothing_speaks_of_a_workplace() -> None:
    found = []
    for path in tracked_files():
        if not path.is_file() or path.is_symlink():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(TOP)}: {hit[0]}" for hit in WORKPLACES.finditer(text)]
    assert found == []


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md" and path.is_file()]
    lost = [
        f"{page.relative_to(TOP)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert lost == []


def test_reference_of_commands_is_up_to_date() -> None:
    from git_mlvc.cli.reference import reference

    written = (TOP / "docs" / "reference" / "commands.md").read_text("utf-8")
    assert written == reference(), "run `make docs`"
